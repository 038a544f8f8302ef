package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/golden"
	"example.com/triplecharge/internal/reconcile"
	"example.com/triplecharge/internal/scenario"
	"example.com/triplecharge/internal/screen"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/internal/verdict"
)

// TestMain makes this test binary run as the demo, including its servers, unless go test runs it.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "charge" {
		os.Exit(charge())
	}
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-test.") {
		os.Exit(start(os.Args[1:]))
	}
	// Tests ignore a key that is exported in the environment.
	if err := os.Unsetenv("STRIPE_SECRET_KEY"); err != nil {
		panic(err)
	}
	servicetest.Main(m)
}

// shown is the JSON that --json prints.
type shown struct {
	Runs []struct {
		Mode     string
		OK       bool
		Invoices []reconcile.Invoice
		Lock     scenario.Lock
	}
}

func demo(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	const columns = 80
	var out, log bytes.Buffer
	status = run(args, screen.New(&out, columns), &log)
	if out.Len() > 0 && !strings.ContainsAny(out.String()[:1], "{[|<") { // nothing for programs
		golden.Fits(t, out.String(), columns)
	}
	return status, out.String(), log.String()
}

// demoJSON runs it in a Postgres that the tests share.
func demoJSON(t *testing.T, args ...string) shown {
	t.Helper()
	status, out, log := demo(t, append(args, "--json", "--latency", "20ms",
		"--database-url", servicetest.Database(t))...)
	if status != 0 {
		t.Fatalf("exit status %d, want 0: %s", status, log)
	}
	var s shown
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return s
}

func TestWithoutArgumentsTheDemoShowsTheTripleChargeAndTheLock(t *testing.T) {
	t.Parallel()
	s := demoJSON(t)
	if len(s.Runs) != 2 || s.Runs[0].Mode != "uncoordinated" || s.Runs[1].Mode != "locked" {
		t.Fatalf("runs %+v, want uncoordinated, then locked", s.Runs)
	}
	for i, times := range []int{3, 1} {
		if got := len(s.Runs[i].Invoices); got != len(builtIn()) {
			t.Errorf("%s: %d invoices, want %d", s.Runs[i].Mode, got, len(builtIn()))
		}
		for _, a := range s.Runs[i].Invoices {
			want := reconcile.Account{
				Currency: "usd", DueMinor: a.DueMinor, Charges: times,
				ChargedMinor: int64(times) * a.DueMinor,
				Entries:      times, EnteredMinor: int64(times) * a.DueMinor,
			}
			if a.Account != want || a.Period != "2026-12" {
				t.Errorf("%s: %+v, want %+v", s.Runs[i].Mode, a, want)
			}
		}
	}
	alice := s.Runs[0].Invoices[0]
	if alice.Subscription != "alice" || alice.DueMinor != 1000 || alice.ChargedMinor != 3000 {
		t.Errorf("%+v, want Alice, who owes 1000 and paid 3000", alice)
	}
	if s.Runs[1].Lock.AcquireMS <= 0 {
		t.Errorf("the lock cost %+v, want something", s.Runs[1].Lock)
	}
}

func TestEachModeKeepsItsPromiseForAnyNumberOfServers(t *testing.T) {
	t.Parallel()
	for _, mode := range billing.Modes() {
		for _, servers := range []string{"1", "5"} {
			t.Run(mode.Name+" on "+servers, func(t *testing.T) {
				t.Parallel()
				s := demoJSON(t, "--mode", mode.Name, "--servers", servers)
				if !s.Runs[0].OK {
					t.Errorf("not what the mode promises: %+v", s.Runs[0])
				}
			})
		}
	}
}

// A card that declines is no broken promise: nothing is charged, and nothing is expected.
func TestADeclinedCardIsAsExpected(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "subscriptions.csv")
	csv := "a,Anna,4200,usd,pm_card_visa\nb,Ben,4200,usd,pm_card_chargeCustomerFail\n"
	if err := os.WriteFile(file, []byte(csv), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, r := range demoJSON(t, "--subscriptions", file).Runs {
		if !r.OK || r.Invoices[0].Charges == 0 || r.Invoices[1].Charges > 0 {
			t.Errorf("%s: ok is %v, %+v", r.Mode, r.OK, r.Invoices)
		}
	}
	status, out, log := demo(t, "--subscriptions", file, "--latency", "0s")
	if status != 0 || strings.Count(out, "1 card declined") != 2 {
		t.Errorf("exit status %d: %s%s", status, out, log)
	}
}

