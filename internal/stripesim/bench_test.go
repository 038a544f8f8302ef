package stripesim_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"example.com/triplecharge/internal/stripesim"
)

// direct calls a handler without a network.
type direct struct {
	handler http.Handler
}

// sink is a ResponseWriter that keeps the body only if it has a place for it.
type sink struct {
	header http.Header
	status int
	body   *strings.Builder
}

func (s *sink) Header() http.Header { return s.header }
func (s *sink) WriteHeader(n int)   { s.status = n }

func (s *sink) Write(b []byte) (int, error) {
	if s.body != nil {
		s.body.Write(b)
	}
	return len(b), nil
}

func (d direct) do(method, path, key, body string) *sink {
	r := httptest.NewRequest(method, path, io.NopCloser(strings.NewReader(body)))
	r.Header.Set("Authorization", "Bearer "+testKey)
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	s := &sink{header: make(http.Header), body: new(strings.Builder)}
	d.handler.ServeHTTP(s, r)
	return s
}

// chargeForm is the body of a charge of $10, as stripecharge sends it.
func chargeForm(who alice, subscription string) string {
	return url.Values{
		"amount": {"1000"}, "currency": {"usd"}, "customer": {who.customer},
		"payment_method": {who.method}, "confirm": {"true"}, "off_session": {"true"},
		"metadata[subscription]": {subscription}, "metadata[period]": {"2026-12"},
	}.Encode()
}

// BenchmarkCharge is one charge with an idempotency key, without the network. kept-B/op is what
// stays in memory of it.
func BenchmarkCharge(b *testing.B) {
	w := setup(b, stripesim.Options{})
	who := w.api("server-a").customer(b, "pm_card_visa")
	d := direct{w.sim.Handler("server-a")}
	before := heap()
	var n atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			subscription := fmt.Sprint("sub-", n.Add(1))
			s := d.do("POST", "/v1/payment_intents", subscription+"/2026-12",
				chargeForm(who, subscription))
			if s.status != http.StatusOK {
				b.Error(s.body)
			}
		}
	})
	b.ReportMetric(float64(heap()-before)/float64(b.N), "kept-B/op")
	runtime.KeepAlive(w)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkList is a page of 100 from the middle of many PaymentIntents.
func BenchmarkList(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := setup(b, stripesim.Options{})
			who := w.api("server-a").customer(b, "pm_card_visa")
			d := direct{w.sim.Handler("server-a")}
			middle := ""
			for i := range n {
				s := d.do("POST", "/v1/payment_intents", "", chargeForm(who, "alice"))
				if i == n/2 {
					_, rest, _ := strings.Cut(s.body.String(), `"id": "`)
					middle, _, _ = strings.Cut(rest, `"`)
				}
			}
			path := "/v1/payment_intents?limit=100&customer=" + who.customer +
				"&created[gte]=1&starting_after=" + middle
			for b.Loop() {
				if s := d.do("GET", path, "", ""); s.status != http.StatusOK {
					b.Fatal(s.body)
				}
			}
		})
	}
}
