package scenario

import (
	"context"
	"flag"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stripe/stripe-go/v76/webhook"

	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/services/servicetest"
)

var manyEvents = flag.Int("events", 60, "how many events come in random order")

// Stripe's events come in random order, a third of them two or three times and a tenth forged,
// while three servers bill and are killed. Each charge has one entry in the end, and nothing else
// has one.
func TestEventsInAnyOrderRecordEachChargeOnce(t *testing.T) {
	t.Parallel()
	c := newChaos(t, servicetest.OwnPostgres(t), 1, *manyEvents, true)
	k := newCourier(c)
	for c.nextKill() {
		c.killServer()
	}
	k.deliverAll()
	c.recoveryRun()

	conn, err := pgx.Connect(t.Context(), c.p.database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var entries int
	err = conn.QueryRow(t.Context(), `SELECT count(*) FROM entries`).Scan(&entries)
	if err != nil {
		t.Fatal(err)
	}
	heard := 0
	logged, _ := c.p.events.Since(0)
	for _, e := range logged {
		if e.Kind == event.WebhookReceived {
			heard++
		}
	}
	if entries != c.invoices || k.forged < c.invoices/20 || heard < c.invoices {
		t.Errorf("%d invoices have %d entries, after %d events and %d forged ones", c.invoices,
			entries, heard, k.forged)
	}
	t.Logf("%d deliveries, %d of them forged", k.delivered, k.forged)
}

// courier takes Stripe's events from the inbox, and delivers them as it likes.
type courier struct {
	*chaos
	mu                sync.Mutex
	rand              *rand.Rand
	bag               []string // events to be delivered
	over              bool     // no more will come
	delivered, forged int
	couriers          sync.WaitGroup
}

// courierName is the last of the inbox's servers, which it asks first.
const courierName = "the courier"

func newCourier(c *chaos) *courier {
	c.t.Helper()
	k := &courier{chaos: c, rand: rand.New(rand.NewPCG(1, 1))}
	inbox := httptest.NewServer(k)
	c.t.Cleanup(inbox.Close)
	c.p.inbox.mu.Lock()
	defer c.p.inbox.mu.Unlock()
	c.p.inbox.servers[courierName] = inbox.URL
	for range 4 {
		k.couriers.Go(k.deliver)
	}
	return k
}

// ServeHTTP puts an event into the bag, every third two or three times.
func (k *courier) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	times := 1
	if k.rand.IntN(3) == 0 {
		times = 2 + k.rand.IntN(2)
	}
	for range times {
		k.bag = append(k.bag, string(body))
	}
}

// deliverAll empties the bag.
func (k *courier) deliverAll() {
	k.mu.Lock()
	k.over = true
	k.mu.Unlock()
	k.couriers.Wait()
}

// deliver takes events out of the bag at random, once there are many, and delivers them. A server
// that is killed takes none, so the event goes back.
func (k *courier) deliver() {
	for {
		k.mu.Lock()
		over, waiting := k.over, len(k.bag)
		if over && waiting == 0 {
			k.mu.Unlock()
			return
		}
		if waiting == 0 || !over && waiting < k.invoices/5 {
			k.mu.Unlock()
			time.Sleep(pollEvery)
			continue
		}
		i := k.rand.IntN(waiting)
		body, forge := k.bag[i], k.rand.IntN(10) == 0
		k.bag = slices.Delete(k.bag, i, i+1)
		how := k.rand.IntN(len(forgeries))
		k.mu.Unlock()
		if forge {
			k.forge(body, how)
		}
		status := k.send(body, k.p.inbox.secret, body, 0)
		k.mu.Lock()
		k.delivered++
		if status != http.StatusOK {
			k.bag = append(k.bag, body)
		}
		k.mu.Unlock()
	}
}

// forgeries are what must not be recorded, made of a genuine event.
var forgeries = []struct {
	change func(string) string
	secret string // "": the endpoint's
	body   bool   // the genuine one is signed
	age    time.Duration
	want   int
}{
	{change: otherInvoice, secret: "whsec_forged", want: http.StatusBadRequest},
	{change: otherInvoice, body: true, want: http.StatusBadRequest},
	{change: otherInvoice, age: time.Hour, want: http.StatusBadRequest},
	{change: func(s string) string {
		return strings.Replace(otherInvoice(s), `"ledger": "`, `"ledger": "another`, 1)
	}, want: http.StatusOK},
	{change: func(s string) string {
		return strings.Replace(otherInvoice(s), "payment_intent.succeeded", "invoice.paid", 1)
	}, want: http.StatusOK},
}

// otherInvoice makes a PaymentIntent of another ID and for another invoice.
func otherInvoice(s string) string {
	return strings.NewReplacer(`"pi_`, `"pi_forged`, `"subscription": "`,
		`"subscription": "forged`).Replace(s)
}

func (k *courier) forge(genuine string, how int) {
	f := forgeries[how]
	body, secret := f.change(genuine), f.secret
	if body == genuine || !strings.Contains(body, "pi_forged") {
		k.t.Errorf("nothing is forged in %s", genuine)
	}
	signed := body
	if f.body {
		signed = genuine
	}
	if secret == "" {
		secret = k.p.inbox.secret
	}
	status := k.send(body, secret, signed, f.age)
	if status != 0 && status != f.want {
		k.t.Errorf("forgery %d is answered %d, want %d", how, status, f.want)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.forged++
}

// send sends an event to a random server, with the signature of another text, and returns the
// status; 0 if the server is down.
func (k *courier) send(body, secret, signed string, age time.Duration) int {
	k.p.inbox.mu.Lock()
	servers := maps.Clone(k.p.inbox.servers)
	k.p.inbox.mu.Unlock()
	delete(servers, courierName)
	urls := slices.Sorted(maps.Values(servers))
	header := http.Header{"Stripe-Signature": {webhook.GenerateTestSignedPayload(
		&webhook.UnsignedPayload{
			Payload: []byte(signed), Secret: secret, Timestamp: time.Now().Add(-age),
		}).Header}}
	k.mu.Lock()
	to := urls[k.rand.IntN(len(urls))]
	k.mu.Unlock()
	status, err := passOn(context.Background(), to, []byte(body), header)
	if err != nil {
		return 0
	}
	return status
}
