package stripesim_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stripe/stripe-go/v76"
)

func listTerms() []term {
	return []term{
		{"a list is newest first, in pages", pagesTerm},
		{"limit is 10 by default, from 1 to 100", limitTerm},
		{"ending_before pages backward", endingBeforeTerm},
		{"created filters a list", createdRangeTerm},
		{"a list has a url and no total", listShapeTerm},
		{"an unknown cursor is refused", cursorTerm},
	}
}

// several makes PaymentIntents of one customer and returns their ids, oldest first.
func (s *target) several(t *testing.T, n int) (who alice, ids []string) {
	t.Helper()
	who = s.customer(t, "pm_card_visa")
	for range n {
		ids = append(ids, s.unconfirmed(t, who).ID)
	}
	return who, ids
}

func (s *target) list(t *testing.T, p *stripe.PaymentIntentListParams) (ids []string) {
	t.Helper()
	list := s.api.intents.List(p)
	for list.Next() {
		ids = append(ids, list.PaymentIntent().ID)
	}
	if err := list.Err(); err != nil {
		t.Fatal(err)
	}
	return ids
}

func pagesTerm(t *testing.T, s *target) {
	who, want := s.several(t, 5)
	slices.Reverse(want)
	for _, size := range []int64{1, 2, 5, 100} {
		p := &stripe.PaymentIntentListParams{Customer: stripe.String(who.customer)}
		p.Limit = stripe.Int64(size)
		if got := s.list(t, p); !slices.Equal(got, want) {
			t.Errorf("in pages of %d: %v, want %v", size, got, want)
		}
	}
}

func limitTerm(t *testing.T, s *target) {
	who, _ := s.several(t, 12)
	form := []string{"customer", who.customer}
	got := s.send(t, "GET", "/v1/payment_intents", nil, form...)
	if n := strings.Count(got.body, `"object": "payment_intent"`); n != 10 {
		t.Errorf("%d without a limit, want 10", n)
	}
	wantAnswer(t, got, http.StatusOK, `"has_more": true`)
	for limit, want := range map[string]int{"0": 1, "101": 12} {
		got := s.send(t, "GET", "/v1/payment_intents", nil, append(form, "limit", limit)...)
		if n := strings.Count(got.body, `"object": "payment_intent"`); n != want {
			t.Errorf("limit %s: %d, want %d", limit, n, want)
		}
	}
	got = s.send(t, "GET", "/v1/payment_intents", nil, append(form, "limit", "x")...)
	wantAnswer(t, got, http.StatusBadRequest, `"param": "limit"`)
}

func endingBeforeTerm(t *testing.T, s *target) {
	who, ids := s.several(t, 5)
	got := s.send(t, "GET", "/v1/payment_intents", nil, "customer", who.customer,
		"ending_before", ids[0], "limit", "2")
	// The page nearest to the cursor, still newest first. (stripe-go turns it around.)
	newer, older := strings.Index(got.body, ids[2]), strings.Index(got.body, ids[1])
	if newer < 0 || older < newer || strings.Contains(got.body, ids[3]) {
		t.Errorf("got %s, want %v", got.body, ids[1:3])
	}
	wantAnswer(t, got, http.StatusOK, `"has_more": true`)
}

func createdRangeTerm(t *testing.T, s *target) {
	who, ids := s.several(t, 2)
	i, err := s.api.intents.Get(ids[1], nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		bound stripe.RangeQueryParams
		want  string
		found bool
	}{
		"gte the time": {stripe.RangeQueryParams{GreaterThanOrEqual: i.Created}, ids[1], true},
		"gt the time":  {stripe.RangeQueryParams{GreaterThan: i.Created}, ids[1], false},
		"lte the time": {stripe.RangeQueryParams{LesserThanOrEqual: i.Created}, ids[1], true},
		"lt the time":  {stripe.RangeQueryParams{LesserThan: i.Created}, ids[1], false},
		"gt before it": {stripe.RangeQueryParams{GreaterThan: i.Created - 1}, ids[1], true},
		"lt after it":  {stripe.RangeQueryParams{LesserThan: i.Created + 1}, ids[1], true},
		"a closed range": {stripe.RangeQueryParams{GreaterThanOrEqual: i.Created,
			LesserThanOrEqual: i.Created}, ids[1], true},
	} {
		p := &stripe.PaymentIntentListParams{Customer: stripe.String(who.customer),
			CreatedRange: &c.bound}
		if got := slices.Contains(s.list(t, p), c.want); got != c.found {
			t.Errorf("%s: found %t, want %t", name, got, c.found)
		}
	}
}

func listShapeTerm(t *testing.T, s *target) {
	who := s.customer(t, "pm_card_visa")
	got := s.send(t, "GET", "/v1/payment_intents", nil, "customer", who.customer)
	wantAnswer(t, got, http.StatusOK, `"object": "list"`, `"data": []`, `"has_more": false`,
		`"url": "/v1/payment_intents"`)
	if strings.Contains(got.body, "total_count") {
		t.Errorf("the list counts: %s", got.body)
	}
}

func cursorTerm(t *testing.T, s *target) {
	got := s.send(t, "GET", "/v1/payment_intents", nil, "starting_after", "pi_x")
	wantAnswer(t, got, http.StatusBadRequest, `"code": "resource_missing"`,
		`"param": "starting_after"`)
}

func expandTerms() []term {
	return []term{
		{"expand replaces ids with objects", expandTerm},
		{"expand works within lists", expandListTerm},
		{"a property that cannot be expanded is refused", expandNothingTerm},
	}
}

func expandTerm(t *testing.T, s *target) {
	who := s.customer(t, "pm_card_visa")
	params := tenDollars(who, "")
	params.AddExpand("customer")
	params.AddExpand("latest_charge.balance_transaction")
	params.AddExpand("payment_method")
	i, err := s.api.intents.New(params)
	if err != nil {
		t.Fatal(err)
	}
	if i.Customer.Email != contractEmail || i.PaymentMethod.Card == nil {
		t.Errorf("customer %+v, payment method %+v are not expanded", i.Customer, i.PaymentMethod)
	}
	if tx := i.LatestCharge.BalanceTransaction; tx == nil || tx.Amount != 1000 || tx.Net >= 1000 {
		t.Errorf("latest_charge.balance_transaction is %+v", tx)
	}
}

func expandListTerm(t *testing.T, s *target) {
	who := s.customer(t, "pm_card_visa")
	s.paid(t, who)
	p := &stripe.PaymentIntentListParams{Customer: stripe.String(who.customer)}
	p.AddExpand("data.latest_charge")
	list := s.api.intents.List(p)
	if !list.Next() || list.PaymentIntent().LatestCharge.Amount != 1000 {
		t.Errorf("data.latest_charge is not expanded: %+v, %v", list.PaymentIntent(), list.Err())
	}
}

func expandNothingTerm(t *testing.T, s *target) {
	for _, path := range []string{"bogus", "customer.bogus", "amount", "data.customer"} {
		got := s.send(t, "POST", "/v1/payment_intents", nil, "amount", "1000", "currency", "usd",
			"expand[]", path)
		wantAnswer(t, got, http.StatusBadRequest, "cannot be expanded")
	}
	got := s.send(t, "POST", "/v1/payment_intents", nil, "amount", "1000", "currency", "usd",
		"expand[]", "invoice") // which is null, and could be expanded
	wantAnswer(t, got, http.StatusOK, `"invoice": null`)
}
