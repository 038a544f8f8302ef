package stripesim_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v76"

	"example.com/triplecharge/internal/stripesim"
	"example.com/triplecharge/internal/stripesim/control"
)

func TestAnAccountsAPIKeysShareItsIdempotencyKeys(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{})
	who := w.api("server-a").customer(t, "pm_card_visa")
	for _, secret := range []string{"sk_test_one", "rk_test_two", "sk_test_one"} {
		a := newAPI(w.urls["server-a"], secret)
		if _, err := a.intents.New(tenDollars(who, "k")); err != nil {
			t.Fatal(err)
		}
	}
	if n := w.charges(); n != 1 {
		t.Errorf("%d charges, want one: keys belong to the account", n)
	}
}

func TestLimitsAreTheAccountsAndEachEndpoints(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{RateLimit: 5, EndpointLimit: 3,
		Now: func() time.Time { return time.Unix(0, 0) }})
	refused := func(path string) (reasons []string) {
		for range 4 {
			got := w.send("server-a", "GET", path, nil)
			if got.status == http.StatusTooManyRequests {
				reasons = append(reasons, got.header.Get("Stripe-Rate-Limited-Reason"))
			}
		}
		return reasons
	}
	if got := refused("/v1/charges"); !slices.Equal(got, []string{"endpoint-rate"}) {
		t.Errorf("of 4 requests to one endpoint these were refused: %q, want one", got)
	}
	want := []string{"global-rate", "endpoint-rate"} // 5 in all, 3 to each
	if got := refused("/v1/refunds"); !slices.Equal(got, want) {
		t.Errorf("of 4 more to another these were refused: %q, want %q", got, want)
	}
}

func TestRefusalsAreNotSaved(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{})
	a := w.api("server-a")
	who := a.customer(t, "pm_card_visa")

	_, err := newAPI(w.urls["server-a"], "sk_bad").intents.New(tenDollars(who, "k"))
	if got := stripeError(t, err).HTTPStatusCode; got != http.StatusUnauthorized {
		t.Errorf("with a bad key: got %d, want 401", got)
	}
	w.limit(1)
	refused := 0
	for range 20 {
		_, err := a.intents.New(tenDollars(who, "k"))
		if err == nil {
			continue // the first of a second
		}
		e := stripeError(t, err)
		if e.HTTPStatusCode != http.StatusTooManyRequests || e.Code != stripe.ErrorCodeRateLimit {
			t.Fatalf("got %d %s, want 429 rate_limit", e.HTTPStatusCode, e.Code)
		}
		refused++
	}
	if refused == 0 {
		t.Error("20 requests at once passed a limit of one a second")
	}
	w.limit(0)
	if _, err := a.intents.New(tenDollars(who, "k")); err != nil {
		t.Errorf("after the limit was lifted: %v", err)
	}
	if n := w.charges(); n != 1 {
		t.Errorf("%d charges, want 1", n)
	}
}

func (w *world) limit(perSecond int) {
	w.t.Helper()
	limit := control.Settings{RateLimit: new(perSecond)}
	if err := w.control.Set(w.t.Context(), limit); err != nil {
		w.t.Fatal(err)
	}
}

// TestArrivingLeavesTheKeyToOthers is the difference between the two gates before the commit: a
// request on its way has no key yet.
func TestArrivingLeavesTheKeyToOthers(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{})
	a, b := w.api("server-a"), w.api("server-b")
	who := a.customer(t, "pm_card_visa")
	gate := w.hold(control.Rule{Point: control.Arriving, Server: "server-a"})
	held := w.start(func() error { _, err := a.intents.New(tenDollars(who, "k")); return err })
	call := w.waiting(gate, 1)[0]
	if _, err := b.intents.New(tenDollars(who, "k")); err != nil {
		t.Fatalf("the same key from another server: %v", err)
	}
	if err := gate.Open(t.Context(), call.ID); err != nil {
		t.Fatal(err)
	}
	if err := <-held; err != nil {
		t.Errorf("the request that was held: %v, want a replay", err)
	}
	if n := w.charges(); n != 1 {
		t.Errorf("%d charges, want 1", n)
	}
}

