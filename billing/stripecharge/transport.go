package stripecharge

import (
	"net/http"
	"time"
)

// httpClient returns a client that sends each request once.
func httpClient(timeout time.Duration) *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	// One connection for each charge in flight, kept: by default net/http keeps two per host and
	// pays a handshake for every other charge.
	t.MaxIdleConns = 0
	t.MaxIdleConnsPerHost = 1024
	return &http.Client{
		Transport: sendOnce{t},
		Timeout:   timeout,
		// A redirect would send the charge again, to another place.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// sendOnce keeps net/http from re-sending a request whose connection dropped. It does so, silently,
// for a POST that carries an Idempotency-Key if it can read the body again (net/http, "Transport":
// "idempotent … if the header map contains an Idempotency-Key"). A charge sent again long after
// its lease ended would be one that nobody decided on, so the body can be read once.
type sendOnce struct{ next http.RoundTripper }

func (s sendOnce) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		r = r.Clone(r.Context())
		r.GetBody = nil
	}
	return s.next.RoundTrip(r)
}
