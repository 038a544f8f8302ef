package command

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/billingtest"
)

// suspectsOf writes the payments as the Dashboard exports them, and returns the CSV that reconcile
// suspects makes of it.
func (w *world) suspectsOf() string {
	w.t.Helper()
	dir := w.t.TempDir()
	in, out := filepath.Join(dir, "payments.csv"), filepath.Join(dir, "suspects.csv")
	text := "id,PaymentIntent ID,Created date (UTC),Amount,Currency,Status,Customer ID," +
		"subscription (metadata)\n"
	for i, err := range w.stripe.AllIntents(w.t.Context(), time.Unix(0, 0), time.Time{}) {
		must(err)
		text += fmt.Sprintf("ch_of_%s,%[1]s,%s,10.00,usd,Paid,%s,%s\n", i.ID,
			i.Created.Format(time.DateTime), i.Customer, i.Subscription)
	}
	must(os.WriteFile(in, []byte(text), 0o600))
	status, stdout, log := command(w.t, "suspects", "--csv", in, "--by", "metadata.subscription",
		"--csv-out", out)
	if status != 1 || log != "" {
		w.t.Fatalf("got %d, %q: %s", status, log, stdout)
	}
	return out
}

// withoutLinesOf deletes lines from a file.
func withoutLinesOf(file, word string) {
	text, err := os.ReadFile(file)
	must(err)
	var left []string
	for _, line := range strings.SplitAfter(string(text), "\n") {
		if !strings.Contains(line, word) {
			left = append(left, line)
		}
	}
	must(os.WriteFile(file, []byte(strings.Join(left, "")), 0o600))
}

// charge charges alice this many times, with a card of her own; "" is one that works.
func (w *world) charge(card string, times int) {
	w.t.Helper()
	alice := billingtest.Subscription("alice")
	alice.Customer, alice.PaymentMethod = "Alice", cmp.Or(card, "pm_card_visa")
	alice, err := w.stripe.SetUp(w.t.Context(), alice)
	must(err)
	for range times {
		_, err := w.stripe.Charge(w.t.Context(), billing.Request{
			Invoice: billing.Invoice{Subscription: alice, Period: billingtest.December()},
		})
		must(err)
	}
}

// chargeOf returns the ID of a PaymentIntent's charge.
func (w *world) chargeOf(intent string) string {
	w.t.Helper()
	ask, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet,
		w.url+"/v1/payment_intents/"+intent, nil)
	must(err)
	ask.SetBasicAuth(stripecharge.SimulatorKey, "")
	answer, err := http.DefaultClient.Do(ask)
	must(err)
	defer func() { _ = answer.Body.Close() }()
	var p struct {
		LatestCharge string `json:"latest_charge"`
	}
	must(json.NewDecoder(answer.Body).Decode(&p))
	return p.LatestCharge
}

// kept returns what Stripe has of each subscription.
func (w *world) kept() map[string]int64 {
	w.t.Helper()
	kept := map[string]int64{}
	for i, err := range w.stripe.AllIntents(w.t.Context(), time.Unix(0, 0), time.Time{}) {
		must(err)
		kept[i.Subscription] += i.RemainingMinor
	}
	return kept
}

func TestWhatAPersonLeftInTheFileIsRefundedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "alice", "bob", "carol")
	w.dueRun("server-a", "server-b", "server-c")
	file := w.suspectsOf()
	var bobs string
	for i, err := range w.stripe.AllIntents(t.Context(), time.Unix(0, 0), time.Time{}) {
		must(err)
		if i.Subscription == "bob" {
			bobs = i.ID
			withoutLinesOf(file, i.ID)
		}
	}
	args := []string{"refund", "--from", file}

	status, out, log := command(t, append(args, "--commands")...)
	if lines := strings.Count(out, "\n"); status != 0 || log != "" || lines != 4 ||
		strings.Count(out, "stripe post /v1/refunds --live --confirm -d payment_intent=pi_") != 4 ||
		strings.Count(out, " -i refund/pi_") != 4 || strings.Contains(out, bobs) {
		t.Errorf("got %d, %q, want four commands:\n%s", status, log, out)
	}
	if kept := w.kept(); kept["alice"] != 3000 {
		t.Errorf("got %v, want nothing refunded", kept)
	}
	args = append(args, "--stripe-url", w.url)
	for _, want := range []string{"refunded $10.00 (re_", "refunded already"} {
		status, out, log = command(t, args...)
		if status != 0 || log != "" || strings.Count(out, want) != 4 {
			t.Errorf("got %d, %q, want %q four times:\n%s", status, log, want, out)
		}
		if kept := w.kept(); kept["alice"] != 1000 || kept["bob"] != 3000 || kept["carol"] != 1000 {
			t.Errorf("got %v, want $10 of alice and carol, and bob's left", kept)
		}
	}
}

