package command

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/reconcile/suspects"
	"example.com/triplecharge/internal/stripesim"
)

var payments = flag.Int("payments", 3_000, "how many the account of an unknown application has")

// account is the Stripe account of an application that knows nothing of us.
type account struct {
	t      *testing.T
	url    string
	admin  http.Handler
	client func(object string, params map[string]any) (id string)
	random *rand.Rand
	truth  map[string]int // the double or triple that a payment is part of; 0: none
	groups int
	orders int
}

func newAccount(t *testing.T) *account {
	t.Helper()
	sim := stripesim.New(stripesim.Options{})
	api := httptest.NewServer(sim.Handler(""))
	a := &account{
		t: t, url: api.URL, admin: sim.Admin(""),
		random: rand.New(rand.NewPCG(5, 6)), truth: map[string]int{},
	}
	t.Cleanup(api.Close)
	a.client = a.python()
	if a.client == nil {
		t.Log("without python3-stripe, which STRIPE_CLIENTS=required asks for")
		a.client = inGo(sim.Handler(""))
	}
	a.clock(`{"now":"2027-01-01T00:00:00Z"}`)
	return a
}

func (a *account) clock(to string) {
	a.t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1/clock",
		strings.NewReader(to))
	r.Header.Set("Content-Type", "application/json")
	a.admin.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		a.t.Fatalf("set the clock: %d %s", w.Code, w.Body)
	}
}

