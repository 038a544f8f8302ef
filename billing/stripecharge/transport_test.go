package stripecharge_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/paymentintent"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
)

// dropper is a Stripe on a raw connection. It answers the first request of each connection; when a
// second one has arrived, it closes the connection, as a load balancer does whose idle time-out
// meets a request.
type dropper struct {
	url string

	mu      sync.Mutex
	arrived []string // what was asked for, in order
}

func newDropper(t *testing.T) *dropper {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	d := &dropper{url: "http://" + listener.Addr().String()}
	var connections sync.WaitGroup
	connections.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Go(func() { d.serve(conn) })
		}
	})
	// The clients, which were made later, have closed their connections by now.
	t.Cleanup(func() {
		must(t, listener.Close())
		connections.Wait()
	})
	return d
}

func (d *dropper) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	for answered := false; ; answered = true {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		d.mu.Lock()
		d.arrived = append(d.arrived, r.Method)
		d.mu.Unlock()
		if answered {
			return
		}
		const body = `{"id":"pi_1","status":"succeeded","object":"list","data":[]}`
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
}

func (d *dropper) wantArrived(t *testing.T, want int) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.arrived) != want {
		t.Errorf("%d requests arrived, want %d: %v", len(d.arrived), want, d.arrived)
	}
}

func TestADroppedConnectionSendsNothingThatNobodyDecidedOn(t *testing.T) {
	t.Parallel()
	d := newDropper(t)
	c := newClient(t, stripecharge.Options{URL: d.url})
	_, err := c.Charge(t.Context(), billing.Request{Invoice: unknownInvoice(t)})
	must(t, err)

	// The lease is lost while the second charge is under way, on the connection that was kept.
	once := lease{ask: func(asked int) error {
		if asked > 1 {
			return billing.ErrLeaseLost
		}
		return nil
	}}
	_, err = c.Charge(t.Context(),
		billing.Request{Invoice: unknownInvoice(t), Valid: once.valid})
	wantOutcome(t, err, billing.ErrUnknown)
	if !errors.Is(err, billing.ErrLeaseLost) {
		t.Errorf("got %v, want it to say that the lease is lost", err)
	}
	d.wantArrived(t, 2)
}

func TestADroppedConnectionIsAnAttempt(t *testing.T) {
	t.Parallel()
	d := newDropper(t)
	c := newClient(t, stripecharge.Options{URL: d.url})
	_, err := c.Charge(t.Context(), billing.Request{Invoice: unknownInvoice(t)})
	must(t, err)
	var asking lease
	_, err = c.Charge(t.Context(),
		billing.Request{Invoice: unknownInvoice(t), Valid: asking.valid})
	must(t, err)
	if asking.asked != 2 {
		t.Errorf("asked for the lease %d times, want 2", asking.asked)
	}
	d.wantArrived(t, 3)
}

// The two tests above can fail: this is what stripe-go does on a client of net/http's own.
func TestWhatNetHTTPDoesWithADroppedConnection(t *testing.T) {
	t.Parallel()
	d := newDropper(t)
	plain := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(plain.CloseIdleConnections)
	intents := paymentintent.Client{Key: stripecharge.SimulatorKey,
		B: stripe.GetBackendWithConfig(stripe.APIBackend, &stripe.BackendConfig{
			URL: stripe.String(d.url), HTTPClient: plain, MaxNetworkRetries: stripe.Int64(0),
			LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull},
		})}
	for range 2 {
		_, err := intents.New(&stripe.PaymentIntentParams{Amount: stripe.Int64(1000)})
		must(t, err)
	}
	d.wantArrived(t, 3) // three requests for two calls
}

// A list moves no money, so net/http may send it again.
func TestADroppedConnectionDoesNotEndAList(t *testing.T) {
	t.Parallel()
	d := newDropper(t)
	c := newClient(t, stripecharge.Options{URL: d.url})
	_, err := c.Charge(t.Context(), billing.Request{Invoice: unknownInvoice(t)})
	must(t, err)
	c.Dawdle() // a retry of our own would come too late
	if got := allIntents(t, c, time0, time.Time{}); len(got) != 0 {
		t.Errorf("got %v from an empty list", got)
	}
	d.wantArrived(t, 3)
}

func TestARedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			inv := w.invoice("pm_card_visa")
			elsewhere := http.RedirectHandler(
				w.stripe.URL("server-b")+"/v1/payment_intents", status)
			redirecting := httptest.NewServer(elsewhere)
			t.Cleanup(redirecting.Close)
			_, err := hurriedClient(t, stripecharge.Options{URL: redirecting.URL}).Charge(
				t.Context(), billing.Request{Invoice: inv})
			wantOutcome(t, err, billing.ErrUnknown)
			w.log.wantAttempts(t, 0)
			w.wantCharges(0)
		})
	}
}
