package stripesim_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"example.com/triplecharge/internal/stripesim"
)

// A page whose name resolves to 127.0.0.1 could read the charges and open gates.
func TestNoWebPageDrivesASimulatorOnItsReadersMachine(t *testing.T) {
	t.Parallel()
	sim := stripesim.New(stripesim.Options{})
	t.Cleanup(func() { _ = sim.Close() })
	for _, test := range []struct {
		token, host, origin string
		want                int
	}{
		{"", "127.0.0.1:12112", "", http.StatusOK},
		{"", "localhost:12112", "", http.StatusOK},
		{"", "[::1]:12112", "", http.StatusOK},
		{"", "127.0.0.1", "", http.StatusOK},
		{"", "evil.example:12112", "", http.StatusForbidden},
		{"", "127.0.0.1.evil.example", "", http.StatusForbidden},
		{"", "", "", http.StatusForbidden},
		{"", "127.0.0.1:12112", "https://evil.example", http.StatusForbidden},
		{"", "127.0.0.1:12112", "null", http.StatusForbidden},
		{"s3cret", "stripe:12112", "", http.StatusOK},
		{"s3cret", "stripe:12112", "https://evil.example", http.StatusForbidden},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/charges", nil)
		r.Host = test.host
		r.Header.Set("Authorization", "Bearer "+test.token)
		if test.origin != "" {
			r.Header.Set("Origin", test.origin)
		}
		answer := httptest.NewRecorder()
		sim.Admin(test.token).ServeHTTP(answer, r)
		if answer.Code != test.want {
			t.Errorf("%q from %q, token %q: %d, want %d", test.host, test.origin, test.token,
				answer.Code, test.want)
		}
	}
}
