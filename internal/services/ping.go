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

// pingLimit bounds one attempt to reach a server; one that takes longer is not there.
const pingLimit = 5 * time.Second

// Ping returns nil if the Postgres or Redis at the URL lets us in and answers.
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

// pingRedis returns nil if a Redis answers at the URL and accepts its user and password. It
// speaks the few words of the protocol itself: a client library would try again on its own, and
// print what went wrong each time.
func pingRedis(ctx context.Context, rawURL string) error {
	u, err := url.Parse(rawURL)
	if err != nil {
		// The parser's own message repeats the URL, and with it the password.
		return errors.New("not a URL; redis://[user:password@]host:port/0 is one")
	}
	ctx, cancel := context.WithTimeout(ctx, pingLimit)
	defer cancel()
	conn, err := dialRedis(ctx, u)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // nothing was entrusted to it
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return fmt.Errorf("talk to Redis: %w", err)
	}
	replies := bufio.NewReader(conn)
	if password, ok := u.User.Password(); ok {
		if err := ask(conn, replies, authArgs(u.User.Username(), password)...); err != nil {
			return err
		}
	}
	return ask(conn, replies, "PING")
}

func authArgs(user, password string) []string {
	if user == "" {
		return []string{"AUTH", password}
	}
	return []string{"AUTH", user, password}
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

// ask sends one command and returns the error that Redis replies, if it does.
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
		return errors.New("what answers there is not Redis")
	}
	return nil
}
