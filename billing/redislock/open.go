package redislock

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Open returns a client for the Redis that the URL names. It connects when it is first used.
//
//	redis://user:password@host:6379/0           one server; rediss:// for TLS
//	unix://user:password@/path/redis.sock?db=0  the same through a socket
//	redis://host:26379?master_name=main         the primary that the Sentinel there names
//	redis://host:6379?addr=host2:6379           a Cluster; &addr= once for each further node
//
// The user and password in a Sentinel's URL are the Sentinel's, Redis' own are &username= and
// &password=; further Sentinels are &addr=, too.
//
// The query takes go-redis' options, such as read_timeout=500ms or pool_size=50; see
// redis.ParseURL, redis.ParseFailoverURL and redis.ParseClusterURL. They win over what Open sets,
// but for max_retries: no command is sent twice, since a SET NX that is sent again after its
// answer was lost finds the lock taken, by itself.
//
// Errors, here and later, don't contain the password.
func Open(rawURL string) (redis.UniversalClient, error) {
	u, err := parse(rawURL)
	if err != nil {
		return nil, err
	}
	query := u.Query()
	query.Set("max_retries", "-1")
	// A server that hasn't answered within a second won't answer in time for a lease of a few.
	for _, name := range []string{"dial_timeout", "read_timeout", "write_timeout"} {
		if !query.Has(name) {
			query.Set(name, "1s")
		}
	}
	u.RawQuery = query.Encode()

	var client redis.UniversalClient
	switch {
	case query.Has("master_name"):
		client, err = openSentinel(u.String())
	case query.Has("addr"):
		client, err = openCluster(u.String())
	default:
		client, err = openSingle(u.String())
	}
	if err != nil {
		return nil, fmt.Errorf("redis URL: %w", err)
	}
	return client, nil
}

// parse takes the URL apart. What it can't read it doesn't repeat: it may be part of a password
// that lacks its percent signs.
func parse(rawURL string) (*url.URL, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, errors.New("redis URL can't be read: want redis://user:password@host:port/0, " +
			"special characters in the password percent-encoded")
	}
	switch u.Scheme {
	case "unix":
		return u, nil
	case "redis", "rediss":
	default:
		return nil, errors.New("redis URL: want it to begin with redis://, rediss:// or unix://")
	}
	if strings.Contains(u.Path+u.RawQuery+u.Fragment, "@") {
		return nil, errors.New("redis URL has an @ behind the host: " +
			"percent-encode special characters in the password, or the @")
	}
	return u, nil
}

// Beside the options that a query can set, all three kinds of client get these: deadlines of
// contexts count; one attempt to connect, the caller's own retries are enough; no commands of
// go-redis' own (CLIENT SETINFO, CLIENT MAINT_NOTIFICATIONS) beside HELLO.

func openSingle(rawURL string) (redis.UniversalClient, error) {
	o, err := redis.ParseURL(rawURL)
	if err != nil {
		return nil, err
	}
	o.ContextTimeoutEnabled = true
	o.DialerRetries = 1
	o.DisableIdentity = true
	o.MaintNotificationsConfig = noMaintNotifications()
	return redis.NewClient(o), nil
}

func openSentinel(rawURL string) (redis.UniversalClient, error) {
	o, err := redis.ParseFailoverURL(rawURL)
	if err != nil {
		return nil, err
	}
	if o.RouteByLatency || o.RouteRandomly || o.ReplicaOnly {
		return nil, errors.New("a lock can't be read from a replica: " +
			"leave out route_by_latency, route_randomly and replica_only")
	}
	o.ContextTimeoutEnabled = true
	o.DialerRetries = 1
	o.DisableIdentity = true
	return redis.NewFailoverClient(o), nil
}

func openCluster(rawURL string) (redis.UniversalClient, error) {
	o, err := redis.ParseClusterURL(rawURL)
	if err != nil {
		return nil, err
	}
	o.ContextTimeoutEnabled = true
	o.DialerRetries = 1
	o.DisableIdentity = true
	o.MaintNotificationsConfig = noMaintNotifications()
	return redis.NewClusterClient(o), nil
}

func noMaintNotifications() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}
