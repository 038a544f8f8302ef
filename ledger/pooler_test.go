package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
	"example.com/triplecharge/internal/services"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/ledger"
)

// startPgBouncer starts one before the Postgres, and returns the ledger's URL through it.
func startPgBouncer(t *testing.T, databaseURL string, settings ...string) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		program = "/usr/sbin/pgbouncer" // Debian's place, not in everybody's PATH
		_, err = os.Stat(program)
	}
	switch {
	case err != nil && os.Getenv("PGBOUNCER") == "required":
		t.Fatalf("no pgbouncer, which PGBOUNCER=required asks for: %v", err)
	case err != nil:
		t.Skip("no pgbouncer on this machine; PGBOUNCER=required fails instead")
	}
	u := mustParse(t, databaseURL)
	port, err := services.FreePort(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	lines := append([]string{
		"[databases]",
		fmt.Sprintf("* = host=127.0.0.1 port=%s user=postgres password=%s", u.Port(), password),
		"[pgbouncer]", "listen_addr=127.0.0.1", fmt.Sprint("listen_port=", port),
		"auth_type=any", "pool_mode=transaction", "unix_socket_dir=",
	}, settings...)
	if os.Getuid() == 0 {
		lines = append(lines, "user=postgres") // it refuses to run as root
	}
	file := filepath.Join(t.TempDir(), "pgbouncer.ini")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	cmd := exec.CommandContext(t.Context(), program, file)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	u.Host = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	t.Cleanup(func() {
		_ = cmd.Wait() // the test's context has ended it
		if t.Failed() {
			t.Log(log.String())
		}
	})
	for {
		conn, err := net.Dial("tcp", u.Host)
		if err == nil {
			_ = conn.Close()
			return u.String()
		}
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
}

// With one connection to Postgres, a migration that needed two would wait for itself. With three,
// every server's next transaction gets another one.
func TestThreeServersStartAtOnceThroughAPooler(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings []string
		query    string
	}{
		"one connection":        {settings: []string{"default_pool_size=1"}},
		"three":                 {settings: []string{"default_pool_size=3"}},
		"statement mode of pgx": {query: "&default_query_exec_mode=exec"},
		"simple protocol":       {query: "&default_query_exec_mode=simple_protocol"},
		"a schema":              {query: "&search_path=billing"},
		"session mode":          {settings: []string{"pool_mode=session"}},
		"it ignores all": {
			settings: []string{ignoresAll}, query: "&search_path=billing",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			postgres := servicetest.OwnPostgres(t)
			direct := connect(t, postgres.URL())
			mustExec(t, direct, `CREATE SCHEMA billing`)
			databaseURL := startPgBouncer(t, postgres.URL(), c.settings...) + c.query
			var all sync.WaitGroup
			stores := make([]*ledger.Store, 3)
			for i := range stores {
				all.Go(func() {
					var err error
					o := ledger.Options{Recorder: fmt.Sprint("server-", i), MaxConns: 4}
					stores[i], err = ledger.Open(t.Context(), databaseURL, o)
					if err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			if t.Failed() {
				return
			}
			var work sync.WaitGroup
			for _, s := range stores {
				t.Cleanup(s.Close)
				work.Go(func() { useAll(t, s) })
			}
			work.Wait()
			schema := "public"
			if strings.Contains(c.query, "billing") {
				schema = "billing"
			}
			var charges int
			err := direct.QueryRow(t.Context(), `
				SELECT count(*) FROM `+schema+`.entries WHERE kind = 'charge'`).Scan(&charges)
			if err != nil || charges != callsEach {
				t.Errorf("got %d charges in schema %s, want %d: %v",
					charges, schema, callsEach, err)
			}
		})
	}
}

const (
	ignoresAll = "ignore_startup_parameters=" +
		"plan_cache_mode,enable_hashjoin,enable_mergejoin,search_path"
	callsEach = 20 // of each kind
)

// useAll makes every kind of call, many at once. Several servers do the same.
func useAll(t *testing.T, s *ledger.Store) {
	t.Helper()
	check := func(err error, but ...error) {
		t.Helper()
		is := func(b error) bool { return errors.Is(err, b) }
		if err != nil && !slices.ContainsFunc(but, is) {
			t.Error(err)
		}
	}
	ctx := t.Context()
	alice := billingtest.Invoice("alice").Subscription
	check(s.AddSubscriptions(ctx, []billing.Subscription{alice}))
	claims := s.Claims(ledger.ClaimOptions{Lease: time.Minute})
	var all sync.WaitGroup
	for i := range callsEach {
		c := charge(fmt.Sprint("pi_", i), fmt.Sprint("customer-", i), 1000)
		all.Go(func() {
			_, _, err := s.Charged(ctx, c.Invoice)
			check(err)
			claim, err := claims.Take(ctx, c.Invoice)
			check(err, billing.ErrTaken, billing.ErrCharged)
			if err == nil {
				_, err = claims.Register(ctx, claim, intent(c.PaymentIntent))
				check(err)
				check(claims.Return(ctx, claim))
				check(claims.Postpone(ctx, claim))
			}
			token, err := s.Fence().Highest(ctx, c.Invoice)
			check(err)
			token++
			check(s.Fence().Raise(ctx, c.Invoice, token), billing.ErrStale)
			check(s.Fence().Record(ctx, c, token), billing.ErrStale)
			check(s.Record(ctx, c))
			check(s.RecordRefund(ctx, ledger.Refund{
				ID: fmt.Sprint("re_", i), PaymentIntent: c.PaymentIntent, AmountMinor: 1000,
			}))
			_, err = s.Due(ctx, c.Invoice.Period, "", 10)
			check(err)
			_, err = s.Seek(ctx, 0.5)
			check(err)
			_, err = s.ClaimHeld(ctx, c.Invoice.Period)
			check(err)
			_, err = s.Audit(ctx, c.Invoice.Period)
			check(err)
			_, err = s.Accounts(ctx, c.Invoice.Period, "", 10)
			check(err)
		})
	}
	all.Wait()
	now, period := time.Now(), charge("", "", 0).Invoice.Period
	_, err := s.BeginRun(ctx, period, []ledger.Month{{Period: period, Begin: &now}})
	check(err)
	check(s.FinishRun(ctx, period, now))
	_, err = s.Missed(ctx, period, now, now, period)
	check(err)
}

// Through a pooler the settings of a transaction must not stay with the connection.
func TestNoSettingStaysInThePooler(t *testing.T) {
	t.Parallel()
	databaseURL := startPgBouncer(t, servicetest.OwnPostgres(t).URL(), "default_pool_size=1")
	s := openAt(t, databaseURL, ledger.Options{Recorder: "server-a"})
	mustRecord(t, s, charge("pi_1", "alice", 1000))
	u, _ := url.Parse(databaseURL)
	q := u.Query()
	q.Set("default_query_exec_mode", "simple_protocol")
	u.RawQuery = q.Encode()
	conn, err := pgx.Connect(t.Context(), u.String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var hash, path string
	err = conn.QueryRow(t.Context(), `
		SELECT current_setting('enable_hashjoin'), current_setting('search_path')`,
	).Scan(&hash, &path)
	if err != nil || hash != "on" || !strings.Contains(path, "public") {
		t.Errorf("the next client finds enable_hashjoin %s, search_path %s: %v", hash, path, err)
	}
}

func TestAPoolersRefusalSaysWhatToDo(t *testing.T) {
	t.Parallel()
	databaseURL := startPgBouncer(t, servicetest.OwnPostgres(t).URL())
	_, err := ledger.Open(t.Context(), databaseURL+"&statement_timeout=5000",
		ledger.Options{Recorder: "server-a"})
	if err == nil || !strings.Contains(err.Error(), "ALTER ROLE") {
		t.Errorf("got %v, want one that says what to do about statement_timeout", err)
	}
}