// python makes objects through Debian's python3-stripe. It returns nil where there is none.
func (a *account) python() func(object string, params map[string]any) string {
	const name = "/usr/bin/python3"
	if err := exec.CommandContext(a.t.Context(), name, "-c", "import stripe").Run(); err != nil {
		if os.Getenv("STRIPE_CLIENTS") == "required" {
			a.t.Fatal("no python3-stripe, which STRIPE_CLIENTS=required asks for")
		}
		return nil
	}
	cmd := exec.Command(name, "testdata/create.py", a.url) // it ends with its input
	cmd.Env = append(os.Environ(), "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	must(err)
	out, err := cmd.StdoutPipe()
	must(err)
	must(cmd.Start())
	a.t.Cleanup(func() { must(errors.Join(in.Close(), cmd.Wait())) })
	asks, ids := json.NewEncoder(in), bufio.NewScanner(out)
	return func(object string, params map[string]any) string {
		must(asks.Encode([]any{object, params}))
		if !ids.Scan() {
			a.t.Fatalf("%s %v: the client has ended", object, params)
		}
		return ids.Text()
	}
}

// inGo makes them by plain requests.
func inGo(api http.Handler) func(object string, params map[string]any) string {
	paths := map[string]string{"Customer": "customers", "PaymentIntent": "payment_intents",
		"Refund": "refunds"}
	return func(object string, params map[string]any) string {
		form := url.Values{}
		for key, value := range params {
			if metadata, ok := value.(map[string]string); ok {
				for key, value := range metadata {
					form.Set("metadata["+key+"]", value)
				}
			} else {
				form.Set(key, fmt.Sprint(value))
			}
		}
		r := httptest.NewRequest(http.MethodPost, "/v1/"+paths[object],
			strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth(stripecharge.SimulatorKey, "")
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		var made struct {
			ID           string
			LatestCharge string `json:"latest_charge"`
		}
		must(json.Unmarshal(w.Body.Bytes(), &made))
		return cmp.Or(made.LatestCharge, made.ID)
	}
}

// pay takes an amount, after a time.
func (a *account) pay(
	after time.Duration, customer string, amount int, metadata map[string]string,
) string {
	a.t.Helper()
	a.clock(fmt.Sprintf(`{"advance":%d}`, after))
	return a.client("PaymentIntent", map[string]any{
		"amount": amount, "currency": "usd", "customer": customer, "confirm": true,
		"off_session": true, "payment_method": "pm_card_visa", "description": "Order",
		"metadata": metadata,
	})
}

// order returns the metadata of a new order.
func (a *account) order() map[string]string {
	a.orders++
	return map[string]string{"order_id": strconv.Itoa(a.orders)}
}

// kinds are the ways in which a payment is taken more than once here: how many times, how long
// after the one before, and what becomes of the metadata.
var kinds = []struct {
	times  int
	after  time.Duration
	change func(metadata map[string]string, n int)
	refund bool // of a part of the last one
	share  int  // of 300
}{
	{2, 2 * time.Second, func(map[string]string, int) {}, false, 100},
	{3, 30 * time.Second, func(m map[string]string, n int) { m["attempt"] = strconv.Itoa(n) },
		false, 60},
	{2, 3 * time.Hour, func(map[string]string, int) {}, false, 60},
	{2, 20 * time.Second, func(map[string]string, int) {}, true, 40},
	{2, 5 * time.Second, func(m map[string]string, _ int) { clear(m) }, false, 40},
}

// fill makes n payments, of which 3 in 1000 are doubles or triples of others, and 2 in 1000 are
// purchases of the same thing by the same customer a minute later.
func (a *account) fill(n int) {
	a.t.Helper()
	var customers []string
	for range max(n/50, 10) {
		customers = append(customers, a.client("Customer", nil))
	}
	doubles, repeats := n*3/1000, n*2/1000
	step := 90 * 24 * time.Hour / time.Duration(n)
	for i := range n {
		customer := customers[a.random.IntN(len(customers))]
		amount, order := 500+100*a.random.IntN(40), a.order()
		switch {
		case i%(n/(doubles+repeats)) == 0 && a.groups < doubles:
			a.double(a.groups*300/doubles, customer, amount, order)
		case i%(n/(doubles+repeats)) == 0:
			a.pay(step, customer, amount, order)
			a.pay(time.Minute, customer, amount, a.order())
		default:
			a.pay(step, customer, amount, order)
		}
	}
}

// double takes a payment more than once, in the way of the kind that the place among 300 has.
func (a *account) double(place int, customer string, amount int, order map[string]string) {
	a.t.Helper()
	a.groups++
	for _, k := range kinds {
		if place -= k.share; place >= 0 {
			continue
		}
		for n := range k.times {
			k.change(order, n)
			id := a.pay(k.after, customer, amount, order)
			a.truth[id] = a.groups
			if k.refund && n == k.times-1 {
				a.client("Refund", map[string]any{"charge": id, "amount": 100})
			}
		}
		return
	}
}

// score compares a report with the truth: doubles found, and suspects that are none, each with how
// many of them are likely; and doubles missed.
func (a *account) score(r suspects.Report) (found, likely, falseAlarms, likelyFalse, missed int) {
	hit := map[int]bool{}
	for _, s := range r.Suspects {
		real, sure := a.truth[s.Payments[0].ID], 0
		for _, p := range s.Payments {
			if a.truth[p.ID] != real {
				real = 0
			}
		}
		if s.Sure == suspects.Likely {
			sure = 1
		}
		if hit[real] = true; real != 0 {
			likely += sure
		} else {
			falseAlarms++
			likelyFalse += sure
		}
	}
	delete(hit, 0)
	return len(hit), likely, falseAlarms, likelyFalse, a.groups - len(hit)
}

// With -run UnknownApplication -v -payments 100000 it prints the table.
func TestDoublesOfAnUnknownApplicationAreFound(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	a.fill(*payments)
	page := filepath.Join(t.TempDir(), "page.html")
	t.Logf("%d payments, %d of them more than once", *payments, a.groups)
	for name, tt := range map[string]struct {
		args                []string
		missed, likelyFalse float64 // at most, of the doubles
	}{
		"customer, amount and currency within 1h": {[]string{"--html", page}, 0.21, 0.05},
		"the same within 24h":                     {[]string{"--within", "24h"}, 0.03, 0.05},
		"order_id within 1h":                      {[]string{"--by", "metadata.order_id"}, 0.34, 0},
		"order_id at any time": {
			[]string{"--by", "metadata.order_id", "--within", "0"}, 0.14, 0},
	} {
		status, out, log := command(t, append([]string{"suspects", "--stripe", "--stripe-url",
			a.url, "--json-out"}, tt.args...)...)
		if status != 1 || log != "" {
			t.Fatalf("%s: got %d, %s", name, status, log)
		}
		var r suspects.Report
		must(json.Unmarshal([]byte(out), &r))
		found, likely, falseAlarms, likelyFalse, missed := a.score(r)
		t.Logf("%-40s found %3d (%d likely), false alarms %4d (%d likely), missed %3d", name,
			found, likely, falseAlarms, likelyFalse, missed)
		if r.Payments != len(a.truth)+a.singles() ||
			float64(missed) > 1+tt.missed*float64(a.groups) ||
			float64(likelyFalse) > tt.likelyFalse*float64(a.groups) {
			t.Errorf("%s: of %d payments, want fewer missed, and fewer false alarms", name,
				r.Payments)
		}
	}
	if html, err := os.ReadFile(page); err != nil ||
		strings.Count(string(html), "<section>") < a.groups/2 {
		t.Errorf("got %d bytes, %v, want a page with the suspects", len(html), err)
	}
}

// singles counts the payments that are no part of a double.
func (a *account) singles() int { return a.orders - a.groups }

func TestTheHintsOfEventsAreSaid(t *testing.T) {
	t.Parallel()
	event := func(n int) string {
		return fmt.Sprintf(`{"object":"event","request":{"idempotency_key":"job-77/%d"},
			"data":{"object":{"object":"charge","id":"ch_%d","amount":6500,"amount_captured":5000,
			"amount_refunded":2000,"refunds":{"data":[{"amount":2000,"status":"succeeded"}]},
			"created":%d,"currency":"usd","customer":"cus_a","status":"succeeded",
			"description":"May","calculated_statement_descriptor":"SHOP"}}}`, n, n, 1796083200+n)
	}
	_, r, log := find(t, `{"object":"list","data":[`+event(1)+","+event(2)+"]}", "--json")
	if len(r.Suspects) != 1 || r.Suspects[0].Payments[1].RefundedMinor != 2000 {
		t.Fatalf("got %+v, %s, want one suspect, of which $20 were given back", r, log)
	}
	for _, want := range []string{"same description", "same statement descriptor", `"job-77/"`} {
		if !strings.Contains(r.Suspects[0].Why, want) {
			t.Errorf("%q lacks %q", r.Suspects[0].Why, want)
		}
	}
}

func TestThePageIsHarmless(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.csv"), filepath.Join(dir, "out.html")
	must(os.WriteFile(in, []byte(strings.ReplaceAll(export, "cus_alice",
		"<script>alert(1)</script>")), 0o600))
	if status, _, log := command(t, "suspects", "--csv", in, "--html", out); status != 1 {
		t.Fatalf("got %d, %s", status, log)
	}
	html, err := os.ReadFile(out)
	must(err)
	for want, n := range map[string]int{
		"<section>": 2, "<script>": 0, `class="keep"`: 1, `class="look"`: 2, `class="give `: 2,
	} {
		if got := strings.Count(string(html), want); got != n {
			t.Errorf("%d times %s, want %d:\n%s", got, want, n, html)
		}
	}
}

func TestWhatIsNoFileIsRefused(t *testing.T) {
	t.Parallel()
	fifo := filepath.Join(t.TempDir(), "fifo")
	must(syscall.Mkfifo(fifo, 0o600))
	for _, name := range []string{fifo, "/dev/zero", t.TempDir(), fifo + "/none"} {
		for _, flag := range []string{"--csv", "--json"} {
			status, out, log := command(t, "suspects", flag, name)
			if status != 2 || out != "" || strings.Count(log, "\n") != 1 {
				t.Errorf("%s %s: got %d, %q, %q", flag, name, status, out, log)
			}
		}
	}
}