func TestWhatHasChangedSinceTheReportIsNotRefunded(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		card   string // of both payments
		change func(w *world, keep, double string)
		want   string
	}{
		"the kept one was refunded": {"", func(w *world, keep, _ string) {
			_, err := w.stripe.Refund(w.t.Context(), keep)
			must(err)
		}, "the payment to keep"},
		"a refund is pending": {"pm_card_pendingRefund", func(w *world, _, double string) {
			_, err := w.stripe.Refund(w.t.Context(), double)
			must(err)
		}, "is pending"},
		"another account": {"", func(w *world, _, _ string) {
			w.url = newWorld(w.t).url
		}, "no such PaymentIntent"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.charge(tt.card, 2)
			file := w.suspectsOf()
			text, err := os.ReadFile(file)
			must(err)
			rows := strings.Split(string(text), "\n")
			tt.change(w, strings.Split(rows[1], ",")[3], strings.Split(rows[2], ",")[3])
			before := w.kept()["alice"]
			status, out, log := command(t, "refund", "--from", file, "--stripe-url", w.url)
			if status != 1 || out != "" || !strings.Contains(log, tt.want) {
				t.Errorf("got %d, %q, %q, want %q", status, out, log, tt.want)
			}
			if after := w.kept()["alice"]; after != before {
				t.Errorf("%d was refunded", before-after)
			}
		})
	}
}

func TestARefundNeedsOnePaymentThatKeepsTheMoney(t *testing.T) {
	t.Parallel()
	for kept, want := range map[int]string{1: "refunded $10.00", 2: "the payment to keep"} {
		w := newWorld(t)
		w.charge("", 3)
		file := w.suspectsOf()
		text, err := os.ReadFile(file)
		must(err)
		// The third is left, too, and then given back by somebody else: alone, or with the first.
		rows := strings.Split(string(text), "\n")
		rows[3] = strings.Replace(rows[3], ",1000,", ",0,", 2)
		rows[3] = strings.Replace(rows[3], ",0,", ",1000,", 1)
		must(os.WriteFile(file, []byte(strings.Join(rows, "\n")), 0o600))
		for _, row := range []string{rows[3], rows[1]}[:kept] {
			_, err := w.stripe.Refund(t.Context(), strings.Split(row, ",")[3])
			must(err)
		}
		_, out, log := command(t, "refund", "--from", file, "--stripe-url", w.url)
		if !strings.Contains(out+log, want) || strings.Count(out+log, "\n") != 1 {
			t.Errorf("with %d refunded: got %q, %q, want %q", kept, out, log, want)
		}
	}
}

const header = "suspect,sure,payment,payment_intent,created,amount_minor,refunded_minor,currency," +
	"customer,give_back_minor,why\n"

func TestAFileThatIsWrongInOneLineRefundsNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keep := "1,likely,ch_1,pi_1,2026-12-01T00:00:01Z,1000,0,usd,cus_a,0,why\n"
	double := "1,likely,ch_2,pi_2,2026-12-01T00:00:02Z,1000,0,usd,cus_a,1000,why\n"
	good := keep + double
	fifo := filepath.Join(dir, "fifo")
	must(syscall.Mkfifo(fifo, 0o600))
	for name, text := range map[string]string{
		"nothing": "", "another table": "a,b\n1,2\n", "no header": good,
		"a command for an ID": header + good + strings.ReplaceAll(good, "pi_2", "pi_1;id"),
		"NUL":                 header + good + strings.ReplaceAll(good, "pi_2", "pi_\x00"),
		"bad UTF-8":           header + good + strings.ReplaceAll(good, "pi_2", "pi_\xff"),
		"a line twice":        header + good + good,
		"half a line":         header + good + "1,likely,ch_3",
		"an amount edited":    header + strings.ReplaceAll(good, "cus_a,1000", "cus_a,500"),
		"an amount rounded":   header + strings.ReplaceAll(good, "1000,0,", "1000.0,0,"),
		"more than is left":   header + strings.ReplaceAll(good, "1000,0,", "1000,400,"),
		"less than nothing":   header + strings.ReplaceAll(good, "cus_a,1000", "cus_a,-1000"),
		"nothing is kept":     header + double,
		"all is given back":   header + strings.ReplaceAll(good, "cus_a,0", "cus_a,1000"),
		"no currency":         header + strings.ReplaceAll(good, "usd", "us$"),
		"a huge field":        header + strings.ReplaceAll(good, "why", strings.Repeat("x", 2<<20)),
	} {
		file := filepath.Join(dir, "file.csv")
		must(os.WriteFile(file, []byte(text), 0o600))
		wantRefused(t, name, file)
	}
	for _, file := range []string{fifo, "/dev/zero", dir, filepath.Join(dir, "none"), ""} {
		wantRefused(t, file, file)
	}
}

