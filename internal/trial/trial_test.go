package trial_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/services"
	"example.com/triplecharge/internal/trial"
)

// TestMain makes this test binary run as one of the workers on trial, unless go test runs it.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-test.") {
		os.Exit(work(os.Args[1], os.Args[2:]))
	}
	os.Exit(m.Run())
}

// options are those of a trial of one of the workers of this test binary.
func options(t *testing.T, worker ...string) trial.Options {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	svc, err := services.Start(t.Context(),
		services.Options{SkipPostgres: true, SkipRedis: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := svc.Close(); err != nil {
			t.Error(err)
		}
	})
	return trial.Options{
		Services: svc, Command: append([]string{self}, worker...), Expect: 1, Servers: 3,
		Timeout: time.Minute,
	}
}

// play puts the worker on trial, and returns the rows, the first of one server alone.
func play(t *testing.T, o trial.Options, fs ...faults.Fault) (rows trial.Report) {
	t.Helper()
	err := o.Run(t.Context(), fs, func(row trial.Row) { rows = append(rows, row) })
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// A worker without any protection, and one whose key is the invoice: each row is that of the
// matrix, where nothing but Stripe's side of the fault matters.
func TestEachFaultIsPlayedAndJudged(t *testing.T) {
	t.Parallel()
	for worker, mode := range map[string]string{"plain": "uncoordinated", "keyed": "idempotent"} {
		t.Run(worker, func(t *testing.T) {
			t.Parallel()
			o := options(t, worker)
			wantCells(t, o, mode, o.Faults()...)
		})
	}
}

// wantCells wants the charges of the matrix, under each fault.
func wantCells(t *testing.T, o trial.Options, mode string, fs ...faults.Fault) {
	t.Helper()
	rows := play(t, o, fs...)
	if len(rows) != len(fs)+1 {
		t.Fatalf("%d rows, want %d: %+v", len(rows), len(fs)+1, rows[0])
	}
	for _, row := range rows[1:] {
		wantCell(t, row, mode)
	}
}

func wantCell(t *testing.T, row trial.Row, mode string) {
	t.Helper()
	want, err := faults.Expected(mode, row.Fault, 3)
	if err != nil {
		t.Fatal(err)
	}
	got := [2]int{-1, -1}
	if len(row.After) == 1 && len(row.Recovered) == 1 {
		got = [2]int{row.After[0].Charges, row.Recovered[0].Charges}
	}
	if got != [2]int{want.After.Charges, want.Recovered.Charges} || len(row.Problems) > 0 {
		t.Errorf("%s under %s: charges %v, want %d, then %d (%s); %q", mode, row.Fault, got,
			want.After.Charges, want.Recovered.Charges, want.Why, row.Problems)
	}
	if right := want.Recovered.Charges == 1; row.OK != right || (row.Advice == "") != right {
		t.Errorf("%s under %s: %q, ok is %v, advice %q", mode, row.Fault, row.Verdict, row.OK,
			row.Advice)
	}
}

// Each of these workers is broken in another way. All get one line, and nothing hangs.
func TestABrokenWorkerGetsOneClearLine(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		worker string
		change func(*trial.Options)
		says   string
		row    string // the outcome of the last row
	}{
		{"silent", nil, "server-a never called Stripe", "not played"},
		{"crash", nil, "ended before it called Stripe: exit status 3: no such table", "not played"},
		{"hang", short, "server-a did not end within 1s (--timeout): it was stopped", "not played"},
		{"deaf", startable, "(--timeout): it ignored SIGTERM, and was killed", "not played"},
		{"wrong-key", nil, "charged nothing; its last request: method=POST " +
			"path=/v1/payment_intents status=401", "not played"},
		{"billing", nil, "charged nothing; its last request: method=POST path=/v1/invoices " +
			"status=404", "not played"},
		{"twice", nil, "alone, it took 2 × $10.00 = $20.00 for $10.00 of no customer: --invoice",
			"not right"},
		{"loud", nil, "it printed 5 MB, of which the end was kept", "right"},
		{"parent", nil, "it left processes behind when it ended; they were killed", "right"},
		{"other-amount", named, "took 2, $22.00 in all for alice/2026-12, and one server alone " +
			"takes $10.00", "overcharged"},
		{"other-amount", nil, "took 1 × $12.00 for $12.00 of no customer, which one server alone " +
			"does not bill", "not right"},
		{"other-customer", named, "several customers paid for alice/2026-12", "overcharged"},
		{"keyed", func(o *trial.Options) { o.Invoice = "order" },
			"a charge has no metadata order, which --invoice names", "right"},
		{"keyed", func(o *trial.Options) { o.Setup = "echo no customers >&2; exit 4" },
			"--setup ended with exit status 4: no customers", "not played"},
		{"keyed", func(o *trial.Options) { o.Setup = "sleep 1000"; short(o) },
			"--setup did not end within 1s (--timeout): it was stopped", "not played"},
		{"hang", func(o *trial.Options) { o.Trigger = "true"; short(o) },
			"server-a did not listen on PORT within 1s (--timeout)", "not played"},
		{"crash", func(o *trial.Options) { o.Trigger = "true" },
			"server-a ended before it listened on PORT: exit status 3: no such table",
			"not played"},
	} {
		t.Run(tt.worker+": "+tt.says, func(t *testing.T) {
			t.Parallel()
			o := options(t, tt.worker)
			if tt.change != nil {
				tt.change(&o)
			}
			began := time.Now()
			rows := play(t, o, faults.Late)
			last := rows[len(rows)-1]
			if took := time.Since(began); took > 3*time.Minute {
				t.Errorf("it took %v: something hangs", took)
			}
			var said []string // by whichever server
			for _, line := range last.Problems {
				for _, server := range []string{"server-b", "server-c", "server-fresh"} {
					line = strings.ReplaceAll(line, server, "server-a")
				}
				said = append(said, line)
			}
			said = slices.Compact(said)
			if len(said) != 1 || !strings.Contains(said[0], tt.says) {
				t.Errorf("it says %q, want one line: %s", said, tt.says)
			}
			if got := last.Outcome(); got != tt.row {
				t.Errorf("the outcome is %q, want %q", got, tt.row)
			}
		})
	}
}

