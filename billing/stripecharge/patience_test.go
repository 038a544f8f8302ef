package stripecharge_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
)

// way is a way for Stripe to be away.
type way struct {
	// answer answers a request; nil means that nobody listens.
	answer http.HandlerFunc
	hangs  bool  // the request is answered when Stripe is back
	tries  int   // after so many, Stripe is back for less than the patience
	want   error // the outcome of a call for more than the patience
}

func ways() map[string]way {
	return map[string]way{
		"refused": {tries: 20, want: billing.ErrNotSent},
		"hung":    {hangs: true, tries: 1, want: billing.ErrUnknown},
		"starting": {tries: 3, want: billing.ErrUnknown,
			answer: func(w http.ResponseWriter, _ *http.Request) {
				http.Error(w, "<html>Service Unavailable</html>", http.StatusServiceUnavailable)
			}},
		"dropping connections": {tries: 3, want: billing.ErrUnknown,
			answer: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
	}
}

// away is Stripe at an address of its own, where it is away until comeBack is called.
type away struct {
	t        *testing.T
	url      string
	back     chan struct{}
	comeBack func()
}

func (w *world) away(way way) *away {
	w.t.Helper()
	a := &away{t: w.t, back: make(chan struct{})}
	stripe := w.stripe.Server("server-a").Config.Handler
	s := httptest.NewUnstartedServer(http.HandlerFunc(
		func(answer http.ResponseWriter, r *http.Request) {
			if way.hangs {
				<-a.back
			}
			select {
			case <-a.back:
				stripe.ServeHTTP(answer, r)
			default:
				way.answer(answer, r)
			}
		}))
	address := s.Listener.Addr().String()
	a.url = "http://" + address
	listens := way.hangs || way.answer != nil
	if listens {
		s.Start()
	} else {
		must(w.t, s.Listener.Close())
	}
	a.comeBack = sync.OnceFunc(func() {
		close(a.back)
		if !listens {
			var err error
			s.Listener, err = net.Listen("tcp", address)
			must(w.t, err)
			s.Start()
		}
	})
	w.t.Cleanup(func() {
		a.comeBack()
		s.Close()
	})
	return a
}

// moneyCalls are the ports' calls that move money, or prepare it. Each returns what it charged.
func moneyCalls(c *stripecharge.Client, prepared string) map[string]func(
	context.Context, billing.Request) (charges int, err error) {
	return map[string]func(context.Context, billing.Request) (int, error){
		"Charge": func(ctx context.Context, r billing.Request) (int, error) {
			_, err := c.Charge(ctx, r)
			return 1, err
		},
		"Prepare": func(ctx context.Context, r billing.Request) (int, error) {
			_, err := c.Prepare(ctx, r)
			return 0, err
		},
		"Confirm": func(ctx context.Context, r billing.Request) (int, error) {
			_, err := c.Confirm(ctx, prepared, r)
			return 1, err
		},
	}
}

// For less than the patience, each call is made all the same, and charges once. For more, each says
// what is known, and that Stripe is unavailable, after which the run holds.
func TestStripeIsWaitedForAsLongAsTheClientHasPatience(t *testing.T) {
	t.Parallel()
	const enough = 3 * time.Second // to connect on a busy machine
	for name, way := range ways() {
		for call := range moneyCalls(nil, "") {
			t.Run(name+"/"+call, func(t *testing.T) {
				t.Parallel()
				w := setup(t)
				inv := w.invoice("pm_card_visa")
				intent, err := w.client("server-a").Prepare(t.Context(),
					billing.Request{Invoice: inv, Key: "prepared"})
				must(t, err)

				a := w.away(way)
				hasty := hurriedClient(t, stripecharge.Options{
					URL: a.url, Timeout: enough, Patience: shortTimeout,
				})
				r := billing.Request{Invoice: inv, Key: "charged"}
				_, err = moneyCalls(hasty, intent.ID)[call](t.Context(), r)
				wantOutcome(t, err, way.want)
				if !errors.Is(err, billing.ErrUnavailable) {
					t.Errorf("for more than the patience: got %v", err)
				}
				w.wantCharges(0)

				patient := hurriedClient(t, stripecharge.Options{URL: a.url})
				asking := lease{ask: func(asked int) error {
					if asked == way.tries {
						a.comeBack()
					}
					return nil
				}}
				r.Valid = asking.valid
				charges, err := moneyCalls(patient, intent.ID)[call](t.Context(), r)
				if err != nil {
					t.Errorf("for less than the patience: %v", err)
				}
				w.wantCharges(charges)
			})
		}
	}
}
