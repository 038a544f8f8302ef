package worker

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/triplecharge/internal/cli"
)

// refusal is a mistake that keeps a server from starting.
type refusal struct {
	name    string
	spoil   func(*Config, *Secrets)
	mention string // a part of the error
}

// Each error names its flag or variable, is marked as a usage error, contains no secret, and is
// returned before anything is opened.
func TestWhatCannotBeUsedIsRefusedAtTheStart(t *testing.T) {
	t.Parallel()
	for _, bad := range slices.Concat(badTriggers(), badServices()) {
		t.Run(bad.name, func(t *testing.T) {
			t.Parallel()
			c, s := usable(), Secrets{}
			services := newTrap(t)
			c.DatabaseURL = "postgres://alice:hunter2@" + services.address
			c.RedisURL = "redis://:hunter2@" + services.address
			c.StripeURL = "http://" + services.address
			bad.spoil(&c, &s)
			var out bytes.Buffer
			err := runWith(t.Context(), c, s, &out, unchanged)
			if !errors.Is(err, cli.ErrUsage) {
				t.Fatalf("got %v, want an error of usage", err)
			}
			if !strings.Contains(err.Error(), bad.mention) {
				t.Errorf("got %q, want it to mention %s", err, bad.mention)
			}
			for _, secret := range []string{"4eC39HqL", "hunter2"} {
				if strings.Contains(err.Error()+out.String(), secret) {
					t.Errorf("the error contains a secret: %v %s", err, out.String())
				}
			}
			services.close()
		})
	}
}

func badTriggers() []refusal {
	return []refusal{
		{"no such mode", func(c *Config, _ *Secrets) { c.Mode = "hopeful" }, "--mode"},
		{"no mode", func(c *Config, _ *Secrets) { c.Mode = "" }, "uncoordinated, "},
		{"no such zone", func(c *Config, _ *Secrets) { c.Timezone = "Mars/Olympus" }, "--timezone"},
		{"no time", func(c *Config, _ *Secrets) { c.At = "midnight" }, "--at"},
		{"a date", func(c *Config, _ *Secrets) { c.At = "2026-12-01" }, "2026-12-01T00:00:00Z"},
		{"an offset that is in another month", func(c *Config, _ *Secrets) {
			c.At, c.ForceAt = "2026-12-01T00:00:00+01:00", true
		}, "is in 2026-12, but in the time zone UTC it is in 2026-11"},
		{"UTC's time, which is in another month", func(c *Config, _ *Secrets) {
			c.At, c.ForceAt, c.Timezone = "2026-12-01T00:00:00Z", true, "America/New_York"
		}, "but in the time zone America/New_York it is in 2026-11"},
		{"Go's zero time", func(c *Config, _ *Secrets) {
			c.At = "0001-01-01T00:00:00Z"
		}, "--force-at"},
		{"two years ago", func(c *Config, _ *Secrets) {
			c.At = time.Now().AddDate(-2, 0, 0).Format(time.RFC3339)
		}, "--force-at"},
		{"in two years", func(c *Config, _ *Secrets) {
			c.At = time.Now().AddDate(2, 0, 0).Format(time.RFC3339)
		}, "--force-at"},
		{"the year 10000", func(c *Config, _ *Secrets) {
			c.At, c.ForceAt = "9999-12-31T23:59:59-12:00", true
		}, "years 1 to 9999"},
		{"the year 0", func(c *Config, _ *Secrets) {
			c.At, c.ForceAt = "0000-06-01T00:00:00Z", true
		}, "years 1 to 9999"},
		{"a zone without a name", func(c *Config, _ *Secrets) { c.Timezone = "" }, "--timezone"},
		{"this machine's zone", func(c *Config, _ *Secrets) { c.Timezone = "Local" }, "--timezone"},
		{"no interval", func(c *Config, _ *Secrets) {
			c.At, c.Schedule = "", "@every 0s"
		}, "--schedule"},
		{"a negative interval", func(c *Config, _ *Secrets) {
			c.At, c.Schedule = "", "@every -1h"
		}, "--schedule"},
		{"half seconds", func(c *Config, _ *Secrets) {
			c.At, c.Schedule = "", "@every 1500ms"
		}, "--schedule"},
		{"AWS' syntax", func(c *Config, _ *Secrets) {
			c.At, c.Schedule = "", "0 0 1 * ? *"
		}, "AWS"},
		{"no schedule", func(c *Config, _ *Secrets) {
			c.At, c.Schedule = "", "daily"
		}, "--schedule"},
		{"a schedule that never comes", func(c *Config, _ *Secrets) {
			c.At, c.Schedule = "", "0 0 30 2 *"
		}, "--schedule"},
		{"a schedule with a zone of its own", func(c *Config, _ *Secrets) {
			c.At, c.Schedule = "", "CRON_TZ=Asia/Tokyo 0 0 1 * *"
		}, "--timezone"},
		{"no trigger", func(c *Config, _ *Secrets) { c.At = "" }, "--listen"},
		{"one run and a schedule", func(c *Config, _ *Secrets) { c.Schedule = "@monthly" }, "--at"},
		{"nobody could trigger", func(c *Config, _ *Secrets) { c.Listen = ":0" }, "WORKER_TOKEN"},
	}
}

