package stripecharge

import (
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// httpClient returns a client that sends each request once.
func httpClient(timeout time.Duration) *http.Client {
	return &http.Client{
		Transport: sendOnce{&http.Transport{
			Proxy: http.ProxyFromEnvironment,
			// Dialing times out before the request does, so it is known that nothing was sent.
			DialContext:         (&net.Dialer{Timeout: timeout / 2}).DialContext,
			TLSHandshakeTimeout: timeout / 2,
			ForceAttemptHTTP2:   true, // as net/http's own transport does
			// All requests share one HTTP/2 connection, so if it dies all of them hang. A ping
			// finds out in half an attempt's time, and they are sent again on another connection.
			HTTP2: &http.HTTP2Config{SendPingTimeout: timeout / 4, PingTimeout: timeout / 4},
			// Keeps one connection for each charge in flight: by default net/http keeps two per
			// host and pays a handshake for every other charge.
			MaxIdleConnsPerHost: 1024,
			IdleConnTimeout:     90 * time.Second, // as net/http's own
		}},
		Timeout: timeout,
		// A redirect would send the charge again, to another address.
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

// sendOnce keeps net/http from re-sending a request whose connection dropped. net/http does so,
// silently, for a POST that carries an Idempotency-Key if it can read the body again (net/http,
// "Transport": "idempotent … if the header map contains an Idempotency-Key"). Such a charge could
// be sent long after its lease ended, so the body can be read only once. A GET moves no money and
// may be sent any number of times.
type sendOnce struct{ *http.Transport }

func (s sendOnce) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet {
		r = r.Clone(r.Context())
		r.GetBody = nil
		if g, ok := r.Context().Value(gateKey{}).(*gate); ok {
			if r.Body == nil {
				g.pass()
			} else {
				r.Body = gatedBody{r.Body, g}
			}
		}
	}
	return s.Transport.RoundTrip(r)
}

// gate decides once whether a request is sent. That begins when its body is first read, which
// net/http does only for a connection that it handed to the request. Neither the kind of an error
// nor httptrace can decide it: a request that timed out may be handed a connection afterwards.
type gate struct{ state atomic.Int32 }

type gateKey struct{} // of the gate in a request's context

// The states of a gate; the last two are final.
const (
	undecided = iota
	passed
	closed
)

// errNoConnection: certainly nothing was sent.
var errNoConnection = errors.New("no connection")

// pass reports whether the request may be sent.
func (g *gate) pass() bool {
	return g.state.CompareAndSwap(undecided, passed) || g.state.Load() == passed
}

// shut reports whether the request was not sent. Then it never will be.
func (g *gate) shut() bool {
	return g.state.CompareAndSwap(undecided, closed) || g.state.Load() == closed
}

type gatedBody struct {
	io.ReadCloser
	*gate
}

func (b gatedBody) Read(p []byte) (int, error) {
	if !b.pass() {
		return 0, errNoConnection
	}
	return b.ReadCloser.Read(p)
}