func wantRefused(t *testing.T, name, file string) {
	t.Helper()
	status, out, log := command(t, "refund", "--from", file, "--commands")
	if status != 2 || out != "" || strings.Count(log, "\n") != 1 || len(log) > 500 {
		t.Errorf("%s: got %d, %q, %.500q, want 2 and one clear error", name, status, out, log)
	}
}

func TestAFileThatASpreadsheetSavedIsRead(t *testing.T) {
	t.Parallel()
	text := header + "1,likely,ch_1,,2026-12-01T00:00:01Z,1000,0,usd,\"Müller, A\nB\",0,x\n" +
		"1,likely,ch_2,,2026-12-01T00:00:02Z,1000,400,usd,\"Müller, A\nB\",600,x\n"
	semicolons := strings.ReplaceAll(strings.ReplaceAll(text, "Müller, A", "Müller A"), ",", ";")
	for name, text := range map[string]string{
		"as it is": text, "with a byte order mark": "\ufeff" + text,
		"with CRLF": strings.ReplaceAll(text, "\n", "\r\n"), "with semicolons": semicolons,
		"in Latin-1": strings.ReplaceAll(text, "ü", "\xfc"),
	} {
		file := filepath.Join(t.TempDir(), "file.csv")
		must(os.WriteFile(file, []byte(text), 0o600))
		status, out, log := command(t, "refund", "--from", file, "--commands")
		if status != 0 || log != "" || out != "stripe post /v1/refunds --live --confirm "+
			"-d charge=ch_2 -d reason=duplicate -i refund/ch_2\n" {
			t.Errorf("%s: got %d, %q, %q", name, status, out, log)
		}
	}
}

func TestRefundsThatWereInterruptedGoOn(t *testing.T) {
	t.Parallel()
	var ids []string
	for n := range 12 {
		ids = append(ids, fmt.Sprintf("customer-%02d", n))
	}
	w := newWorld(t, ids...)
	w.dueRun("server-a", "server-b", "server-c")
	file := w.suspectsOf()
	k := &killer{api: w.api, signal: syscall.SIGKILL}
	server := httptest.NewServer(k)
	t.Cleanup(server.Close)
	args := []string{"refund", "--from", file, "--stripe-url", server.URL}
	random := rand.New(rand.NewPCG(3, 4))
	for range 8 {
		k.run(t, 1+random.IntN(30), random.IntN(3), args...)
	}
	k.signal = syscall.SIGTERM
	if state, out := k.run(t, 5, 2, args...); state.ExitCode() != 130 ||
		!strings.Contains(out, "run it again") {
		t.Errorf("%v, want 130 and what to do: %s", state, out)
	}
	if state, out := k.run(t, 0, 0, args...); state.ExitCode() != 0 {
		t.Errorf("%v: %s", state, out)
	}
	for id, kept := range w.kept() {
		if kept != 1000 {
			t.Errorf("%s: %d is left, want 1000", id, kept)
		}
	}
}

// A charge of the older API has no PaymentIntent.
func TestAChargeWithoutAPaymentIntentIsRefunded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.charge("", 2)
	text, charge, back := header, "", 0
	for i, err := range w.stripe.AllIntents(t.Context(), time.Unix(0, 0), time.Time{}) {
		must(err)
		charge = w.chargeOf(i.ID)
		text += fmt.Sprintf("1,likely,%s,,2026-12-01T00:00:02Z,1000,0,usd,,%d,\n", charge, back)
		back += 1000
	}
	file := filepath.Join(t.TempDir(), "file.csv")
	must(os.WriteFile(file, []byte(text), 0o600))
	for _, want := range []string{"refunded $10.00", "refunded already"} {
		status, out, log := command(t, "refund", "--from", file, "--stripe-url", w.url)
		if status != 0 || !strings.Contains(out, charge+": "+want) {
			t.Errorf("got %d, %q, %q, want %q", status, out, log, want)
		}
	}
	if _, err := w.stripe.Intent(t.Context(), "ch_none"); err == nil ||
		!strings.Contains(err.Error(), stripecharge.ErrNoIntent.Error()) {
		t.Errorf("got %v, want that there is none", err)
	}
}
