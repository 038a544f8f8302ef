package redislock_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/redislock"
)

func TestTwoNodesMayNotHaveOneAddress(t *testing.T) {
	t.Parallel()
	for _, urls := range []string{
		"redis://h:7000 redis://h:7000",
		"redis://h:7000/0 redis://h:7000/1",
		"redis://h:7000 redis://h:7000/",
		"redis://h redis://h:6379",
		"redis://h redis://H.",
		"redis://a:x@h redis://b:y@h",
		"redis://h rediss://h",
		"redis://h redis://h?read_timeout=1s",
		"redis://127.0.0.1:7000 redis://localhost:7000",
		"redis://127.0.0.1 redis://[::1]:6379",
		"redis://127.0.0.1 redis://[::ffff:127.0.0.1]",
		"redis://localhost redis://0.0.0.0",
		"redis://[::2] redis://[0:0:0:0:0:0:0:2]",
		"unix:///tmp/r.sock?db=1 unix:///tmp/r.sock?db=2",
		"redis://h:1?addr=i:2 redis://j:3?addr=i:2",
		"redis://s:1?master_name=m redis://s:1?master_name=m",
	} {
		clients, err := redislock.OpenNodes(strings.Fields(urls + " redis://other:1"))
		if err == nil || clients != nil || !strings.Contains(err.Error(), "same server") {
			t.Errorf("%s: got %v, want that they are one server", urls, err)
		}
	}
	for _, urls := range []string{
		"redis://h:7000 redis://h:7001 redis://h:7002",
		"redis://a redis://b redis://c",
		"redis://s:1?master_name=m redis://s:1?master_name=n",
		"redis://127.0.0.1 redis://127.0.0.2",
		"unix:///tmp/1.sock unix:///tmp/2.sock",
	} {
		clients, err := redislock.OpenNodes(strings.Fields(urls))
		if err != nil {
			t.Errorf("%s: %v", urls, err)
		}
		for _, client := range clients {
			must(t, client.Close())
		}
	}
}

// Two names of one server can't always be told from different servers, but the server knows the
// token.
func TestNodesThatAreOneServerAreNoOtherHolder(t *testing.T) {
	t.Parallel()
	one, two := miniRedis(t).Addr(), miniRedis(t).Addr()
	for name, addrs := range map[string][]string{
		"all of three": {one, one, one},
		// Without the third node, the lease would be at stake with the one server.
		"two, and the third is away": {two, two, "127.0.0.1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var clients []redislock.Client
			for _, addr := range addrs {
				clients = append(clients, open(t, "redis://"+addr+patient))
			}
			lock, err := redislock.NewQuorum(clients, redislock.Options{
				Server: "server-a", TTL: time.Minute, Now: time.Now,
			})
			must(t, err)
			_, err = lock.Obtain(t.Context(), key)
			if !errors.Is(err, billing.ErrUnavailable) || errors.Is(err, billing.ErrHeld) ||
				!strings.Contains(err.Error(), "same server") {
				t.Errorf("got %v, want that two nodes are one server", err)
			}
			flush(t, lock)
			if n := clients[0].Exists(t.Context(), key).Val(); n != 0 {
				t.Error("left a key")
			}
		})
	}
}

func TestCheckSaysWhatMayCostALease(t *testing.T) {
	t.Parallel()
	for policy, want := range map[string]string{
		"allkeys-lru": "noeviction", "volatile-ttl": "noeviction", "noeviction": "",
	} {
		client := open(t, "redis://127.0.0.1:"+
			startRedis(t, "--maxmemory", "100mb", "--maxmemory-policy", policy)+patient)
		warning, err := redislock.Check(t.Context(), client, "lock:check")
		must(t, err)
		if got := warning != nil; got != (want != "") ||
			got && !strings.Contains(warning.Error(), want) {
			t.Errorf("%s: got %v", policy, warning)
		}
	}
	unlimited := startRedis(t, "--maxmemory-policy", "allkeys-lru")
	for _, url := range []string{
		"redis://127.0.0.1:" + unlimited + patient, "redis://" + miniRedis(t).Addr() + patient,
		"redis://127.0.0.1:1", // nobody is there
	} {
		warning, err := redislock.Check(t.Context(), open(t, url), "lock:check")
		if warning != nil || err != nil {
			t.Errorf("%s: got %v, %v", url, warning, err)
		}
	}
}

// With one URL, a node of a Cluster refuses the keys of the others.
func TestANodeOfAClusterAlone(t *testing.T) {
	t.Parallel()
	port := startRedis(t, "--cluster-enabled", "yes", "--cluster-require-full-coverage", "no",
		"--cluster-port", freePort(t), "--cluster-announce-ip", "127.0.0.1")
	other := startRedis(t, "--cluster-enabled", "yes", "--cluster-require-full-coverage", "no",
		"--cluster-port", freePort(t), "--cluster-announce-ip", "127.0.0.1")
	client, peer := open(t, "redis://127.0.0.1:"+port+patient), open(t, "redis://127.0.0.1:"+other)
	must(t, client.Do(t.Context(), "cluster", "addslotsrange", 0, 8000).Err())
	must(t, peer.Do(t.Context(), "cluster", "addslotsrange", 8001, 16383).Err())
	id, err := peer.Do(t.Context(), "cluster", "myid").Text()
	must(t, err)
	info, err := peer.Do(t.Context(), "config", "get", "cluster-port").Result()
	must(t, err)
	bus := info.(map[any]any)["cluster-port"]
	must(t, client.Do(t.Context(), "cluster", "meet", "127.0.0.1", other, bus).Err())
	for {
		nodes, err := client.Do(t.Context(), "cluster", "nodes").Text()
		must(t, err)
		state, err := client.Do(t.Context(), "cluster", "info").Text()
		must(t, err)
		if strings.Contains(nodes, id) && strings.Contains(nodes, "8001-16383") &&
			strings.Contains(state, "cluster_state:ok") {
			break
		}
		<-time.After(10 * time.Millisecond)
	}
	_, err = redislock.Check(t.Context(), client, "lock:check")
	if err == nil || !strings.Contains(err.Error(), "?addr=") {
		t.Errorf("got %v, want to know how to give a Cluster", err)
	}
}
