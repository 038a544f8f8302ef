package stripesim_test

import (
	"net/http"
	"testing"

	"github.com/stripe/stripe-go/v76"
)

func customerTerms() []term {
	return []term{
		{"a customer is created, updated and retrieved", customerTerm},
		{"a customer comes with a card, if one is given", customerWithCardTerm},
		{"a default payment method must belong to the customer", defaultMethodTerm},
		{"a deleted customer is shown as deleted and cannot pay", deletedCustomerTerm},
		{"customers are listed by email", customersByEmailTerm},
	}
}

func (s *target) newCustomer(t *testing.T, p *stripe.CustomerParams) *stripe.Customer {
	t.Helper()
	p.Email = stripe.String(contractEmail)
	c, err := s.api.customers.New(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.api.customers.Del(c.ID, nil) })
	return c
}

func customerTerm(t *testing.T, s *target) {
	c := s.newCustomer(t, &stripe.CustomerParams{
		Name: stripe.String("Alice"), Phone: stripe.String("+1555"),
		Address:          &stripe.AddressParams{City: stripe.String("Berlin")},
		PreferredLocales: stripe.StringSlice([]string{"de"}),
		Metadata:         map[string]string{"k": "v"},
	})
	if c.Name != "Alice" || c.Address.City != "Berlin" || c.Metadata["k"] != "v" || c.Livemode {
		t.Errorf("created %+v", c)
	}
	_, err := s.api.customers.Update(c.ID, &stripe.CustomerParams{
		Description: stripe.String("who owes $10"), Name: stripe.String(""),
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err = s.api.customers.Get(c.ID, nil)
	if err != nil || c.Description != "who owes $10" || c.Name != "" || c.Phone != "+1555" {
		t.Errorf("after an update: %+v, %v", c, err)
	}
}

func customerWithCardTerm(t *testing.T, s *target) {
	c := s.newCustomer(t, &stripe.CustomerParams{
		PaymentMethod: stripe.String("pm_card_visa"),
		InvoiceSettings: &stripe.CustomerInvoiceSettingsParams{
			DefaultPaymentMethod: stripe.String("pm_card_visa"),
		},
	})
	list := s.api.customers.ListPaymentMethods(&stripe.CustomerListPaymentMethodsParams{
		Customer: stripe.String(c.ID),
	})
	if !list.Next() {
		t.Fatalf("there is no card: %v", list.Err())
	}
	got := c.InvoiceSettings.DefaultPaymentMethod
	if got == nil || got.ID != list.PaymentMethod().ID {
		t.Errorf("the default is %+v, want %s", got, list.PaymentMethod().ID)
	}
}

func defaultMethodTerm(t *testing.T, s *target) {
	who, other := s.customer(t, "pm_card_visa"), s.customer(t, "pm_card_visa")
	set := func(method string) (*stripe.Customer, error) {
		return s.api.customers.Update(who.customer, &stripe.CustomerParams{
			InvoiceSettings: &stripe.CustomerInvoiceSettingsParams{
				DefaultPaymentMethod: stripe.String(method),
			},
		})
	}
	c, err := set(who.method)
	if err != nil || c.InvoiceSettings.DefaultPaymentMethod.ID != who.method {
		t.Fatalf("got %+v, %v", c, err)
	}
	_, err = set(other.method)
	wantProblem(t, err, invalid(stripe.ErrorCodeResourceMissing,
		"invoice_settings[default_payment_method]"))
	if _, err := s.api.methods.Detach(who.method, nil); err != nil {
		t.Fatal(err)
	}
	c, err = s.api.customers.Get(who.customer, nil)
	if err != nil || c.InvoiceSettings.DefaultPaymentMethod != nil {
		t.Errorf("after it was detached: %+v, %v", c.InvoiceSettings, err)
	}
}

func deletedCustomerTerm(t *testing.T, s *target) {
	who := s.customer(t, "pm_card_visa")
	paid := s.paid(t, who)
	if c, err := s.api.customers.Del(who.customer, nil); err != nil || !c.Deleted {
		t.Fatalf("got %+v, %v", c, err)
	}
	if c, err := s.api.customers.Get(who.customer, nil); err != nil || !c.Deleted {
		t.Errorf("retrieved %+v, %v", c, err)
	}
	if m, err := s.api.methods.Get(who.method, nil); err != nil || m.Customer != nil {
		t.Errorf("the card is still theirs: %+v, %v", m, err)
	}
	_, err := s.api.customers.Update(who.customer, &stripe.CustomerParams{})
	if e := stripeError(t, err); e.HTTPStatusCode != http.StatusNotFound {
		t.Errorf("an update: got %d, want 404", e.HTTPStatusCode)
	}
	_, err = s.api.intents.New(tenDollars(who, ""))
	wantProblem(t, err, invalid(stripe.ErrorCodeResourceMissing, "customer"))
	// What was paid before is still listed.
	p := &stripe.PaymentIntentListParams{Customer: stripe.String(who.customer)}
	if got := s.list(t, p); len(got) != 1 || got[0] != paid.ID {
		t.Errorf("their PaymentIntents are %v, want %s", got, paid.ID)
	}
}

func customersByEmailTerm(t *testing.T, s *target) {
	who := s.customer(t, "pm_card_visa")
	find := func(email string) bool {
		list := s.api.customers.List(&stripe.CustomerListParams{Email: stripe.String(email)})
		for list.Next() {
			if list.Customer().ID == who.customer {
				return true
			}
		}
		return false
	}
	if !find(contractEmail) || find("nobody-"+contractEmail) {
		t.Error("the list by email is wrong")
	}
}

func methodTerms() []term {
	return []term{
		{"a card is created, attached, updated and detached", methodTerm},
		{"a card belongs to one customer", oneCustomerTerm},
		{"cards are listed by customer and type", listMethodsTerm},
	}
}

func methodTerm(t *testing.T, s *target) {
	who := s.customer(t, "pm_card_visa")
	m, err := s.api.methods.New(&stripe.PaymentMethodParams{
		Type: stripe.String("card"),
		Card: &stripe.PaymentMethodCardParams{Token: stripe.String("tok_mastercard")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if m.Card.Brand != stripe.PaymentMethodCardBrandMastercard || m.Card.Last4 != "4444" {
		t.Errorf("the card is %+v", m.Card)
	}
	m, err = s.api.methods.Attach(m.ID, &stripe.PaymentMethodAttachParams{
		Customer: stripe.String(who.customer),
	})
	if err != nil || m.Customer.ID != who.customer {
		t.Fatalf("attached: %+v, %v", m, err)
	}
	m, err = s.api.methods.Update(m.ID, &stripe.PaymentMethodParams{
		BillingDetails: &stripe.PaymentMethodBillingDetailsParams{Name: stripe.String("Alice")},
	})
	if err != nil || m.BillingDetails.Name != "Alice" {
		t.Errorf("updated: %+v, %v", m, err)
	}
	for _, a := range []*stripe.AddressParams{
		{City: stripe.String("Berlin")}, {Country: stripe.String("DE")},
	} {
		m, err = s.api.methods.Update(m.ID, &stripe.PaymentMethodParams{
			BillingDetails: &stripe.PaymentMethodBillingDetailsParams{Address: a},
		})
		if err != nil || m.BillingDetails.Address.City != "Berlin" {
			t.Errorf("updated: %+v, %v", m, err)
		}
	}
	m, err = s.api.customers.RetrievePaymentMethod(m.ID,
		&stripe.CustomerRetrievePaymentMethodParams{
			Customer: stripe.String(who.customer),
		})
	if err != nil || m.BillingDetails.Name != "Alice" {
		t.Errorf("retrieved: %+v, %v", m, err)
	}
	m, err = s.api.methods.Detach(m.ID, nil)
	if err != nil || m.Customer != nil {
		t.Errorf("detached: %+v, %v", m, err)
	}
	_, err = s.api.methods.Attach(m.ID, &stripe.PaymentMethodAttachParams{
		Customer: stripe.String(who.customer),
	})
	if e := stripeError(t, err); e.HTTPStatusCode != http.StatusBadRequest {
		t.Errorf("attached again: got %d, want 400", e.HTTPStatusCode)
	}
}

func oneCustomerTerm(t *testing.T, s *target) {
	who, other := s.customer(t, "pm_card_visa"), s.customer(t, "pm_card_visa")
	_, err := s.api.methods.Attach(who.method, &stripe.PaymentMethodAttachParams{
		Customer: stripe.String(other.customer),
	})
	if e := stripeError(t, err); e.HTTPStatusCode != http.StatusBadRequest {
		t.Errorf("got %d, want 400", e.HTTPStatusCode)
	}
}

func listMethodsTerm(t *testing.T, s *target) {
	who := s.customer(t, "pm_card_visa")
	for typ, want := range map[string]int{"card": 1, "sepa_debit": 0} {
		list := s.api.methods.List(&stripe.PaymentMethodListParams{
			Customer: stripe.String(who.customer), Type: stripe.String(typ),
		})
		n := 0
		for list.Next() {
			n++
		}
		if n != want || list.Err() != nil {
			t.Errorf("%s: %d, %v, want %d", typ, n, list.Err(), want)
		}
	}
}
