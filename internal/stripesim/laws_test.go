package stripesim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"example.com/triplecharge/internal/stripesim"
)

// The laws here hold for any callers that do anything at the same time. Each test draws what a few
// callers do, lets them do it at once, and then looks at what came of it.

// request is one thing that a caller does.
type request struct {
	key, path, form string
}

// atOnce sends each caller's requests in order, all callers at the same time.
func (d direct) atOnce(callers [][]request) [][]*sink {
	answers := make([][]*sink, len(callers))
	var group sync.WaitGroup
	for n, requests := range callers {
		answers[n] = make([]*sink, len(requests))
		group.Go(func() {
			for m, r := range requests {
				answers[n][m] = d.do("POST", r.path, r.key, r.form)
			}
		})
	}
	group.Wait()
	return answers
}

// lawSetup makes an account with a customer and a card.
func lawSetup(t *rapid.T) (direct, alice) {
	sim := stripesim.New(stripesim.Options{})
	t.Cleanup(func() { sim.Close() })
	d := direct{sim.Handler("")}
	who := alice{customer: idOf(d.do("POST", "/v1/customers", "", ""))}
	who.method = idOf(d.do("POST", "/v1/payment_methods/pm_card_visa/attach", "",
		"customer="+who.customer))
	return d, who
}

// idOf is the id of the object in an answer.
func idOf(s *sink) string {
	var o struct{ ID string }
	json.Unmarshal([]byte(s.body.String()), &o) // an answer without one has none
	return o.ID
}

// pages lists everything under a path, in pages of this size.
func (d direct) pages(t *rapid.T, path string, size int) (ids []string) {
	for cursor := ""; ; {
		var page struct {
			Data []struct {
				ID      string
				Created int64
				Amount  int64
			}
			HasMore bool `json:"has_more"`
		}
		answer := d.do("GET", fmt.Sprintf("%s?limit=%d%s", path, size, cursor), "", "")
		if err := json.Unmarshal([]byte(answer.body.String()), &page); err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Data {
			ids = append(ids, o.ID)
		}
		if !page.HasMore {
			return ids
		}
		cursor = "&starting_after=" + ids[len(ids)-1]
	}
}

func TestLawOneKeyIsOnePaymentIntentAndOneAnswer(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d, who := lawSetup(t)
		draw := rapid.Custom(func(t *rapid.T) request {
			key := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "key")
			amount := rapid.SampledFrom([]string{"1000", "2000", "0"}).Draw(t, "amount")
			form := strings.Replace(chargeForm(who, key), "1000", amount, 1)
			return request{key, "/v1/payment_intents", form}
		})
		callers := rapid.SliceOfN(rapid.SliceOfN(draw, 1, 5), 2, 6).Draw(t, "callers")
		succeeded := make(map[string]string) // the body by key
		for n, answers := range d.atOnce(callers) {
			for m, a := range answers {
				r := callers[n][m]
				switch {
				case a.status == http.StatusConflict || a.status == http.StatusBadRequest:
				case a.status != http.StatusOK:
					t.Fatalf("%v: got %d: %s", r, a.status, a.body)
				case succeeded[r.key] == "":
					succeeded[r.key] = a.body.String()
				case succeeded[r.key] != a.body.String():
					t.Fatalf("the key %s has two answers:\n%s\n%s", r.key, succeeded[r.key], a.body)
				}
			}
		}
		if n := len(d.pages(t, "/v1/payment_intents", 100)); n != len(succeeded) {
			t.Fatalf("%d PaymentIntents of %d keys", n, len(succeeded))
		}
		if n := len(d.pages(t, "/v1/charges", 100)); n != len(succeeded) {
			t.Fatalf("%d charges of %d keys", n, len(succeeded))
		}
	})
}

