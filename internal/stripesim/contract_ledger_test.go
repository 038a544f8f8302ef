package stripesim_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stripe/stripe-go/v76"
)

func ledgerTerms() []term {
	return []term{
		{"a charge and its refund move the balance", transactionsTerm},
		{"the balance has a sum for each currency", balanceTerm},
		{"events report the changes of a charge", eventsTerm},
		{"the account is the key's", accountTerm},
	}
}

func transactionsTerm(t *testing.T, s *target) {
	i := s.paid(t, s.customer(t, "pm_card_visa"))
	r, err := s.api.refunds.New(&stripe.RefundParams{PaymentIntent: stripe.String(i.ID)})
	if err != nil {
		t.Fatal(err)
	}
	for source, want := range map[string]int64{i.LatestCharge.ID: 1000, r.ID: -1000} {
		list := s.api.transactions.List(&stripe.BalanceTransactionListParams{
			Source: stripe.String(source),
		})
		if !list.Next() {
			t.Fatalf("there is no transaction of %s: %v", source, list.Err())
		}
		tx, err := s.api.transactions.Get(list.BalanceTransaction().ID, nil)
		if err != nil || tx.Amount != want || tx.Net != tx.Amount-tx.Fee || tx.Source.ID != source {
			t.Errorf("the transaction of %s is %+v, %v, want %d", source, tx, err, want)
		}
	}
}

func accountTerm(t *testing.T, s *target) {
	first, err := s.api.account.Get()
	if err != nil || !strings.HasPrefix(first.ID, "acct_") || first.Country == "" ||
		first.DefaultCurrency == "" || first.Created == 0 {
		t.Fatalf("the account is %+v, %v", first, err)
	}
	if again, err := s.api.account.Get(); err != nil || again.ID != first.ID {
		t.Errorf("then it is %+v, %v", again, err)
	}
}

func balanceTerm(t *testing.T, s *target) {
	s.paid(t, s.customer(t, "pm_card_visa"))
	b, err := s.api.balance.Get(nil)
	if err != nil {
		t.Fatal(err)
	}
	if b.Livemode || len(b.Available) == 0 || len(b.Pending) == 0 {
		t.Errorf("the balance is %+v", b)
	}
}

func eventsTerm(t *testing.T, s *target) {
	who := s.customer(t, "pm_card_visa")
	params := tenDollars(who, s.named(t.Name()))
	i, err := s.api.intents.New(params)
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	p := &stripe.EventListParams{}
	p.Limit = stripe.Int64(100)
	p.CreatedRange = &stripe.RangeQueryParams{GreaterThanOrEqual: i.Created}
	for list := s.api.events.List(p); list.Next(); {
		e := list.Event()
		if e.Request.IdempotencyKey == s.named(t.Name()) {
			types = append(types, string(e.Type))
		}
	}
	for _, want := range []string{"payment_intent.created", "charge.succeeded",
		"payment_intent.succeeded"} {
		if !slices.Contains(types, want) {
			t.Errorf("there is no %s among %v", want, types)
		}
	}
	succeeded := s.api.events.List(&stripe.EventListParams{
		Type: stripe.String("payment_intent.succeeded"),
	})
	if !succeeded.Next() {
		t.Fatalf("no event of that type: %v", succeeded.Err())
	}
	e, err := s.api.events.Get(succeeded.Event().ID, nil)
	if err != nil || e.Data.Object["object"] != "payment_intent" ||
		e.Data.Object["status"] != "succeeded" {
		t.Errorf("the event is %+v, %v", e, err)
	}
}

func oldChargeTerms() []term {
	return []term{
		{"the older API charges a token", oldChargeTerm},
		{"a charge can be authorized and captured", oldCaptureTerm},
		{"a charge's metadata and description can be changed", updateChargeTerm},
	}
}

func oldCharge(token string, capture bool) *stripe.ChargeParams {
	return &stripe.ChargeParams{
		Amount: stripe.Int64(1000), Currency: stripe.String("usd"),
		Source:  &stripe.PaymentSourceSourceParams{Token: stripe.String(token)},
		Capture: stripe.Bool(capture),
	}
}

func oldChargeTerm(t *testing.T, s *target) {
	c, err := s.api.charges.New(oldCharge("tok_visa", true))
	if err != nil || !c.Paid || !c.Captured || c.PaymentIntent != nil {
		t.Errorf("got %+v, %v", c, err)
	}
	_, err = s.api.charges.New(oldCharge("tok_chargeDeclined", true))
	e := wantProblem(t, err, problem{http.StatusPaymentRequired, stripe.ErrorTypeCard,
		stripe.ErrorCodeCardDeclined, ""})
	if e.ChargeID == "" {
		t.Error("the decline names no charge")
	}
}

func oldCaptureTerm(t *testing.T, s *target) {
	c, err := s.api.charges.New(oldCharge("tok_visa", false))
	if err != nil || c.Captured {
		t.Fatalf("got %+v, %v", c, err)
	}
	c, err = s.api.charges.Capture(c.ID, nil)
	if err != nil || !c.Captured || c.AmountCaptured != 1000 {
		t.Errorf("captured %+v, %v", c, err)
	}
	_, err = s.api.charges.Capture(c.ID, nil)
	wantProblem(t, err, invalid(stripe.ErrorCodeChargeAlreadyCaptured, ""))
}

func updateChargeTerm(t *testing.T, s *target) {
	who := s.customer(t, "pm_card_visa")
	id := s.paid(t, who).LatestCharge.ID
	c, err := s.api.charges.Update(id, &stripe.ChargeParams{
		Description: stripe.String("December"), Metadata: map[string]string{"k": "v"},
	})
	if err != nil || c.Description != "December" || c.Metadata["k"] != "v" ||
		c.Metadata["period"] != "2026-12" {
		t.Errorf("got %+v, %v", c, err)
	}
	n := 0
	for l := s.api.charges.List(&stripe.ChargeListParams{Customer: &who.customer}); l.Next(); n++ {
		if l.Charge().ID != id {
			t.Errorf("there is a stranger: %+v", l.Charge())
		}
	}
	if n != 1 {
		t.Errorf("%d charges of the customer, want 1", n)
	}
}

func searchTerms() []term {
	return []term{
		{"a malformed search is refused", badSearchTerm},
		{"a search result has its own format", searchShapeTerm},
	}
}

func badSearchTerm(t *testing.T, s *target) {
	for _, query := range []string{
		"", "status", "status:", "bogus:'x'", "status:'succeeded", "metadata:'x'", "metadata['x']",
		"amount>'x'", "status>'x'", "status:'a' AND amount>1 OR amount<2", "amount~5",
	} {
		got := s.send(t, "GET", "/v1/payment_intents/search", nil, "query", query)
		wantAnswer(t, got, http.StatusBadRequest, `"param": "query"`)
	}
}

func searchShapeTerm(t *testing.T, s *target) {
	got := s.send(t, "GET", "/v1/payment_intents/search", nil,
		"query", "metadata['run']:'"+s.named("none")+"'")
	wantAnswer(t, got, http.StatusOK, `"object": "search_result"`, `"data": []`,
		`"has_more": false`, `"next_page": null`, `"url": "/v1/payment_intents/search"`)
}
