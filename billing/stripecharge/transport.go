package stripecharge

import (
	"net"
	"net/http"
	"time"
)

// httpClient returns a client that sends each request once.
func httpClient(timeout time.Duration) *http.Client {
	return &http.Client{
		Transport: sendOnce{&http.Transport{
			Proxy: http.ProxyFromEnvironment,
			// A connection that can't be made ends before the request does, so that it is known
			// that nothing was sent.
			DialContext:       (&net.Dialer{Timeout: timeout / 2}).DialContext,
			ForceAttemptHTTP2: true, // as net/http's own transport does
			// One connection for each charge in flight, kept: by default net/http keeps two per
			// host and pays a handshake for every other charge.
			MaxIdleConnsPerHost: 1024,
			IdleConnTimeout:     90 * time.Second, // as net/http's own
		}},
		Timeout: timeout,
		// A redirect would send the charge again, to another place.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// sendOnce keeps net/http from re-sending a request whose connection dropped. It does so, silently,
// for a POST that carries an Idempotency-Key if it can read the body again (net/http, "Transport":
// "idempotent … if the header map contains an Idempotency-Key"). A charge sent again long after
// its lease ended would be one that nobody decided on, so the body can be read once. A GET moves no
// money, and may be sent as often as it takes.
type sendOnce struct{ *http.Transport }

func (s sendOnce) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet {
		r = r.Clone(r.Context())
		r.GetBody = nil
	}
	return s.Transport.RoundTrip(r)
}