func badServices() []refusal {
	const (
		live = "_live_4eC39HqLyjWDarjtT1zdp7dc"
		test = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
	)
	return []refusal{
		{"no Stripe", func(c *Config, _ *Secrets) { c.StripeURL = "" }, "STRIPE_SECRET_KEY"},
		{"no URL of Stripe", func(c *Config, _ *Secrets) {
			c.StripeURL = "localhost"
		}, "--stripe-url"},
		{"a live key", func(_ *Config, s *Secrets) { s.StripeKey = "sk" + live }, "sk_test_"},
		{"a restricted live key", func(_ *Config, s *Secrets) { s.StripeKey = "rk" + live },
			"sk_test_"},
		{"a live key beside a simulator", func(c *Config, s *Secrets) {
			c.StripeURL, s.StripeKey = "http://127.0.0.1:1", "sk"+live
		}, "sk_test_"},
		{"a key with a line's end", func(_ *Config, s *Secrets) { s.StripeKey = test + "\n" },
			"STRIPE_SECRET_KEY"},
		{"no key at all", func(_ *Config, s *Secrets) {
			s.StripeKey = "hunter2"
		}, "STRIPE_SECRET_KEY"},
		{"a webhook's URL for its secret", func(_ *Config, s *Secrets) {
			s.Webhook = "https://hunter2"
		}, "STRIPE_WEBHOOK_SECRET"},
		{"the beginning of a secret", func(_ *Config, s *Secrets) { s.Webhook = "whsec_" },
			"whsec_"},
		{"no Redis", func(c *Config, _ *Secrets) { c.RedisURL = "" }, "--redis-url"},
		{"no URL of Redis", func(c *Config, _ *Secrets) { c.RedisURL = "http://:hunter2@1" },
			"--redis-url"},
		{"no Redis nodes", func(c *Config, _ *Secrets) { c.Mode = "redlock" }, "--redis-nodes"},
		{"an even number of them", func(c *Config, _ *Secrets) {
			c.Mode, c.RedisNodes = "redlock", []string{"redis://1", "redis://2"}
		}, "--redis-nodes"},
		{"one of them no URL", func(c *Config, _ *Secrets) {
			c.Mode, c.RedisNodes = "redlock", []string{"redis://1", "redis://2", "3"}
		}, "--redis-nodes"},
		{"one of them twice", func(c *Config, _ *Secrets) {
			c.Mode = "redlock"
			c.RedisNodes = []string{"redis://localhost", "redis://1", "redis://127.0.0.1:6379/1"}
		}, "same server"},
		{"a TTL too short to keep", func(c *Config, _ *Secrets) { c.LockTTL = 1 }, "--lock-ttl"},
		{"a negative TTL", func(c *Config, _ *Secrets) { c.LockTTL = -time.Second }, "--lock-ttl"},
		{"a lock prefix with a blank", func(c *Config, _ *Secrets) { c.LockPrefix = "a b" },
			"--lock-prefix"},
		{"a lock prefix without an end", func(c *Config, _ *Secrets) {
			c.LockPrefix = strings.Repeat("a", 101)
		}, "--lock-prefix"},
	}
}

// trap is an address to which nothing may connect.
type trap struct {
	address string
	close   func()
}

func newTrap(t *testing.T) trap {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		conn, err := listener.Accept()
		if err == nil {
			t.Error("somebody was called")
			_ = conn.Close()
		}
	}()
	closeTrap := func() {
		_ = listener.Close()
		<-ended
	}
	t.Cleanup(closeTrap)
	return trap{listener.Addr().String(), closeTrap}
}

func TestATokenThatNobodyCouldSendIsRefused(t *testing.T) {
	t.Setenv("WORKER_TOKEN", "hunter2\n")
	var complaint bytes.Buffer
	status := Main([]string{
		"--name", "server-a", "--mode", "uncoordinated", "--listen", "127.0.0.1:0",
		"--database-url", "postgres://127.0.0.1:1/x", "--stripe-url", "http://127.0.0.1:1",
	}, io.Discard, &complaint)
	if status != 2 || !strings.Contains(complaint.String(), "WORKER_TOKEN") ||
		strings.Contains(complaint.String(), "hunter2") {
		t.Errorf("got %d, %q", status, &complaint)
	}
}
