package ledger_test

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/triplecharge/internal/billingtest"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/ledger"
)

func TestOpenLeavesNothingRunning(t *testing.T) {
	databaseURL := servicetest.Database(t)
	before := goleak.IgnoreCurrent()
	s, err := ledger.Open(t.Context(), databaseURL, ledger.Options{Recorder: "server-a"})
	if err != nil {
		t.Fatal(err)
	}
	mustRecord(t, s, charge("pi_1", "alice", 1000))
	s.Close()
	goleak.VerifyNone(t, before)
}

func TestManyServersOpenAtOnce(t *testing.T) {
	t.Parallel()
	databaseURL := servicetest.Database(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			s, err := ledger.Open(t.Context(), databaseURL,
				ledger.Options{Recorder: "server-a", MaxConns: 1})
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			if _, _, err := s.Charged(t.Context(), billingtest.Invoice("alice")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestLedgersInOneDatabaseDoNotMeet(t *testing.T) {
	t.Parallel()
	here, there := open(t), open(t)
	mustRecord(t, here, charge("pi_1", "alice", 1000))
	if n := charges(t, there, billingtest.Invoice("alice")); n != 0 {
		t.Errorf("the other ledger has %d charges", n)
	}
}

func TestOpenNeedsAName(t *testing.T) {
	t.Parallel()
	if _, err := ledger.Open(t.Context(), servicetest.Database(t), ledger.Options{}); err == nil {
		t.Error("want an error")
	}
}

// The message tells a person what to do, so the test checks the message.
func TestOpenSaysWhatToDoAndNotThePassword(t *testing.T) {
	t.Parallel()
	databaseURL := servicetest.Database(t)
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	const secret = "s3cr3t"
	with := func(user, host, path, query string) string {
		return "postgres://" + user + ":" + secret + "@" + host + path + "?" + query
	}
	gone := newProxy(t, databaseURL)
	_ = gone.Close()
	for name, c := range map[string]struct{ url, want string }{
		"no such schema":     {withSearchPath(t, databaseURL, "nowhere"), "CREATE SCHEMA"},
		"no such user":       {with("nobody", u.Host, u.Path, ""), "user and the password"},
		"nobody listens":     {with("a", gone.Addr(), "/db", ""), "can be reached"},
		"empty":              {"", "want postgres://"},
		"unknown option":     {with("a", u.Host, "/db", "sslmode=mayhap"), "sslmode"},
		"raw / in it":        {"postgres://a:" + secret + "/x@localhost/db", "%-encoded"},
		"raw / after digits": {"postgres://a:12/" + secret + "@localhost/db", "%-encoded"},
		"raw @ in it":        {"postgres://a:x@" + secret + "@localhost/db", "%-encoded"},
		"raw @ and worse":    {"postgres://a:x@" + secret + "@localhost/db?sslmode=x", "sslmode"},
		"not even a URL":     {"password='it\\'" + secret + " x", "want postgres://"},
		"password as well":   {with("a", "localhost", "/db", "sslmode=x&password="+secret), "want"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := ledger.Options{Recorder: "server-a", Timeout: 3 * time.Second}
			_, err := ledger.Open(t.Context(), c.url, o)
			if err == nil {
				t.Fatal("want an error")
			}
			if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), secret) {
				t.Errorf("got %q, want one with %q and without the password", err, c.want)
			}
		})
	}
}

func TestOpenEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := ledger.Open(ctx, servicetest.Database(t), ledger.Options{Recorder: "server-a"})
	if err == nil {
		t.Error("want an error")
	}
}
