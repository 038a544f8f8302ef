package stripetest_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/paymentintent"
	"github.com/stripe/stripe-go/v76/webhook"

	"example.com/triplecharge/billing/stripetest"
)

// Three servers bill Alice at midnight, each with a key that stripe-go makes up.
func ExampleStart() {
	t := newTest() // in a test: its *testing.T
	defer t.end()
	s := stripetest.Start(t)
	for _, server := range []string{"server-a", "server-b", "server-c"} {
		if err := bill(s.URL(server), ""); err != nil {
			log.Fatal(err)
		}
	}
	for _, c := range s.Charges() {
		fmt.Println(c.Server, "took", c.AmountMinor, c.Currency)
	}
	// Output:
	// server-a took 1000 usd
	// server-b took 1000 usd
	// server-c took 1000 usd
}

// A reply is lost after the money was taken. Under the same key, the next attempt takes no more;
// a day later, Stripe has forgotten the key.
func ExampleStripe_Lose() {
	t := newTest()
	defer t.end()
	s := stripetest.Start(t)
	stop := s.Lose(stripetest.Match{Operation: stripetest.TakesMoney})
	fmt.Println("lost:", bill(s.URL("server-a"), "alice/2026-12") != nil, len(s.Charges()))
	stop()
	fmt.Println("tried again:", bill(s.URL("server-b"), "alice/2026-12"), len(s.Charges()))
	s.Advance(25 * time.Hour)
	fmt.Println("a day later:", bill(s.URL("server-b"), "alice/2026-12"), len(s.Charges()))
	// Output:
	// lost: true 1
	// tried again: <nil> 1
	// a day later: <nil> 2
}

// One server's request executes while another sends the same key.
func ExampleStripe_Hold() {
	t := newTest()
	defer t.end()
	s := stripetest.Start(t)
	gate := s.Hold(stripetest.Match{Server: "server-a"}, stripetest.Executing)
	done := make(chan error)
	go func() { done <- bill(s.URL("server-a"), "alice/2026-12") }()
	held := gate.Waiting(1)
	refused := bill(s.URL("server-b"), "alice/2026-12")
	fmt.Println(refused.(*stripe.Error).Code, len(s.Charges()))
	gate.Open(held...)
	fmt.Println(<-done, len(s.Charges()))
	// Output:
	// idempotency_key_in_use 0
	// <nil> 1
}

// Stripe takes the money and answers 500. It answers so again, whoever asks under that key.
func ExampleStripe_Fail() {
	t := newTest()
	defer t.end()
	s := stripetest.Start(t)
	stop := s.Fail(stripetest.Match{Key: "alice/2026-12"}, 500, stripetest.AfterCommit)
	for range 2 {
		err := bill(s.URL("server-a"), "alice/2026-12")
		fmt.Println(err.(*stripe.Error).HTTPStatusCode, len(s.Charges()))
		stop()
	}
	// Output:
	// 500 1
	// 500 1
}

// A payment's event comes signed, as stripe-go's webhook package checks it.
func ExampleStripe_SendEvents() {
	t := newTest()
	defer t.end()
	s := stripetest.Start(t)
	events := make(chan stripe.Event)
	var secret string
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		e, err := webhook.ConstructEvent(body, r.Header.Get("Stripe-Signature"), secret)
		if err != nil {
			log.Fatal(err)
		}
		events <- e
	}))
	defer receiver.Close()
	secret = s.SendEvents(receiver.URL, "payment_intent.succeeded")
	if err := bill(s.URL("server-a"), "alice/2026-12"); err != nil {
		log.Fatal(err)
	}
	e := <-events
	fmt.Println(e.Type, e.GetObjectValue("id") == s.Charges()[0].PaymentIntent)
	// Output: payment_intent.succeeded true
}

// bill charges a card $10 through stripe-go, in one attempt.
func bill(url, key string) error {
	client := paymentintent.Client{Key: stripetest.Key, B: stripe.GetBackendWithConfig(
		stripe.APIBackend, &stripe.BackendConfig{
			URL: stripe.String(url), MaxNetworkRetries: stripe.Int64(0),
			LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull},
		})}
	params := &stripe.PaymentIntentParams{
		Amount: stripe.Int64(1000), Currency: stripe.String("usd"), Confirm: stripe.Bool(true),
		PaymentMethod: stripe.String("pm_card_visa"), OffSession: stripe.Bool(true),
	}
	if key != "" {
		params.SetIdempotencyKey(key)
	}
	_, err := client.New(params)
	return err
}

// test is what an example has instead of a *testing.T.
type test struct {
	testing.TB
	cleanup *[]func()
}

func newTest() test { return test{cleanup: new([]func())} }

func (test) Helper()                  {}
func (test) Context() context.Context { return context.Background() }
func (test) Fatal(args ...any)        { log.Fatal(args...) }
func (t test) Cleanup(f func())       { *t.cleanup = append(*t.cleanup, f) }

func (t test) end() {
	for _, f := range *t.cleanup {
		f()
	}
}
