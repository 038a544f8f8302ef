package stripesim_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/triplecharge/internal/stripesim"
)

// The tests here need a request that waits for another's lock. Time is a bubble's, in which
// synctest.Wait returns once everybody waits.

// slow makes a simulator in which a charge takes a minute, and a lock is waited for longer.
func slow() (*stripesim.Simulator, direct) {
	sim := stripesim.New(stripesim.Options{Latency: time.Minute, LockTimeout: time.Hour})
	return sim, direct{sim.Handler("")}
}

// background sends a request beside the test, and returns once it waits.
func (d direct) background(path, form string) <-chan *sink {
	done := make(chan *sink, 1)
	go func() {
		defer func() {
			if recover() != nil { // net/http would close the connection
				done <- nil
			}
		}()
		done <- d.do("POST", path, "", form)
	}()
	synctest.Wait()
	return done
}

func TestAConfirmThatWaitedLooksAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim, d := slow()
		defer sim.Close()
		path := "/v1/payment_intents/" +
			idOf(d.do("POST", "/v1/payment_intents", "", "amount=1000&currency=usd"))
		form := "payment_method=pm_card_visa&off_session=true"
		first, second := d.background(path+"/confirm", form), d.background(path+"/confirm", form)
		if got := <-first; got.status != http.StatusOK {
			t.Errorf("the first: got %d: %s", got.status, got.body)
		}
		if got := <-second; got.status != http.StatusBadRequest ||
			!strings.Contains(got.body.String(), "payment_intent_unexpected_state") {
			t.Errorf("the second: got %d: %s", got.status, got.body)
		}
	})
}

func TestAPaymentMethodThatWasWaitedForPaysOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim, d := slow()
		defer sim.Close()
		form := "amount=1000&currency=usd&confirm=true&off_session=true&payment_method=" +
			idOf(d.do("GET", "/v1/payment_methods/pm_card_visa", "", ""))
		first := d.background("/v1/payment_intents", form)
		second := d.background("/v1/payment_intents", form)
		if got := <-first; got.status != http.StatusOK {
			t.Errorf("the first: got %d: %s", got.status, got.body)
		}
		if got := <-second; got.status != http.StatusBadRequest {
			t.Errorf("the second: got %d: %s", got.status, got.body)
		}
	})
}

func TestCloseEndsTheWaitForALock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim, d := slow()
		path := "/v1/payment_intents/" +
			idOf(d.do("POST", "/v1/payment_intents", "", "amount=1000&currency=usd"))
		form := "payment_method=pm_card_visa&off_session=true"
		first, second := d.background(path+"/confirm", form), d.background(path+"/confirm", form)
		began := time.Now()
		sim.Close()
		if <-first != nil || <-second != nil {
			t.Error("a request was answered after Close")
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("they waited for another %v", took)
		}
	})
}

func TestCreationTimesNeverGoBack(t *testing.T) {
	t.Parallel()
	var now atomic.Int64 // seconds
	sim := stripesim.New(stripesim.Options{
		Now: func() time.Time { return time.Unix(now.Load(), 0) },
	})
	defer sim.Close()
	d := direct{sim.Handler("")}
	for _, seconds := range []int64{1000, 900, 1100} { // a machine's clock was set back
		now.Store(seconds)
		d.do("POST", "/v1/payment_intents", "", "amount=1000&currency=usd")
	}
	for bound, want := range map[string]int{"[gte]=1000": 3, "[gt]=1000": 1, "[lt]=1000": 0} {
		got := d.do("GET", "/v1/payment_intents?created"+bound, "", "").body.String()
		if n := strings.Count(got, `"object": "payment_intent"`); n != want {
			t.Errorf("created%s: %d, want %d", bound, n, want)
		}
	}
}
