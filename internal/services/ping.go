package services

import (
	"context"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// pingLimit bounds one attempt to reach a server.
const pingLimit = 5 * time.Second

// Ping returns nil if the Postgres or Redis at the URL accepts the login and answers.
func Ping(ctx context.Context, rawURL string) error {
	scheme, _, _ := strings.Cut(rawURL, ":")
	if scheme == "postgres" || scheme == "postgresql" {
		return pingPostgres(ctx, rawURL)
	}
	return pingRedis(ctx, rawURL)
}

func pingPostgres(ctx context.Context, databaseURL string) error {
	ctx, cancel := context.WithTimeout(ctx, pingLimit)
	defer cancel()
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return err
	}
	return errors.Join(conn.Ping(ctx), conn.Close(ctx))
}

func pingRedis(ctx context.Context, rawURL string) error {
	u, err := parsedURL(rawURL)
	if err != nil {
		return err
	}
	u.RawQuery = "" // options of the clients that will use it, or further nodes of a Cluster
	o, err := redis.ParseURL(u.String())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, pingLimit)
	defer cancel()
	// The client would print it if it could not connect, which a starting server makes it do often.
	conn, err := redis.NewDialer(o)(ctx, o.Network, o.Addr)
	if err != nil {
		return err
	}
	o.Dialer = func(context.Context, string, string) (net.Conn, error) { return conn, nil }
	o.MaxRetries, o.DialerRetries, o.DisableIdentity = -1, 1, true
	o.ReadTimeout, o.ContextTimeoutEnabled = pingLimit, true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	client := redis.NewClient(o)
	defer client.Close() //nolint:errcheck // no data was written
	return client.Ping(ctx).Err()
}
