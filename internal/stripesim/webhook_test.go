package stripesim_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/webhook"

	"example.com/triplecharge/internal/stripesim"
	"example.com/triplecharge/internal/stripesim/control"
)

// receiver is a webhook endpoint that checks what it gets as stripe-go does.
type receiver struct {
	t      *testing.T
	url    string
	events chan stripe.Event

	mu     sync.Mutex
	secret string
	refuse int // so many deliveries
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{t: t, events: make(chan stripe.Event, 100)}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	header := req.Header.Get("Stripe-Signature")
	event, err := webhook.ConstructEvent(body, header, r.secret)
	if err != nil {
		r.t.Errorf("the event is not accepted: %v", err)
	}
	if _, err := webhook.ConstructEvent(body, header, r.secret+"x"); err == nil {
		r.t.Error("the event is accepted under another secret")
	}
	if r.refuse > 0 {
		r.refuse--
		w.WriteHeader(http.StatusInternalServerError)
	}
	r.events <- event
}

// register makes the receiver an endpoint and returns its id.
func (r *receiver) register(w *world, types ...string) string {
	r.t.Helper()
	form := []string{"url", r.url}
	for _, typ := range types {
		form = append(form, "enabled_events[]", typ)
	}
	made := w.send("server-a", "POST", "/v1/webhook_endpoints", nil, form...)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secret = field(made.body, "secret")
	if !strings.HasPrefix(r.secret, "whsec_") {
		r.t.Fatalf("it has no secret: %s", made.body)
	}
	return field(made.body, "id")
}

// field is a string property of an answer.
func field(body, name string) string {
	_, rest, _ := strings.Cut(body, `"`+name+`": "`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

func (r *receiver) next(want string) stripe.Event {
	r.t.Helper()
	select {
	case e := <-r.events:
		if string(e.Type) != want {
			r.t.Fatalf("got %s, want %s", e.Type, want)
		}
		return e
	case <-time.After(time.Minute):
		r.t.Fatalf("no %s came", want)
	}
	panic("unreachable")
}

func TestEventsAreSentSigned(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{})
	r := newReceiver(t)
	r.register(w, "payment_intent.succeeded", "charge.refunded")
	a := w.api("server-a")
	i, err := a.intents.New(tenDollars(a.customer(t, "pm_card_visa"), "alice/2026-12"))
	if err != nil {
		t.Fatal(err)
	}
	e := r.next("payment_intent.succeeded")
	if e.Data.Object["id"] != i.ID || e.Request.IdempotencyKey != "alice/2026-12" {
		t.Errorf("got %+v of %+v", e, e.Data.Object)
	}
	listed, err := a.events.Get(e.ID, nil)
	if err != nil || listed.Type != e.Type {
		t.Errorf("it is listed as %+v, %v", listed, err)
	}
	if _, err := a.refunds.New(&stripe.RefundParams{Charge: &i.LatestCharge.ID}); err != nil {
		t.Fatal(err)
	}
	r.next("charge.refunded") // and not refund.created, nor what came before
}

func TestAnEventThatIsRefusedIsSentAgain(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{})
	r := newReceiver(t)
	r.refuse = 2
	id := r.register(w, "*")
	w.send("server-a", "POST", "/v1/customers", nil)
	first := r.next("customer.created")
	for range 2 {
		r.wait(w)
		if again := r.next("customer.created"); again.ID != first.ID {
			t.Errorf("got %s, want %s again", again.ID, first.ID)
		}
	}
	shown := w.send("server-a", "GET", "/v1/webhook_endpoints/"+id, nil)
	if field(shown.body, "url") != r.url || strings.Contains(shown.body, "whsec_") {
		t.Errorf("the endpoint shows %s, want its url, and its secret never again", shown.body)
	}
}

// wait advances the clock until a refused event has come again: the refusal itself may take a
// moment to arrive.
func (r *receiver) wait(w *world) {
	r.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		w.advance(30 * time.Minute)
		if len(r.events) > 0 {
			return
		}
	}
	r.t.Fatal("the event is not sent again")
}

func TestAnEndpointThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{})
	for _, form := range [][]string{
		{"enabled_events[]", "*"},
		{"url", "http://127.0.0.1:1"},
		{"url", "127.0.0.1:1", "enabled_events[]", "*"},
		{"url", "http://127.0.0.1:1", "enabled_events[]", "Charge!"},
		{"url", "http://127.0.0.1:1", "enabled_events[]", "charge.failed", "enabled_events[]", "*"},
		{"url", "http://127.0.0.1:1", "enabled_events[]", "*", "connect", "true"},
	} {
		made := w.send("server-a", "POST", "/v1/webhook_endpoints", nil, form...)
		if made.status != http.StatusBadRequest {
			t.Errorf("%v answers %d %s", form, made.status, made.body)
		}
	}
	list := w.send("server-a", "GET", "/v1/webhook_endpoints", nil)
	if !strings.Contains(list.body, `"data": []`) {
		t.Errorf("there are endpoints: %s", list.body)
	}
}

// pay has Stripe take $10 under the key.
func (r *receiver) pay(w *world, who alice, key string) {
	r.t.Helper()
	if _, err := w.api("server-a").intents.New(tenDollars(who, key)); err != nil {
		r.t.Fatal(err)
	}
}

func TestEventsComeLateInAnotherOrderTwiceAndBeforeTheReply(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{})
	r := newReceiver(t)
	const paid = "payment_intent.succeeded"
	r.register(w, paid)
	who := w.api("server-a").customer(t, "pm_card_visa")
	rule := control.Rule{
		Point: control.Delivering, Operation: paid, Path: r.url, Subscription: "alice",
	}

	gate := w.hold(rule)
	r.pay(w, who, "first")
	first := w.waiting(gate, 1)[0]
	r.pay(w, who, "second")
	second := w.waiting(gate, 2)[1]
	if second.PaymentIntent == first.PaymentIntent || second.Period != "2026-12" {
		t.Errorf("the events are shown as %+v and %+v", first, second)
	}
	if err := gate.Open(t.Context(), second.ID); err != nil {
		t.Fatal(err)
	}
	if e := r.next(paid); e.Request.IdempotencyKey != "second" {
		t.Errorf("first came the event of %s", e.Request.IdempotencyKey)
	}
	if err := gate.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e := r.next(paid); e.Request.IdempotencyKey != "first" {
		t.Errorf("then came the event of %s", e.Request.IdempotencyKey)
	}

	repeated, err := w.control.Repeat(t.Context(), rule)
	if err != nil {
		t.Fatal(err)
	}
	reply := w.hold(control.Rule{Point: control.Committed})
	done := w.start(func() error {
		_, err := w.api("server-a").intents.New(tenDollars(who, "twice"))
		return err
	})
	if once, again := r.next(paid), r.next(paid); once.ID != again.ID {
		t.Errorf("got %s and %s before the reply, want one twice", once.ID, again.ID)
	}
	w.waiting(reply, 1)
	if err := reply.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}

	if err := repeated.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	rule.Key = "lost" // the answers to the others may still be on their way
	_, err = w.control.Lose(t.Context(), rule)
	if err != nil {
		t.Fatal(err)
	}
	r.pay(w, who, "lost")
	once := r.next(paid)
	r.wait(w)
	if again := r.next(paid); again.ID != once.ID {
		t.Errorf("got %s, want %s again, since the answer was lost", again.ID, once.ID)
	}
}

func TestAResetDropsTheEventsThatAreHeld(t *testing.T) {
	t.Parallel()
	w := setup(t, stripesim.Options{})
	r := newReceiver(t)
	r.register(w, "customer.created")
	gate := w.hold(control.Rule{Point: control.Delivering})
	w.send("server-a", "POST", "/v1/customers", nil)
	w.waiting(gate, 1)
	if err := w.control.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.register(w, "customer.created")
	made := w.send("server-a", "POST", "/v1/customers", nil)
	if e := r.next("customer.created"); e.Data.Object["id"] != field(made.body, "id") {
		t.Errorf("got an event of before the reset: %+v", e)
	}
}
