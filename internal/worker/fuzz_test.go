package worker

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
)

// FuzzTrigger holds POST /runs to its two outcomes: a body that is not understood is refused, and
// another asks for a run, which a stopping server refuses.
func FuzzTrigger(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "null", `{"at":"2026-12-01T00:00:00Z"}`, `{"at":"0001-01-01T00:00:00Z"}`,
		`{"at":"9999-12-31T23:59:59-12:00","force":true}`, `{"at":1}`, `{"force":"yes"}`,
		`{"At":"2026-12-01T00:00:00Z"}{}`, `{"period":"2026-12"}`, `[]`, "\xff", `{"at":"\u0000"}`,
		`{"at":"now"}`, strings.Repeat("[", 2000), `{"at":"` + strings.Repeat("0", 2000) + `"}`,
	} {
		f.Add(seed)
	}
	runs := newRuns(billing.Worker{
		Server: "server-a", Invoices: billingtest.NewMemoryInvoices(), Concurrency: 1,
	}, &hold{events: newEvents(io.Discard, Config{})})
	runs.zone = time.UTC
	runs.stop()
	a := api{ctx: f.Context(), runs: runs, token: testToken}
	handler := a.handler()
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/runs",
			strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+testToken)
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, r)
		var said struct{ Error string }
		err := json.Unmarshal(answer.Body.Bytes(), &said)
		if err != nil || said.Error == "" || answer.Code != http.StatusBadRequest &&
			answer.Code != http.StatusServiceUnavailable {
			t.Errorf("%q: got %d, %q", body, answer.Code, answer.Body)
		}
		understood := answer.Code == http.StatusServiceUnavailable
		if understood && strings.TrimSpace(body) != "" && !json.Valid([]byte(body)) {
			t.Errorf("%q was understood", body)
		}
	})
}