func TestARunIsPrintedAsJSON(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"run", "--mode", "locked", "--fault", "late"},
		{"run", "--mode", "locked", "--fault", "redlock-minority"}, // not applicable
		{"load", "--mode", "locked", "--subscriptions", "1", "--servers", "1"},
	} {
		status, out, log := demo(t, append(args, "--json")...)
		if !json.Valid([]byte(out)) || status != 0 || !strings.Contains(out, `"locked"`) {
			t.Errorf("%q: exit status %d, %s%s", args, status, out, log)
		}
		if args[0] == "load" && !strings.Contains(log, "locked, 1 server, 1 invoice in") {
			t.Errorf("%q says %s", args, log)
		}
	}
}

func TestAListOfOnesOwnIsBilled(t *testing.T) {
	t.Parallel()
	// More invoices than a server bills at once, so that they reach midnight in several lots.
	var csv strings.Builder
	csv.WriteString("id,customer,amount,currency,payment method\n")
	for i := range 100 {
		csv.WriteString(strings.Repeat("x", i+1) + ",Somebody,4200,jpy,pm_card_jcb\n")
	}
	file := filepath.Join(t.TempDir(), "subscriptions.csv")
	if err := os.WriteFile(file, []byte(csv.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	s := demoJSON(t, "--subscriptions", file)
	for _, r := range s.Runs {
		if len(r.Invoices) != 100 || !r.OK {
			t.Errorf("%s: %d invoices, ok %v, want 100 as the mode promises",
				r.Mode, len(r.Invoices), r.OK)
		}
	}
}

func TestForPeopleTheDemoTellsTheStory(t *testing.T) {
	t.Parallel()
	status, out, _ := demo(t, "--latency", "20ms")
	if status != 0 {
		t.Fatalf("exit status %d, want 0", status)
	}
	for _, want := range []string{
		"3 × $10.00 = $30.00", "overcharged", "1 × $10.00", "right",
		"SET lock:billing:alice:2026-12", "→ OK", "→ (nil)",
		"Someone else is billing Alice. Skipping.",
		"Alice owed $10.00 and paid $30.00 (uncoordinated), $10.00 (locked).",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
}

func TestWhatCanNotBeUsedIsRefusedBeforeAnythingStarts(t *testing.T) {
	list := func(content string) string {
		file := filepath.Join(t.TempDir(), "list.csv")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	good := "alice,Alice,1000,usd,pm_card_visa\n"
	for name, tt := range map[string]struct {
		args   []string
		key    string
		status int
		want   string
	}{
		"an unknown mode":       {[]string{"--mode", "magic"}, "", 2, "exactly-once"},
		"no server":             {[]string{"--servers", "0"}, "", 2, "--servers"},
		"an unknown flag":       {[]string{"--moed", "locked"}, "", 2, "--moed"},
		"a matrix of no mode":   {[]string{"matrix", "--mode", "magic"}, "", 2, "exactly-once"},
		"a matrix of no fault":  {[]string{"matrix", "--fault", "flood"}, "", 2, "redis-down"},
		"a matrix of no cell":   {[]string{"matrix", "--parallel", "0"}, "", 2, "--parallel"},
		"two formats":           {[]string{"matrix", "--json", "--html"}, "", 2, "--html"},
		"a run without a fault": {[]string{"run", "--mode", "locked"}, "", 2, "--fault"},
		"a run with no fault": {
			[]string{"run", "--mode", "locked", "--fault", "flood"}, "", 2, "redis-down"},
		"a load of nothing": {
			[]string{"load", "--mode", "locked", "--subscriptions", "0"}, "", 2, "--subscriptions"},
		"a load on a real account": {
			[]string{"load", "--mode", "locked"}, "sk_test_KEYMATERIAL", 2,
			"unset STRIPE_SECRET_KEY"},
		"a load in no mode":        {[]string{"load", "--mode", "magic"}, "", 2, "exactly-once"},
		"a live secret key":        {nil, "sk_live_KEYMATERIAL", 2, "STRIPE_SECRET_KEY"},
		"a live restricted":        {nil, "rk_live_KEYMATERIAL", 2, "STRIPE_SECRET_KEY"},
		"something that is no key": {nil, "KEYMATERIAL", 2, "STRIPE_SECRET_KEY"},
		"a missing field": {
			[]string{"--subscriptions", list(good + "bob,Bob\n")}, "", 2, "line 2"},
		"an amount in dollars": {
			[]string{"--subscriptions", list(good + "bob,Bob,10.00,usd,pm_card_visa")}, "", 2,
			"line 2"},
		"a negative amount": {
			[]string{"--subscriptions", list(good + "bob,Bob,-1,usd,pm_card_visa")}, "", 2,
			"line 2"},
		"a currency that is none": {
			[]string{"--subscriptions", list(good + "bob,Bob,1,dollars,pm_card_visa")}, "", 2,
			"line 2"},
		"an id twice":   {[]string{"--subscriptions", list(good + "\n" + good)}, "", 2, "line 3"},
		"an empty list": {[]string{"--subscriptions", list("")}, "", 2, "alice,Alice,1000"},
		"no such list":  {[]string{"--subscriptions", "/nowhere.csv"}, "", 2, "/nowhere.csv"},
		"no list":       {[]string{"--subscriptions", "/dev/zero"}, "", 2, "regular file"},
		"a broken quote": {
			[]string{"--subscriptions", list(good + `bob,"Bob,1,usd,pm_card_visa`)}, "", 2,
			"line 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("STRIPE_SECRET_KEY", tt.key)
			status, out, log := demo(t, tt.args...)
			if status != tt.status || !strings.Contains(log, tt.want) {
				t.Errorf("exit status %d and %q, want %d and something about %q",
					status, log, tt.status, tt.want)
			}
			if out != "" || strings.Contains(log, "Postgres:") || strings.Contains(log, "Redis:") {
				t.Errorf("something was started: %s%s", out, log)
			}
			if strings.Contains(log, "KEYMATERIAL") {
				t.Errorf("the key is printed: %s", log)
			}
		})
	}
}

func TestALiveKeyInAFileIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("sk_live_KEYMATERIAL\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{nil, {"load", "--mode", "locked"},
		{"audit", "--servers", "http://127.0.0.1:1", "--mode", "locked",
			"--database-url", "postgres://127.0.0.1:1/x"}} {
		t.Setenv("STRIPE_SECRET_KEY", "") // the command sets it
		t.Setenv("STRIPE_SECRET_KEY_FILE", file)
		status, out, log := demo(t, args...)
		if status != 2 || out != "" || !strings.Contains(log, "STRIPE_SECRET_KEY") {
			t.Errorf("%v: exit status %d and %q", args, status, log)
		}
	}
}

func TestTheExitStatusSaysThatAModeBrokeItsPromise(t *testing.T) {
	t.Parallel()
	kept := scenario.Result{
		Mode: "locked", Expected: faults.Expectation{
			Known: true, Applies: true, After: verdict.Counts{Charges: 1, Entries: 1},
		},
		Invoices: []reconcile.Invoice{{Account: reconcile.Account{Charges: 1, Entries: 1}}},
	}
	if err := brokenPromises([]scenario.Result{kept}); err != nil {
		t.Errorf("%v, want no complaint", err)
	}
	for _, a := range []reconcile.Account{{Charges: 2, Entries: 1}, {Charges: 1, Entries: 2}, {}} {
		broken := kept
		broken.Invoices = []reconcile.Invoice{kept.Invoices[0], {Account: a}}
		if err := brokenPromises([]scenario.Result{kept, broken}); err == nil {
			t.Errorf("%+v passes for what locked promises", a)
		}
	}
}
