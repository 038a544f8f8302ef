package redislock

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Client is what a lock needs of a client of go-redis, such as a redis.UniversalClient. A package
// that names all of that takes a second longer to compile.
type Client interface {
	redis.Cmdable
	AddHook(redis.Hook)
	Do(ctx context.Context, args ...any) *redis.Cmd
	Process(ctx context.Context, cmd redis.Cmder) error
	Close() error
}

// Open returns a client for the Redis at the URL. The client connects on first use.
//
//	redis://user:password@host:6379/0           one server; rediss:// for TLS
//	unix://user:password@/path/redis.sock?db=0  one server, through a Unix socket
//	redis://host:26379?master_name=main         the primary, found through a Sentinel
//	redis://host:6379?addr=host2:6379           a Cluster; one &addr= per further node
//
// The user and password in a Sentinel's URL are the Sentinel's; give those of Redis as &username=
// and &password=, and further Sentinels as &addr=.
//
// The query takes go-redis' options, such as read_timeout=500ms or pool_size=50; see
// redis.ParseURL, redis.ParseFailoverURL and redis.ParseClusterURL. They override Open's defaults,
// except that retries are always off: a SET NX sent again after a lost answer would find the key
// that it set itself, and report the lock as taken.
//
// Errors from Open and from the client never contain the password.
func Open(rawURL string) (Client, error) {
	u, err := parse(rawURL)
	if err != nil {
		return nil, err
	}
	query := u.Query()
	query.Set("max_retries", "-1")
	// Leases last a few seconds; an answer that takes more than one second comes too late.
	for _, name := range []string{"dial_timeout", "read_timeout", "write_timeout"} {
		if !query.Has(name) {
			query.Set(name, "1s")
		}
	}
	u.RawQuery = query.Encode()

	var client Client
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

// parse reads the URL. Its errors quote nothing, which could be part of an unescaped password.
func parse(rawURL string) (*url.URL, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, errors.New("invalid redis URL: want redis://user:password@host:port/0, " +
			"with special characters in the password percent-encoded")
	}
	switch u.Scheme {
	case "unix":
		return u, nil
	case "redis", "rediss":
	default:
		return nil, errors.New("redis URL must begin with redis://, rediss:// or unix://")
	}
	if strings.Contains(u.Path+u.RawQuery+u.Fragment, "@") {
		return nil, errors.New("redis URL has an @ after the host: " +
			"percent-encode it, and any special characters in the password")
	}
	return u, nil
}

// buffers fit some hundred commands. go-redis' own, for reading and for writing, of each of twenty
// connections, have 32 kB, which is more than a megabyte of a server's memory.
const buffers = 8 << 10

// All three kinds of client respect context deadlines, try to connect once (the caller retries),
// and send only HELLO on connecting, without CLIENT SETINFO and CLIENT MAINT_NOTIFICATIONS.

func openSingle(rawURL string) (Client, error) {
	o, err := redis.ParseURL(rawURL)
	if err != nil {
		return nil, err
	}
	o.ContextTimeoutEnabled = true
	o.DialerRetries = 1
	o.DisableIdentity = true
	o.ReadBufferSize, o.WriteBufferSize = buffers, buffers
	o.MaintNotificationsConfig = noMaintNotifications()
	return redis.NewClient(o), nil
}

func openSentinel(rawURL string) (Client, error) {
	o, err := redis.ParseFailoverURL(rawURL)
	if err != nil {
		return nil, err
	}
	if o.RouteByLatency || o.RouteRandomly || o.ReplicaOnly {
		return nil, errors.New("locks can't be read from a replica: " +
			"remove route_by_latency, route_randomly and replica_only")
	}
	o.ContextTimeoutEnabled = true
	o.DialerRetries = 1
	o.DisableIdentity = true
	o.ReadBufferSize, o.WriteBufferSize = buffers, buffers
	return redis.NewFailoverClient(o), nil
}

func openCluster(rawURL string) (Client, error) {
	o, err := redis.ParseClusterURL(rawURL)
	if err != nil {
		return nil, err
	}
	o.ContextTimeoutEnabled = true
	o.DialerRetries = 1
	o.DisableIdentity = true
	o.ReadBufferSize, o.WriteBufferSize = buffers, buffers
	o.MaintNotificationsConfig = noMaintNotifications()
	return redis.NewClusterClient(o), nil
}

func noMaintNotifications() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}
