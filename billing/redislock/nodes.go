package redislock

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// OpenNodes returns a client for each URL, as Open does. It is an error if two URLs lead to one
// server, whatever else differs in them: a Quorum would never get its leases.
func OpenNodes(urls []string) (clients []Client, err error) {
	defer func() {
		if err != nil {
			for _, client := range clients {
				_ = client.Close()
			}
			clients = nil
		}
	}()
	first := map[string]int{} // the number of the first URL of each server
	for i, rawURL := range urls {
		client, err := Open(rawURL)
		if err != nil {
			return clients, err
		}
		clients = append(clients, client)
		for _, name := range servers(rawURL) {
			if n := first[name]; n != 0 && n != i+1 {
				return clients, fmt.Errorf("URLs %d and %d lead to %s: %w",
					n, i+1, name, errOneServer)
			}
			first[name] = i + 1
		}
	}
	return clients, nil
}

// servers returns names of the servers that a valid URL leads to, the same for the same server.
func servers(rawURL string) (names []string) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil
	}
	if u.Scheme == "unix" {
		return []string{u.Path}
	}
	query := u.Query()
	for _, host := range append(query["addr"], u.Host) {
		// One Sentinel knows several primaries.
		names = append(names, canonical(host)+strings.TrimSuffix("/"+query.Get("master_name"), "/"))
	}
	return names
}

// canonical returns the one way to write an address. This machine's servers listen on all its
// loopback addresses.
func canonical(address string) string {
	u := url.URL{Host: address}
	host, port := strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")), u.Port()
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.Unmap().String()
	}
	switch host {
	case "", "127.0.0.1", "::1", "0.0.0.0", "::":
		host = "localhost"
	}
	if port == "" {
		port = "6379"
	}
	return net.JoinHostPort(host, port)
}

// slotsProbed keys are in as many slots of a Cluster. Of two nodes or more, one has all of them
// once in 60,000 times.
const slotsProbed = 16

// Check looks at a client's Redis before there are leases, by reading keys that begin with the
// given one. The error says why no lease would work, the warning what may cost one. Neither is
// about a Redis that is away, which may be back in time, nor about rights, which Obtain proves.
func Check(ctx context.Context, client Client, key string) (warning, err error) {
	pipe := client.Pipeline()
	for i := range slotsProbed {
		pipe.Get(ctx, fmt.Sprint(key, i))
	}
	info := pipe.Info(ctx, "memory")
	cmds, _ := pipe.Exec(ctx)
	for _, cmd := range cmds[:min(slotsProbed, len(cmds))] {
		if isMoved(cmd.Err()) {
			return nil, explained(cmd.Err())
		}
	}
	return evicts(info.Val()), nil
}

// evicts returns an error if Redis may evict leases: every policy but noeviction includes keys with
// a TTL. They are evicted only once the memory is full, and the renewal finds that out, too late.
func evicts(info string) error {
	fields := map[string]string{}
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		fields[name] = value
	}
	policy, limit := fields["maxmemory_policy"], fields["maxmemory"]
	if policy == "" || policy == "noeviction" || limit == "" || limit == "0" {
		return nil
	}
	return errors.New("when its memory is full, this Redis evicts leases (maxmemory-policy " +
		policy + "), and two servers may charge an invoice: set maxmemory-policy noeviction, or " +
		"keep locks in a Redis of their own")
}
