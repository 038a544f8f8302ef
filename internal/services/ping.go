package services

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
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

// pingRedis is Ping for Redis. It speaks the protocol itself because a client library would retry
// and print each error.
func pingRedis(ctx context.Context, rawURL string) error {
	u, err := url.Parse(rawURL)
	if err != nil {
		// The parser's message repeats the URL and its password.
		return errors.New("not a URL: want redis://[user:password@]host:port/0")
	}
	ctx, cancel := context.WithTimeout(ctx, pingLimit)
	defer cancel()
	conn, err := dialRedis(ctx, u)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // no data was written
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return fmt.Errorf("talk to Redis: %w", err)
	}
	replies := bufio.NewReader(conn)
	if password, ok := u.User.Password(); ok {
		auth := []string{"AUTH", password}
		if user := u.User.Username(); user != "" {
			auth = []string{"AUTH", user, password}
		}
		if err := ask(conn, replies, auth...); err != nil {
			return err
		}
	}
	return ask(conn, replies, "PING")
}

func dialRedis(ctx context.Context, u *url.URL) (net.Conn, error) {
	host := u.Host
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), "6379")
	}
	switch u.Scheme {
	case "redis":
		return new(net.Dialer).DialContext(ctx, "tcp", host)
	case "rediss":
		return new(tls.Dialer).DialContext(ctx, "tcp", host)
	case "unix":
		return new(net.Dialer).DialContext(ctx, "unix", u.Path)
	}
	return nil, fmt.Errorf("scheme %q: want redis, rediss or unix", u.Scheme)
}

// ask sends one command and returns any error that Redis replies with.
func ask(conn net.Conn, replies *bufio.Reader, args ...string) error {
	var command strings.Builder
	fmt.Fprintf(&command, "*%d\r\n", len(args))
	for _, arg := range args {
		fmt.Fprintf(&command, "$%d\r\n%s\r\n", len(arg), arg)
	}
	if _, err := conn.Write([]byte(command.String())); err != nil {
		return fmt.Errorf("talk to Redis: %w", err)
	}
	reply, err := replies.ReadString('\n')
	if err != nil {
		return fmt.Errorf("talk to Redis: %w", err)
	}
	if reason, bad := strings.CutPrefix(strings.TrimSpace(reply), "-"); bad {
		return errors.New(reason)
	}
	if !strings.HasPrefix(reply, "+") {
		return errors.New("the server at this address is not Redis")
	}
	return nil
}