// TestCommittedIsReplayedBeforeItsOwnReply is the third gate: the result is saved already.
func TestCommittedIsReplayedBeforeItsOwnReply(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{})
	a, b := w.api("server-a"), w.api("server-b")
	who := a.customer(t, "pm_card_visa")
	gate := w.hold(control.Rule{Point: control.Committed, Server: "server-a"})
	held := w.start(func() error { _, err := a.intents.New(tenDollars(who, "k")); return err })
	w.waiting(gate, 1)
	i, err := b.intents.New(tenDollars(who, "k"))
	if err != nil || i.LastResponse.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("the same key from another server: %+v, %v, want a replay", i, err)
	}
	if err := gate.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-held; err != nil {
		t.Error(err)
	}
}

// TestDelayedPastTheKeysLifetime is the fault that idempotency keys cannot survive: a request that
// arrives after Stripe forgot its key.
func TestDelayedPastTheKeysLifetime(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{})
	a, b := w.api("server-a"), w.api("server-b")
	who := a.customer(t, "pm_card_visa")
	gate := w.hold(control.Rule{Point: control.Arriving, Server: "server-a"})
	held := w.start(func() error { _, err := a.intents.New(tenDollars(who, "k")); return err })
	w.waiting(gate, 1)
	if _, err := b.intents.New(tenDollars(who, "k")); err != nil {
		t.Fatal(err)
	}
	if err := w.control.Advance(t.Context(), 25*time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := gate.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-held; err != nil {
		t.Fatal(err)
	}
	if n := w.charges(); n != 2 {
		t.Errorf("%d charges, want 2", n)
	}
}

// TestAKeyInUseOutlivesItsLifetime: what executes is not forgotten, however long it takes.
func TestAKeyInUseOutlivesItsLifetime(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{})
	a, b := w.api("server-a"), w.api("server-b")
	who := a.customer(t, "pm_card_visa")
	gate := w.hold(control.Rule{Point: control.Executing, Server: "server-a"})
	held := w.start(func() error { _, err := a.intents.New(tenDollars(who, "k")); return err })
	w.waiting(gate, 1)
	for range 4 {
		if err := w.control.Advance(t.Context(), 25*time.Hour); err != nil {
			t.Fatal(err)
		}
		_, err := b.intents.New(tenDollars(who, "k"))
		if got := stripeError(t, err).HTTPStatusCode; got != http.StatusConflict {
			t.Errorf("got %d, want 409", got)
		}
	}
	if err := gate.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-held; err != nil {
		t.Error(err)
	}
}

// TestManyRequestsWithOneKeyAreOnePaymentIntent is the law that everything stands on, a thousand
// times: 64 requests at the same moment make one PaymentIntent, and the others are told of it or
// told to wait.
func TestManyRequestsWithOneKeyAreOnePaymentIntent(t *testing.T) {
	t.Parallel()
	const callers = 64
	rounds := 1000
	if raceDetector || testing.Short() {
		rounds = 100
	}
	w := setup(t, stripesim.Options{})
	who := w.api("server-a").customer(t, "pm_card_visa")
	d := direct{w.sim.Handler("server-a")}
	form := chargeForm(who, "alice")
	for round := range rounds {
		key := "alice/" + time.Unix(int64(round), 0).String()
		answers := make([]*sink, callers)
		start := make(chan struct{})
		var group sync.WaitGroup
		for n := range callers {
			group.Go(func() {
				<-start
				answers[n] = d.do("POST", "/v1/payment_intents", key, form)
			})
		}
		close(start)
		group.Wait()
		checkRound(t, answers)
	}
	if n := w.charges(); n != rounds {
		t.Errorf("%d charges, want %d", n, rounds)
	}
}

func checkRound(t *testing.T, answers []*sink) {
	t.Helper()
	executed, body := 0, ""
	for _, a := range answers {
		switch {
		case a.status == http.StatusConflict:
			if !strings.Contains(a.body.String(), "idempotency_key_in_use") {
				t.Errorf("a conflict says %s", a.body)
			}
			continue
		case a.status != http.StatusOK:
			t.Errorf("got %d: %s", a.status, a.body)
		case a.header.Get("Idempotent-Replayed") == "":
			executed++
		}
		if body == "" {
			body = a.body.String()
		}
		if a.body.String() != body {
			t.Error("two answers differ")
		}
	}
	if executed != 1 {
		t.Errorf("%d requests were executed, want 1", executed)
	}
}
