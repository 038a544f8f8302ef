package stripesim_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stripe/stripe-go/v76"
	"go.uber.org/goleak"

	"example.com/triplecharge/internal/stripesim"
	"example.com/triplecharge/internal/stripesim/control"
)

// TestMain checks that neither a simulator nor a client leaves a goroutine behind.
func TestMain(m *testing.M) {
	code := m.Run()
	http.DefaultClient.CloseIdleConnections()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func TestTheFeedReplaysAndFollows(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{})
	a, b := w.api("server-a"), w.api("server-b")
	who := a.customer(t, "pm_card_visa")
	if _, err := a.intents.New(tenDollars(who, "one")); err != nil {
		t.Fatal(err)
	}
	declining := a.customer(t, "pm_card_chargeCustomerFail")
	if _, err := a.intents.New(tenDollars(declining, "declined")); err == nil {
		t.Fatal("a card that declines was charged")
	}
	var got []string
	for c, err := range w.control.Charges(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, c.Server+" "+c.IdempotencyKey)
		if c.Sequence != len(got) || c.AmountMinor != 1000 || c.Currency != "usd" ||
			c.Customer != who.customer || c.Subscription != "alice" || c.Period != "2026-12" ||
			!strings.HasPrefix(c.PaymentIntent, "pi_") || c.Metadata["period"] != "2026-12" {
			t.Errorf("the charge is %+v", c)
		}
		if len(got) == 2 {
			break
		}
		// The next charge happens while the feed is read.
		if _, err := b.intents.New(tenDollars(who, "two")); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"server-a one", "server-b two"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestACaptureIsFedWhenItTakesTheMoney(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{})
	i := newTarget(w.urls["server-a"], testKey).authorized(t)
	if n := w.charges(); n != 0 {
		t.Errorf("%d charges after an authorization, want 0", n)
	}
	if _, err := w.api("server-b").intents.Capture(i.ID, nil); err != nil {
		t.Fatal(err)
	}
	if n := w.charges(); n != 1 {
		t.Errorf("%d charges after the capture, want 1", n)
	}
}

func TestTheClockIsSetAndTicks(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{})
	midnight := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	if err := w.control.SetClock(t.Context(), midnight); err != nil {
		t.Fatal(err)
	}
	who := w.api("server-a").customer(t, "pm_card_visa")
	i, err := w.api("server-a").intents.New(tenDollars(who, ""))
	if err != nil {
		t.Fatal(err)
	}
	created := time.Unix(i.Created, 0)
	if created.Before(midnight) || created.Sub(midnight) > time.Hour {
		t.Errorf("created at %v, want %v or a little later", created, midnight)
	}
	now, err := w.control.Now(t.Context())
	if err != nil || !now.After(midnight) {
		t.Errorf("the time is %v, %v: it does not tick", now, err)
	}
	if err := w.control.SetClock(t.Context(), midnight.Add(-time.Hour)); err == nil {
		t.Error("the clock was set back although there are objects")
	}
	if err := w.control.Advance(t.Context(), -time.Hour); err == nil {
		t.Error("the clock was moved back although there are objects")
	}
}

func TestAnEmptyAccountsClockMayGoBack(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{})
	past := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := w.control.SetClock(t.Context(), past); err != nil {
		t.Fatal(err)
	}
	now, err := w.control.Now(t.Context())
	if err != nil || now.Sub(past) > time.Hour {
		t.Errorf("the time is %v, %v", now, err)
	}
}