func TestLawAPaymentIntentSucceedsAtMostOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d, who := lawSetup(t)
		bad := idOf(d.do("POST", "/v1/payment_methods/pm_card_chargeCustomerFail/attach", "",
			"customer="+who.customer))
		form := "amount=1000&currency=usd&customer=" + who.customer
		path := "/v1/payment_intents/" + idOf(d.do("POST", "/v1/payment_intents", "", form))
		draw := rapid.Custom(func(t *rapid.T) request {
			method := rapid.SampledFrom([]string{who.method, bad}).Draw(t, "card")
			what := rapid.SampledFrom([]string{"/confirm", "/confirm", "/confirm", "/cancel", ""}).
				Draw(t, "what")
			form := "payment_method=" + method
			if what == "/cancel" {
				form = ""
			}
			key := rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "key")
			return request{key, path + what, form}
		})
		callers := rapid.SliceOfN(rapid.SliceOfN(draw, 1, 5), 2, 6).Draw(t, "callers")
		d.atOnce(callers)

		charges := d.do("GET", "/v1/charges?limit=100", "", "").body.String()
		paid := strings.Count(charges, `"paid": true`)
		final := d.do("GET", path, "", "").body.String()
		wantPaid := 0
		if strings.Contains(final, `"status": "succeeded"`) {
			wantPaid = 1
		}
		if paid != wantPaid {
			t.Fatalf("%d charges took money, want %d: %s", paid, wantPaid, final)
		}
		if !strings.Contains(final, fmt.Sprintf(`"amount_received": %d,`, 1000*wantPaid)) {
			t.Fatalf("what was received is not what was charged: %s", final)
		}
	})
}

func TestLawRefundsNeverExceedTheCharge(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d, who := lawSetup(t)
		intent := idOf(d.do("POST", "/v1/payment_intents", "", chargeForm(who, "alice")))
		draw := rapid.Custom(func(t *rapid.T) request {
			form := url.Values{"payment_intent": {intent}}
			if n := rapid.IntRange(0, 1100).Draw(t, "amount"); n > 0 {
				form.Set("amount", fmt.Sprint(n))
			}
			return request{"", "/v1/refunds", form.Encode()}
		})
		callers := rapid.SliceOfN(rapid.SliceOfN(draw, 1, 4), 2, 6).Draw(t, "callers")
		var sum int64
		for _, answers := range d.atOnce(callers) {
			for _, a := range answers {
				var r struct{ Amount int64 }
				if err := json.Unmarshal([]byte(a.body.String()), &r); err != nil {
					t.Fatal(err)
				}
				sum += r.Amount // zero in an error
			}
		}
		var page struct {
			Data []struct {
				AmountRefunded int64 `json:"amount_refunded"`
				Refunded       bool
			}
		}
		list := d.do("GET", "/v1/charges", "", "").body.String()
		if err := json.Unmarshal([]byte(list), &page); err != nil {
			t.Fatal(err)
		}
		c := page.Data[0]
		if c.AmountRefunded != sum || sum > 1000 || c.Refunded != (sum == 1000) {
			t.Fatalf("%d was refunded, the charge says %+v", sum, c)
		}
	})
}

func TestLawListsLoseAndRepeatNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d, who := lawSetup(t)
		callers := rapid.IntRange(1, 4).Draw(t, "callers")
		each := rapid.IntRange(1, 6).Draw(t, "each")
		size := rapid.IntRange(1, 10).Draw(t, "page size")
		made := sync.Map{}
		var writers, readers sync.WaitGroup
		stop := make(chan struct{})
		for range callers {
			writers.Go(func() {
				for range each {
					charge := d.do("POST", "/v1/payment_intents", "", chargeForm(who, "a"))
					made.Store(idOf(charge), true)
				}
			})
		}
		// A reader that pages through the list while it grows: what was there before it began must
		// be in what it reads, once.
		readers.Go(func() {
			for {
				before := d.pages(t, "/v1/payment_intents", 100)
				checkList(t, d.pages(t, "/v1/payment_intents", size), before)
				select {
				case <-stop:
					return
				default:
				}
			}
		})
		writers.Wait()
		close(stop)
		readers.Wait()
		var all []string
		for id := range made.Range {
			all = append(all, id.(string))
		}
		for _, path := range []string{"/v1/payment_intents", "/v1/charges"} {
			if n := len(d.pages(t, path, size)); n != callers*each {
				t.Fatalf("%s has %d, want %d", path, n, callers*each)
			}
		}
		checkList(t, d.pages(t, "/v1/payment_intents", size), all)
	})
}

// checkList checks that a list has everything it must, and nothing twice.
func checkList(t *rapid.T, list, must []string) {
	seen := make(map[string]bool)
	for _, id := range list {
		if seen[id] {
			t.Errorf("%s is listed twice", id)
		}
		seen[id] = true
	}
	for _, id := range must {
		if !seen[id] {
			t.Errorf("%s is lost", id)
		}
	}
}
