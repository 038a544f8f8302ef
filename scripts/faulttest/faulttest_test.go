package faulttest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/golden"
)

// TestMain lets this test binary be the servers, as a command's own is.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == workerArg {
		os.Exit(Run(os.Args[1:], os.Stdout, os.Stderr, locks()...))
	}
	os.Exit(m.Run())
}

// locks are locks that teams have. None is released after the charge.
func locks() []Protection {
	return []Protection{
		{Name: "forty-days", Redis: true, Guard: setNX(40*24*time.Hour, false)},
		{Name: "for-ever", Redis: true, Guard: setNX(0, false)},
		{Name: "waits", Redis: true, Waits: true, Guard: setNX(0, true)},
		{Name: "broken", Guard: func(Server, Charge) (Charge, func(), error) {
			return nil, nil, errors.New("no lock today")
		}},
	}
}

// setNX is SET NX with a TTL, and no DEL.
func setNX(ttl time.Duration, waits bool) func(Server, Charge) (Charge, func(), error) {
	return func(s Server, charge Charge) (Charge, func(), error) {
		o, err := goredis.ParseURL(s.RedisURL)
		if err != nil {
			return nil, nil, err
		}
		client := goredis.NewClient(o)
		return func(ctx context.Context, inv billing.Invoice) (billing.Outcome, error) {
			for {
				taken, err := client.SetNX(ctx, "paid:"+inv.String(), s.Name, ttl).Result()
				switch {
				case err != nil:
					return "", err
				case taken:
					return charge(ctx, inv)
				case !waits:
					return billing.Skipped, nil
				}
				time.Sleep(10 * time.Millisecond)
			}
		}, func() { _ = client.Close() }, nil
	}
}

// A lock that outlives the fault is found at once, and the invoice is judged all the same.
func TestALockThatOutlivesTheFaultIsJudged(t *testing.T) {
	t.Parallel()
	for name, rows := range map[string]map[string]string{
		"forty-days": {
			"none": "R 1/1 held", "late": "R 1/1 held", "crash-before-charge": "U 0/0 held",
			"crash-after-charge": "X 1/0 held",
		},
		"for-ever": {"pause": "R 1/1 held", "lost-reply": "X 1/0 held"},
		"waits":    {"late": "R 1/1 held"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := []string{"--peer", name}
			for fault := range rows {
				args = append(args, "--fault", fault)
			}
			var out, log bytes.Buffer
			Run(args, &out, &log, locks()...)
			for fault, want := range rows {
				if got := strings.Join(strings.Fields(out.String()), " "); !strings.Contains(got,
					" "+fault+" "+want+" ") {
					t.Errorf("%s is not %q in %s%s", fault, want, &out, &log)
				}
			}
		})
	}
}

func TestWhatCanNotBeUsedIsRefused(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"forty-days, for-ever": {"--peer", "prayer"},
		"redis-failover":       {"--fault", "flood"},
		"--runs":               {"--runs", "0"},
		"--parallel":           {"--parallel", "0"},
		"unknown flag --modes": {"--modes", "locked"},
		"unexpected argument":  {"redsync"},
	} {
		var out, log bytes.Buffer
		status := Run(args, &out, &log, locks()...)
		if status != 2 || !strings.Contains(log.String(), want) || out.Len() > 0 ||
			strings.Contains(log.String(), "Postgres") {
			t.Errorf("%v: status %d, %s%s; want 2, about %q, and nothing started",
				args, status, &log, &out, want)
		}
	}
}

func TestALockThatCanNotStartIsNotPlayed(t *testing.T) {
	t.Parallel()
	var out, log bytes.Buffer
	status := Run([]string{"--peer", "broken", "--fault", "none"}, &out, &log, locks()...)
	if status != 1 || !strings.Contains(log.String(), "broken: no lock today") ||
		!strings.Contains(out.String(), "not played") {
		t.Errorf("status %d: %s%s", status, &log, &out)
	}
}

func TestTheTableIsPrinted(t *testing.T) {
	t.Parallel()
	f := &flags{
		Peer:  []string{"redsync", "river"},
		Fault: []string{"none", "pause", "redis-failover", "redlock-minority"},
		all:   protectionList{{Name: "redsync"}, {Name: "gocron"}, {Name: "river"}},
	}
	ids, err := f.cells()
	if err != nil {
		t.Fatal(err)
	}
	m := measured{}
	for _, run := range []struct {
		id   cellID
		word string
	}{
		{cellID{"redsync", faults.None}, "O 3/3→4/4"},
		{cellID{"redsync", faults.Pause}, "O 3/3→4/4"},
		{cellID{"redsync", faults.RedisFailover}, "needs redis-server"},
		{cellID{"river", faults.None}, "R 1/1"},
		{cellID{"river", faults.None}, "R 1/1"},
		{cellID{"river", faults.Pause}, "OX 2/1"},
		{cellID{"river", faults.Pause}, "U 0/0 held"},
	} {
		m.add(run.id, run.word)
	}
	for name, markdown := range map[string]bool{"table.txt": false, "table.md": true} {
		var got strings.Builder
		f.Markdown = markdown
		if err := f.printTable(&got, ids, m); err != nil {
			t.Fatal(err)
		}
		golden.Check(t, name, got.String())
	}
}