func TestResetForgetsEverything(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{})
	a := w.api("server-a")
	who := a.customer(t, "pm_card_visa")
	gate := w.hold(control.Rule{Point: control.Executing, Operation: control.OperationCharge})
	held := w.start(func() error { _, err := a.intents.New(tenDollars(who, "k")); return err })
	w.waiting(gate, 1)
	// The feed has to be open before the reset: one opened later is the new account's.
	response, err := http.Get(w.admin + "/charges?follow=true")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	feed := w.start(func() error { _, err := io.Copy(io.Discard, response.Body); return err })
	if err := w.control.Advance(t.Context(), 1000*time.Hour); err != nil {
		t.Fatal(err)
	}

	if err := w.control.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-held; err == nil {
		t.Error("the request that was held was answered")
	}
	if err := <-feed; err != nil {
		t.Errorf("the feed ended with %v", err)
	}
	if _, err := a.customers.Get(who.customer, nil); err == nil {
		t.Error("the customer is still there")
	}
	if now, err := w.control.Now(t.Context()); err != nil || time.Until(now) > time.Hour {
		t.Errorf("the clock was not set back: %v, %v", now, err)
	}
	if _, _, err := gate.Waiting(t.Context(), -1); err == nil {
		t.Error("the gate is still there")
	}
	again := a.customer(t, "pm_card_visa")
	if again.customer == who.customer {
		t.Error("a customer of the new account has the id of one of the old")
	}
	if _, err := a.intents.New(tenDollars(again, "k")); err != nil {
		t.Errorf("a key of the old account is remembered: %v", err)
	}
	if n := w.charges(); n != 1 {
		t.Errorf("%d charges, want 1", n)
	}
}

func TestAdminNeedsItsToken(t *testing.T) {
	t.Parallel()
	sim := stripesim.New(stripesim.Options{})
	defer sim.Close()
	server := httptest.NewServer(sim.Admin("secret"))
	defer server.Close()
	for token, allowed := range map[string]bool{"secret": true, "": false, "wrong": false} {
		c := control.New(server.URL, token)
		_, err := c.Now(t.Context())
		if (err == nil) != allowed {
			t.Errorf("with the token %q: %v", token, err)
		}
		c.Close()
	}
}

func TestAdminRefusesWhatIsNoRule(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{})
	ctx := t.Context()
	if _, err := w.control.Hold(ctx, control.Rule{}); err == nil {
		t.Error("a gate without a point was accepted")
	}
	if _, err := w.control.Repeat(ctx, control.Rule{}); err == nil {
		t.Error("a request that is made twice was accepted")
	}
	if _, err := w.control.Fail(ctx, control.Rule{}, 200, control.BeforeCommit); err == nil {
		t.Error("a failure with status 200 was accepted")
	}
	if _, err := w.control.Fail(ctx, control.Rule{}, 500, "sometime"); err == nil {
		t.Error("a failure at no time was accepted")
	}
	if err := w.control.Set(ctx, control.Settings{Latency: new(time.Duration(-1))}); err == nil {
		t.Error("a negative latency was accepted")
	}
	response, err := http.Post(w.admin+"/reset", "text/plain", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("a form of a web page got %s, want 415", response.Status)
	}
}

func TestLiveKeysAreRefusedAndNoKeyIsLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	sim := stripesim.New(stripesim.Options{Log: slog.New(slog.NewJSONHandler(&log, nil))})
	defer sim.Close()
	h := sim.Handler("server-a")
	for _, key := range []string{"sk_live_HIDE", "rk_live_HIDE", "sk_test_HIDE", "xx_HIDE"} {
		r := httptest.NewRequest("GET", "/v1/balance", http.NoBody)
		r.Header.Set("Authorization", "Bearer "+key)
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, r)
		want := http.StatusUnauthorized
		if key == "sk_test_HIDE" {
			want = http.StatusOK
		}
		if answer.Code != want || strings.Contains(answer.Body.String(), "HIDE") {
			t.Errorf("%s: got %d %s, want %d", key, answer.Code, answer.Body, want)
		}
	}
	n := strings.Count(log.String(), "server-a")
	if n != 4 || strings.Contains(log.String(), "HIDE") {
		t.Errorf("the log of 4 requests is %s", log.String())
	}
}

