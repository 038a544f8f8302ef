package stripesim_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v76"

	"example.com/triplecharge/internal/stripesim"
	"example.com/triplecharge/internal/stripesim/control"
)

// found are the subscriptions of the PaymentIntents that a search finds, newest first.
func (a *api) found(t *testing.T, query string) (subscriptions []string) {
	t.Helper()
	p := &stripe.PaymentIntentSearchParams{}
	p.Query, p.Limit = query, stripe.Int64(2) // in pages
	list := a.intents.Search(p)
	for list.Next() {
		subscriptions = append(subscriptions, list.PaymentIntent().Metadata["subscription"])
	}
	if err := list.Err(); err != nil {
		t.Fatalf("search %s: %v", query, err)
	}
	return subscriptions
}

func TestSearchFindsWhatMatches(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{})
	a := w.api("server-a")
	who := a.customer(t, "pm_card_visa")
	for _, i := range []struct {
		subscription, currency string
		amount                 int64
		confirm                bool
	}{
		{"alice", "usd", 1000, true}, {"bob", "usd", 2000, false}, {"Alice's", "eur", 3000, true},
		{"", "eur", 4000, false}, {"carol", "usd", 5000, true},
	} {
		params := tenDollars(who, "")
		params.Amount, params.Currency = stripe.Int64(i.amount), stripe.String(i.currency)
		params.Metadata["subscription"] = i.subscription
		if !i.confirm {
			params.Confirm, params.OffSession = nil, nil
		}
		if _, err := a.intents.New(params); err != nil {
			t.Fatal(err)
		}
	}
	for query, want := range map[string][]string{
		`metadata['subscription']:'alice'`:              {"alice"},
		`metadata["subscription"]:"ALICE"`:              {"alice"},
		`metadata['subscription']:'Alice\'s'`:           {"Alice's"},
		`metadata['subscription']~'alice'`:              {"Alice's", "alice"},
		`metadata['subscription']:null`:                 {""},
		`-metadata['subscription']:null amount<3000`:    {"bob", "alice"},
		`status:'succeeded'`:                            {"carol", "Alice's", "alice"},
		`status:'succeeded' AND currency:'usd'`:         {"carol", "alice"},
		`status:'succeeded' and amount>1000`:            {"carol", "Alice's"},
		`amount<=1000 OR amount>=5000`:                  {"carol", "alice"},
		`amount:2000`:                                   {"bob"},
		`-status:'succeeded'`:                           {"", "bob"},
		`created>0 AND customer:'` + who.customer + `'`: {"carol", "", "Alice's", "bob", "alice"},
		`customer:'cus_nobody'`:                         nil,
	} {
		if got := a.found(t, query); !slices.Equal(got, want) {
			t.Errorf("%s: found %q, want %q", query, got, want)
		}
	}
}

func TestSearchFindsChargesAndCustomers(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{})
	a := w.api("server-a")
	who := a.customer(t, "pm_card_visa")
	i, err := a.intents.New(tenDollars(who, ""))
	if err != nil {
		t.Fatal(err)
	}
	charges := a.charges.Search(&stripe.ChargeSearchParams{SearchParams: stripe.SearchParams{
		Query: `payment_method_details.card.last4:4242 AND refunded:'false'`}})
	if !charges.Next() || charges.Charge().ID != i.LatestCharge.ID {
		t.Errorf("found %+v, %v", charges.Charge(), charges.Err())
	}
	byName := &stripe.CustomerSearchParams{SearchParams: stripe.SearchParams{Query: `name:'alice'`}}
	if customers := a.customers.Search(byName); !customers.Next() ||
		customers.Customer().ID != who.customer {
		t.Errorf("found %+v, %v", customers.Customer(), customers.Err())
	}
	if _, err := a.customers.Del(who.customer, nil); err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{byName.Query, `-name:'bob'`} {
		p := &stripe.CustomerSearchParams{SearchParams: stripe.SearchParams{Query: query}}
		if customers := a.customers.Search(p); customers.Next() {
			t.Errorf("%s finds %+v, which was deleted", query, customers.Customer())
		}
	}
}

// TestSearchLags is why a search must never decide whether to charge: what was just written is not
// there, and what is there is not as it is.
func TestSearchLags(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{SearchLag: time.Minute})
	a := w.api("server-a")
	who := a.customer(t, "pm_card_visa")
	params := tenDollars(who, "")
	params.Confirm, params.OffSession = nil, nil
	i, err := a.intents.New(params)
	if err != nil {
		t.Fatal(err)
	}
	advance := func(d time.Duration) {
		t.Helper()
		if err := w.control.Advance(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(when, query string, want int) {
		t.Helper()
		if got := len(a.found(t, query)); got != want {
			t.Errorf("%s: %s finds %d, want %d", when, query, got, want)
		}
	}
	const paid, unpaid = `status:'succeeded'`, `status:'requires_confirmation'`

	expect("at once", unpaid, 0)
	advance(time.Minute)
	expect("a minute later", unpaid, 1)
	if _, err := a.intents.Confirm(i.ID, confirmWith(who.method)); err != nil {
		t.Fatal(err)
	}
	expect("just confirmed", unpaid, 1)
	expect("just confirmed", paid, 0)
	advance(time.Minute)
	expect("a minute later", unpaid, 0)
	expect("a minute later", paid, 1)

	none := control.Settings{SearchLag: new(time.Duration(0))}
	if err := w.control.Set(t.Context(), none); err != nil {
		t.Fatal(err)
	}
	if _, err := a.intents.New(tenDollars(who, "")); err != nil {
		t.Fatal(err)
	}
	expect("without a lag", paid, 2)
	if err := w.control.Set(t.Context(), control.Settings{SearchLag: new(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	expect("with a lag again", paid, 2)
	if _, err := a.intents.New(tenDollars(who, "")); err != nil {
		t.Fatal(err)
	}
	expect("with a lag again, after a charge", paid, 2)
}

func TestMoneySettlesAfterTwoDays(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{})
	a := w.api("server-a")
	if _, err := a.intents.New(tenDollars(a.customer(t, "pm_card_visa"), "")); err != nil {
		t.Fatal(err)
	}
	if _, err := a.intents.New(tenDollars(a.customer(t, "pm_card_bypassPending"), "")); err != nil {
		t.Fatal(err)
	}
	const net = 1000 - 29 - 30 // 2.9 % and 30 cents
	for _, step := range []struct {
		advance            time.Duration
		available, pending int64
	}{{0, net, net}, {47 * time.Hour, net, net}, {time.Hour, 2 * net, 0}} {
		if err := w.control.Advance(t.Context(), step.advance); err != nil {
			t.Fatal(err)
		}
		b, err := a.balance.Get(nil)
		if err != nil {
			t.Fatal(err)
		}
		if b.Available[0].Amount != step.available || b.Pending[0].Amount != step.pending {
			t.Errorf("another %v later: %d available, %d pending, want %d and %d", step.advance,
				b.Available[0].Amount, b.Pending[0].Amount, step.available, step.pending)
		}
	}
}