func short(o *trial.Options) { o.Timeout = time.Second }

// startable is long enough for a worker to start on a busy machine, and ignore signals.
func startable(o *trial.Options) { o.Timeout = 5 * time.Second }

func named(o *trial.Options) { o.Invoice = "invoice" }

// A worker that stays up is fired by a trigger, paused, killed and started again.
func TestAWorkerThatStaysUp(t *testing.T) {
	t.Parallel()
	o := options(t, "serve")
	o.Trigger = o.Command[0] + " trigger"
	wantCells(t, o, "uncoordinated",
		faults.None, faults.Pause, faults.CrashAfterCharge, faults.LostReply)
}

func TestAWorkerWithoutTheCardOfTheRowIsNotDeclined(t *testing.T) {
	t.Parallel()
	row := play(t, options(t, "visa"), faults.DeclinedThenFixed)[1]
	if row.NA == "" || !row.OK || row.Outcome() != "n/a" {
		t.Errorf("got %+v, want that it does not apply", row)
	}
}

func TestAnInterruptedTrialIsAnErrorAndLeavesNothing(t *testing.T) {
	t.Parallel()
	o := options(t, "hang")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err := o.Run(ctx, nil, func(row trial.Row) { t.Errorf("it has a row: %+v", row) })
	if err == nil || ctx.Err() == nil {
		t.Errorf("got %v, want an error", err)
	}
}

func TestATrialIsPrinted(t *testing.T) {
	t.Parallel()
	r := play(t, options(t, "plain"), faults.Late)
	text := func(w io.Writer) error { r.Text(w, true); return nil }
	for format, tt := range map[string]struct {
		print func(io.Writer) error
		has   []string
	}{
		"json":  {r.JSON, []string{`"taken_minor": 4000`, `"verdict": "overcharged"`}},
		"junit": {r.JUnit, []string{`tests="2" failures="1"`, `<failure message="overcharged">`}},
		"html":  {r.HTML, []string{"<td>4 × $10.00 = $40.00</td>", "<svg", "saved it: Something"}},
		"text":  {text, []string{"4 × $10.00 = $40.00    overcharged", "Took $10.00 3 times"}},
	} {
		var out bytes.Buffer
		if err := tt.print(&out); err != nil {
			t.Errorf("%s: %v", format, err)
		}
		for _, want := range tt.has {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s lacks %q:\n%s", format, want, out.String())
			}
		}
		if format == "junit" {
			if err := xml.Unmarshal(out.Bytes(), new(struct{ XMLName xml.Name })); err != nil {
				t.Errorf("%v in %s", err, out.String())
			}
		}
	}
}
