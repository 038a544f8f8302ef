package stripecharge_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"example.com/triplecharge/billing/stripecharge"
)

func TestIntentsAreListedInAWindowAcrossPages(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.client("server-a")
	inv := w.invoice("pm_card_visa")
	var want []string
	for range 250 {
		want = append(want, w.charge(c, inv))
	}
	slices.Reverse(want) // newest first
	now := w.charges()[0].Created
	must(t, w.control.Advance(t.Context(), time.Hour))
	late := w.charge(c, inv)
	w.log.forget()

	got := allIntents(t, c, time0, now.Add(time.Hour/2))
	if ids := intentIDs(got); !slices.Equal(ids, want) {
		t.Errorf("got %d, want the %d that were made, newest first", len(ids), len(want))
	}
	if pages := len(w.log.all()); pages != 3 {
		t.Errorf("read %d pages of 100, want 3", pages)
	}
	if ids := intentIDs(allIntents(t, c, now.Add(time.Hour/2), time.Time{})); !slices.Equal(
		ids, []string{late}) {
		t.Errorf("got %v since the first, want %s", ids, late)
	}
	if got := allIntents(t, c, now.Add(-time.Hour), now.Add(-time.Minute)); len(got) != 0 {
		t.Errorf("got %d from before the first", len(got))
	}
}

func TestIntentsAreReadNoFurtherThanAskedFor(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.client("server-a")
	inv := w.invoice("pm_card_visa")
	for range 101 {
		w.charge(c, inv)
	}
	w.log.forget()
	for _, err := range c.AllIntents(t.Context(), time0, time.Time{}) {
		must(t, err)
		break
	}
	if pages := len(w.log.all()); pages != 1 {
		t.Errorf("read %d pages for one PaymentIntent, want 1", pages)
	}
}

func TestAListEndsWithAnError(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := hurriedClient(t, stripecharge.Options{URL: w.stripe.URL("server-a")})
	w.stripe.Server("server-a").Close()
	var errs []error
	for i, err := range c.AllIntents(t.Context(), time0, time.Time{}) {
		if err == nil {
			t.Errorf("got %+v from nowhere", i)
		}
		errs = append(errs, err)
	}
	if len(errs) != 1 || errs[0] == nil {
		t.Errorf("got the errors %v, want one", errs)
	}
}

func TestAPageThatDidNotComeIsAskedForAgain(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"a rate limit":     stripeError(http.StatusTooManyRequests, "rate_limit"),
		"a 500":            stripeError(http.StatusInternalServerError, ""),
		"a gateway's page": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) },
		"something that is no list": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"object":"list","data":[{}]}`))
		},
		"a connection that drops": func(http.ResponseWriter, *http.Request) {
			panic(http.ErrAbortHandler)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			inv := w.invoice("pm_card_visa")
			var want []string
			for range 150 {
				want = append(want, w.charge(w.client("server-a"), inv))
			}
			slices.Reverse(want)
			server := httptest.NewServer(&flaky{
				Handler: w.stripe.Server("server-a").Config.Handler, answer: answer,
			})
			t.Cleanup(server.Close)
			c := hurriedClient(t, stripecharge.Options{URL: server.URL})
			if ids := intentIDs(allIntents(t, c, time0, time.Time{})); !slices.Equal(ids, want) {
				t.Errorf("got %d, want %d, each once", len(ids), len(want))
			}
			_, err := c.Intent(t.Context(), want[0])
			must(t, err)
			w.wantCharges(len(want))
		})
	}
}
