package stripecharge_test

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"example.com/triplecharge/billing/stripecharge"
)

// swallower forwards connections to a server until it is told to swallow: from then on, nothing
// gets through the connections it has, though they stay open. New ones work.
type swallower struct {
	generation  atomic.Int64
	connections atomic.Int64
}

func (s *swallower) before(t *testing.T, server string) (address string) {
	t.Helper()
	return serve(t, func(front net.Conn) {
		s.connections.Add(1)
		mine := s.generation.Load()
		back, err := net.Dial("tcp", server)
		if err != nil {
			return
		}
		defer func() { _ = back.Close() }()
		forward := func(to, from net.Conn) {
			buffer := make([]byte, 1<<12)
			for {
				n, err := from.Read(buffer)
				if err != nil {
					return
				}
				if s.generation.Load() == mine {
					_, _ = to.Write(buffer[:n])
				}
			}
		}
		go forward(front, back)
		forward(back, front)
	})
}

// A load balancer that forgets a connection without a word: without pings, every charge on it would
// hang for its whole time-out, and every later one, too.
func TestADeadHTTP2ConnectionFailsNoCharge(t *testing.T) {
	t.Parallel()
	w := setup(t)
	inv := w.invoice("pm_card_visa")
	stripe := httptest.NewUnstartedServer(http.HandlerFunc(
		func(out http.ResponseWriter, r *http.Request) {
			if r.ProtoMajor != 2 {
				t.Errorf("got %s, want HTTP/2", r.Proto)
			}
			w.stripe.Server("server-a").Config.Handler.ServeHTTP(out, r)
		}))
	stripe.EnableHTTP2 = true
	stripe.StartTLS()
	t.Cleanup(stripe.Close)
	var path swallower
	// The time-out is long for a ping to be answered on a machine that is busy.
	c := newClient(t, stripecharge.Options{
		URL: "https://" + path.before(t, stripe.Listener.Addr().String()), AtOnce: 16,
		Timeout: 8 * time.Second,
	})
	c.Transport().TLSClientConfig = &tls.Config{
		RootCAs: stripe.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs,
	}
	const invoices = 64
	must(t, chargeAll(t.Context(), c, inv, 1))
	must(t, chargeAll(t.Context(), c, inv, invoices))
	if n := path.connections.Load(); n != 1 {
		t.Errorf("%d connections, want that all share one", n)
	}
	path.generation.Add(1)
	must(t, chargeAll(t.Context(), c, inv, invoices))
	w.wantCharges(1 + 2*invoices)
}