func TestLatencyIsSpentBeforeTheCommit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const fixed = time.Minute
		sim := stripesim.New(stripesim.Options{Latency: fixed})
		defer sim.Close()
		d := direct{sim.Handler("")}
		start := time.Now()
		d.do("POST", "/v1/payment_intents", "", "amount=1000&currency=usd")
		if took := time.Since(start); took != 0 {
			t.Errorf("a request that takes no money took %v", took)
		}
		form := "amount=1000&currency=usd&confirm=true&off_session=true" +
			"&payment_method=pm_card_visa"
		go d.do("POST", "/v1/payment_intents", "k", form)
		synctest.Wait()
		if s := d.do("GET", "/v1/charges", "", ""); strings.Contains(s.body.String(), "ch_") {
			t.Error("the charge was committed before the latency was over")
		}
		if s := d.do("POST", "/v1/payment_intents", "k", form); s.status != http.StatusConflict {
			t.Errorf("the key is not in use meanwhile: got %d", s.status)
		}
		time.Sleep(fixed)
		synctest.Wait()
		if s := d.do("GET", "/v1/charges", "", ""); !strings.Contains(s.body.String(), "ch_") {
			t.Error("the charge was not committed after the latency")
		}
	})
}

func TestASecondRequestOnAnObjectWaitsOrIsToldToRetry(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{LockTimeout: time.Millisecond})
	s := newTarget(w.urls["server-a"], testKey)
	who := s.customer(t, "pm_card_visa")
	i := s.unconfirmed(t, who)
	gate := w.hold(control.Rule{Point: control.Executing, Server: "server-a",
		Operation: control.OperationCharge})
	held := w.start(func() error {
		_, err := s.api.intents.Confirm(i.ID, confirmWith(who.method))
		return err
	})
	w.waiting(gate, 1)

	params := confirmWith(who.method)
	params.SetIdempotencyKey("k")
	_, err := w.api("server-b").intents.Confirm(i.ID, params)
	wantProblem(t, err, problem{http.StatusTooManyRequests, stripe.ErrorTypeInvalidRequest,
		stripe.ErrorCodeLockTimeout, ""})

	if err := gate.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-held; err != nil {
		t.Fatal(err)
	}
	// The refusal was not saved: the same key is told of the success now.
	_, err = w.api("server-b").intents.Confirm(i.ID, params)
	wantProblem(t, err, invalid(stripe.ErrorCodePaymentIntentUnexpectedState, ""))
	if n := w.charges(); n != 1 {
		t.Errorf("%d charges, want 1", n)
	}
}

func TestASecondRefundWaitsForTheFirst(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{LockTimeout: time.Millisecond})
	s := newTarget(w.urls["server-a"], testKey)
	charge := s.paid(t, s.customer(t, "pm_card_visa")).LatestCharge.ID
	gate := w.hold(control.Rule{Point: control.Executing, Operation: "refunds.create"})
	held := w.start(func() error { _, err := s.refund(t, charge, 1000); return err })
	w.waiting(gate, 1)
	_, err := s.refund(t, charge, 1000)
	wantProblem(t, err, problem{http.StatusTooManyRequests, stripe.ErrorTypeInvalidRequest,
		stripe.ErrorCodeLockTimeout, ""})
	if err := gate.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-held; err != nil {
		t.Error(err)
	}
	_, err = s.refund(t, charge, 1000)
	wantProblem(t, err, invalid(stripe.ErrorCodeChargeAlreadyRefunded, ""))
}

func TestWhatIsNotSimulatedIsRefusedByName(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{})
	good := []string{"amount", "1000", "currency", "usd"}
	for name, c := range map[string]struct {
		header, form []string
		says         string
	}{
		"a parameter": {nil, append(good, "transfer_data[destination]", "acct_x"), "transfer_data"},
		"an account":  {[]string{"Stripe-Account", "acct_x"}, good, "connected accounts"},
		"no version":  {[]string{"Stripe-Version", "newest"}, good, "Invalid Stripe API version"},
	} {
		got := w.send("server-a", "POST", "/v1/payment_intents", c.header, c.form...)
		if got.status != http.StatusBadRequest || !strings.Contains(got.body, c.says) {
			t.Errorf("%s: got %d %s, want a 400 that says %q", name, got.status, got.body, c.says)
		}
	}
}
