package worker

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	stripewebhook "github.com/stripe/stripe-go/v76/webhook"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/stripesim/control"
	"example.com/triplecharge/internal/verdict"
	"example.com/triplecharge/ledger"
)

const testWebhook = "whsec_0123456789"

// signed is the header of an event that was signed a while ago.
func signed(body, secret string, ago time.Duration) string {
	return stripewebhook.GenerateTestSignedPayload(&stripewebhook.UnsignedPayload{
		Payload: []byte(body), Secret: secret, Timestamp: time.Now().Add(-ago),
	}).Header
}

// deliver sends an event to a server and returns the status of its answer.
func deliver(t *testing.T, to, body, signature string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, to+"/stripe/events",
		strings.NewReader(body))
	must(t, err)
	r.Header.Set("Stripe-Signature", signature)
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	must(t, err)
	must(t, answer.Body.Close())
	return answer.StatusCode
}

// lostCharge makes a due run of server-a, whose charge is answered with a 500, and returns Stripe's
// event of the charge.
func (w *world) lostCharge(mode string) (event string) {
	w.t.Helper()
	bodies := make(chan string, 10)
	inbox := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies <- string(body)
	}))
	w.t.Cleanup(inbox.Close)
	_, err := w.charger.Notify(w.t.Context(), inbox.URL, "payment_intent.succeeded")
	must(w.t, err)
	lost, err := w.control.Fail(w.t.Context(), control.Rule{
		Server: "server-a", Operation: control.OperationCharge,
	}, http.StatusInternalServerError, control.AfterCommit)
	must(w.t, err)
	if got := start(w.t, w.config("server-a", mode)).run(); got.Failed != 1 {
		w.t.Fatalf("got %+v, want one failed", got)
	}
	must(w.t, lost.Remove(w.t.Context()))
	return <-bodies
}

// An event is signed, fresh, of a charge and of this ledger, or nothing is recorded.
func TestOnlyStripesEventsOfThisLedgersChargesAreRecorded(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"locked", "claimed", "exactly-once"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			w := setup(t, onlyAlice())
			genuine := w.lostCharge(mode)
			b := start(t, w.config("server-b", mode))
			instead := func(old, other string) string {
				body := strings.Replace(genuine, old, other, 1)
				if body == genuine {
					t.Fatalf("the event has no %s: %s", old, genuine)
				}
				return body
			}
			type delivery struct {
				body, signature string
				want            int
			}
			left := func(body string) delivery {
				return delivery{body, signed(body, testWebhook, 0), 200}
			}
			for name, e := range map[string]delivery{
				"unsigned":            {genuine, "", 400},
				"of another secret":   {genuine, signed(genuine, "whsec_x", 0), 400},
				"of another body":     {instead("1000", "1"), signed(genuine, testWebhook, 0), 400},
				"stale":               {genuine, signed(genuine, testWebhook, 6*time.Minute), 400},
				"not JSON":            {"!", signed("!", testWebhook, 0), 400},
				"too large":           {strings.Repeat(" ", 2<<20), "", 413},
				"another ledger's":    left(instead(w.store.ID(), "another")),
				"of an unknown type":  left(instead("intent.succeeded", "intent.dreamed")),
				"without an object":   left(`{"type":"payment_intent.succeeded"}`),
				"of no period":        left(instead(`"2026-12"`, `"someday"`)),
				"of no subscription":  left(instead(`"alice"`, `""`)),
				"of what is not paid": left(instead(`"succeeded"`, `"processing"`)),
			} {
				if got := deliver(t, b.url, e.body, e.signature); got != e.want {
					t.Errorf("%s: answered %d, want %d", name, got, e.want)
				}
			}
			w.want("alice", verdict.Counts{Charges: 1})

			var senders sync.WaitGroup
			for range 3 {
				senders.Go(func() {
					got := deliver(t, b.url, genuine, signed(genuine, testWebhook, 4*time.Minute))
					if got != http.StatusOK {
						t.Errorf("answered %d", got)
					}
				})
			}
			senders.Wait()
			w.want("alice", billedOnce)
			b.wait(event.WebhookReceived, "alice/2026-12")
			if got := b.run(); got.AlreadyBilled != 1 {
				t.Errorf("got %+v, want one already billed", got)
			}
			w.want("alice", billedOnce)
		})
	}
}

// failingLedger fails to record with its error.
type failingLedger struct {
	billing.Ledger
	err error
}

func (l failingLedger) Record(context.Context, billing.Charge) error { return l.err }

// Stripe sends an event again until it is answered with a 2xx.
func TestAnEventIsAskedForAgainOnlyIfThatCanHelp(t *testing.T) {
	t.Parallel()
	w := setup(t, onlyAlice())
	body := w.lostCharge("locked")
	for want, err := range map[int]error{
		http.StatusOK:                 fmt.Errorf("record: %w", ledger.ErrContradiction),
		http.StatusServiceUnavailable: fmt.Errorf("record: %w", billing.ErrUnavailable),
	} {
		e := newEvents(io.Discard, Config{})
		server := httptest.NewServer(webhook{
			e, testWebhook, w.charger.ForLedger(w.store.ID()), failingLedger{err: err},
		})
		t.Cleanup(server.Close)
		if got := deliver(t, server.URL, body, signed(body, testWebhook, 0)); got != want {
			t.Errorf("%v: answered %d, want %d", err, got, want)
		}
	}
}

// With no secret, anybody could sign.
func TestWithoutASecretNoEventsAreTaken(t *testing.T) {
	t.Parallel()
	s := serveAPI(t, nil)
	if got := deliver(t, s.URL, "{}", signed("{}", "", 0)); got != http.StatusNotFound {
		t.Errorf("answered %d, want 404", got)
	}
}
