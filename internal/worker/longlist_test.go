package worker

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/stripesim/control"
)

// manyCards returns more customers than a server with a concurrency of one handles at a time.
func manyCards() map[string]string {
	cards := map[string]string{}
	for _, id := range strings.Fields("alice bob carol dave erin frank grace heidi") {
		cards[id] = "pm_card_visa"
	}
	return cards
}

// waitFor returns when there were that many events of the kind.
func (n *node) waitFor(kind event.Kind, want int) {
	n.t.Helper()
	for e := range n.lines(0) {
		if e.Msg == kind {
			want--
		}
		if want == 0 {
			return
		}
	}
	n.t.Fatalf("the server ended before the last %s", kind)
}

// addMany gives the customer of a subscription n more.
func (w *world) addMany(n int, like string) {
	w.t.Helper()
	charger, err := stripecharge.New(stripecharge.Options{
		Key: stripecharge.SimulatorKey, URL: w.stripe["server-a"],
	})
	must(w.t, err)
	defer charger.Close()
	s, err := charger.SetUp(w.t.Context(), billing.Subscription{
		ID: like, Customer: like, PaymentMethod: "pm_card_visa", AmountMinor: 1000, Currency: "usd",
	})
	must(w.t, err)
	var many []billing.Subscription
	for i := range n {
		s.ID = fmt.Sprintf("%s-%04d", like, i)
		many = append(many, s)
	}
	must(w.t, w.store.AddSubscriptions(w.t.Context(), many))
}

// In a long list, modes that check the ledger skip whole pages that another server has charged.
// Other modes skip nothing.
func TestPagesThatAreDoneArePassedOverByModesThatAsk(t *testing.T) {
	t.Parallel()
	const many = 1200
	for mode, again := range map[string]int{
		"uncoordinated": many, "idempotent": 0, "locked": 0, "exactly-once": 0,
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			w := setup(t, nil)
			w.addMany(many, "alice")
			if got := start(t, w.config("server-a", mode)).run(); got.Billed != many {
				t.Fatalf("the first run: %+v", got)
			}
			n := start(t, w.config("server-b", mode))
			got := n.run()
			charges, err := w.control.ChargesSoFar(t.Context())
			must(t, err)
			if len(charges) != many+again || got.Failed > 0 {
				t.Errorf("%d charges after a second run, want %d: %+v", len(charges), many+again,
					got)
			}
			// At most a short page at the end of either leg isn't skipped.
			skipped := strings.Count(n.String(), `"msg":"invoice.skipped"`)
			m, err := billing.ModeNamed(mode)
			must(t, err)
			if m.ChecksLedger && (got.AlreadyBilled != many || skipped >= 1000) {
				t.Errorf("%d already billed, %d of them looked at: want %d and few",
					got.AlreadyBilled, skipped, many)
			}
		})
	}
}

// A part is a hint: where a server begins. Two servers that were both given the second of three
// parts bill the whole list, each invoice once.
func TestServersWithTheWrongPartsBillEverything(t *testing.T) {
	t.Parallel()
	const many = 1500
	for _, mode := range []string{"locked", "exactly-once"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			w := setup(t, nil)
			w.addMany(many, "alice")
			var servers []*node
			for _, name := range []string{"server-a", "server-b"} {
				c := w.config(name, mode)
				c.Part = "2/3"
				servers = append(servers, start(t, c))
			}
			for _, n := range servers {
				must(t, startRun(n))
			}
			billed := 0
			for _, n := range servers {
				billed += n.ask(http.MethodGet, "/runs/1?wait=true").Billed
				for e := range n.lines(0) {
					if e.Invoice != "" {
						if !strings.HasPrefix(e.Invoice, "alice-05") {
							t.Errorf("it began with %s, want the second third", e.Invoice)
						}
						break
					}
				}
			}
			charges, err := w.control.ChargesSoFar(t.Context())
			must(t, err)
			if billed != many || len(charges) != many {
				t.Errorf("%d billed and %d charges, want %d", billed, len(charges), many)
			}
		})
	}
}

// Stripe's test mode accepts 25 requests a second: a run that exceeds that is slow, but complete.
func TestARateLimitMakesARunSlowAndFailsNoInvoice(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"locked", "exactly-once"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			const many = 40
			w := setup(t, nil)
			w.addMany(many, "alice")
			must(t, w.control.Set(t.Context(), control.Settings{RateLimit: new(testModeRPS)}))
			c := w.config("server-a", mode)
			c.Concurrency = DefaultConcurrency
			if got := start(t, c).run(); got.Billed != many || got.Failed > 0 {
				t.Errorf("got %+v, want all %d billed", got, many)
			}
			w.want("alice-0000", billedOnce)
		})
	}
}

// With a real key, a server charges no faster than Stripe's test mode accepts, unless a flag says
// otherwise.
func TestStripeIsCharged25TimesASecondWithAKeyOfItsOwn(t *testing.T) {
	t.Parallel()
	fifty, none := 50.0, 0.0
	for name, test := range map[string]struct {
		key  string
		rps  *float64
		want float64
	}{
		"a test mode key":              {"sk_test_1", nil, testModeRPS},
		"a test mode key, and a limit": {"sk_test_1", &fifty, 50},
		"a test mode key, without":     {"sk_test_1", &none, 0},
		"a simulator":                  {"", nil, 0},
		"a simulator, and a limit":     {"", &fifty, 50},
	} {
		shared := Config{StripeRPS: test.rps, Concurrency: 16, Servers: 5}
		if o := shared.stripe(Secrets{StripeKey: test.key}); o.PerSecond != test.want/5 {
			t.Errorf("%s, shared by five: %+v, want %g requests a second", name, o, test.want/5)
		}
		c := Config{StripeRPS: test.rps, Concurrency: 16}
		if o := c.stripe(Secrets{StripeKey: test.key}); o.PerSecond != test.want || o.AtOnce != 16 {
			t.Errorf("%s: %+v, want %g requests a second", name, o, test.want)
		}
	}
}
