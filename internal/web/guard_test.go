package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"example.com/triplecharge/internal/web"
)

func TestOnlyTheSitesOwnHostIsAnswered(t *testing.T) {
	t.Parallel()
	s := newSite(t, 2, ofThree)
	_, port, _ := strings.Cut(s.host, ":")
	for host, want := range map[string]int{
		s.host:                   http.StatusOK,
		"evil.example:" + port:   http.StatusMisdirectedRequest, // it could resolve to 127.0.0.1
		"127.0.0.1":              http.StatusMisdirectedRequest,
		"127.0.0.1.evil.example": http.StatusMisdirectedRequest,
	} {
		r := s.request(http.MethodGet, "/", nil)
		r.Host = host
		if a := s.send(r); a.status != want {
			t.Errorf("%s is answered with %d, want %d", host, a.status, want)
		}
	}
}

func TestABrowserLeavesOutThePortOfItsScheme(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		known, host string
		want        int
	}{
		{"localhost:80", "localhost", http.StatusOK},
		{"localhost:80", "LOCALHOST:80", http.StatusOK},
		{"[::1]:80", "[::1]", http.StatusOK},
		{"billing.example:443", "billing.example", http.StatusOK},
		{"billing.example", "billing.example:443", http.StatusOK},
		{"localhost:8080", "localhost", http.StatusMisdirectedRequest},
		{"localhost", "localhost:8080", http.StatusMisdirectedRequest},
		{"localhost:80", "evil.example", http.StatusMisdirectedRequest},
		{"localhost:80", "", http.StatusMisdirectedRequest},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/static/page.js", nil)
		r.Host = test.host
		answer := httptest.NewRecorder()
		web.New(web.Options{Hosts: []string{test.known}}).Handler().ServeHTTP(answer, r)
		if answer.Code != test.want {
			t.Errorf("%s is answered with %d by %s, want %d", test.host, answer.Code, test.known,
				test.want)
		}
	}
}

func TestOnlyTheSitesOwnPagesChangeSomething(t *testing.T) {
	t.Parallel()
	s := newSite(t, 20, ofThree)
	address := s.midnight("uncoordinated", "none")
	s.until(address, isOver)
	for name, test := range map[string]struct {
		header, value string
		allowed       bool
	}{
		"the site's own":         {"Origin", s.url, true},
		"the same site's, said":  {"Sec-Fetch-Site", "same-origin", true},
		"another origin":         {"Origin", "https://evil.example", false},
		"no origin to be told":   {"Origin", "null", false},
		"another port":           {"Origin", "http://127.0.0.1:1", false},
		"another site's, said":   {"Sec-Fetch-Site", "cross-site", false},
		"a neighbour's, as said": {"Sec-Fetch-Site", "same-site", false},
	} {
		for _, path := range []string{"/runs", address + "/refund"} {
			r := s.request(http.MethodPost, path, url.Values{
				"mode": {"locked"}, "fault": {"none"},
			})
			r.Header.Set(test.header, test.value)
			a := s.send(r)
			if allowed := a.status == http.StatusSeeOther; allowed != test.allowed {
				t.Errorf("%s: %s is answered with %d", name, path, a.status)
			}
			if !test.allowed && a.status != http.StatusForbidden {
				t.Errorf("%s: %s is answered with %d, want 403", name, path, a.status)
			}
		}
	}
	if a := s.get("/runs"); a.status != http.StatusNotFound {
		t.Errorf("a link starts a run: %d", a.status)
	}
}

func TestBrowsersLoadNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	s := newSite(t, 2, ofThree)
	address := s.midnight("uncoordinated", "none")
	s.until(address, isOver)
	for _, path := range []string{"/", "/matrix", address, "/static/page.js", "/nowhere"} {
		a := s.get(path)
		policy := a.header.Get("Content-Security-Policy")
		for _, want := range []string{
			"default-src 'none'", "script-src 'self';", "frame-ancestors 'none'", "base-uri 'none'",
		} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: the policy lacks %s: %s", path, want, policy)
			}
		}
		if strings.Contains(policy, "unsafe") {
			t.Errorf("%s: the policy is %s", path, policy)
		}
		for _, elsewhere := range []string{"=\"http", "=\"//", "url(http", " style=", " onclick="} {
			if path != "/static/page.js" && strings.Contains(
				strings.ReplaceAll(a.body, `xmlns="http://www.w3.org/2000/svg"`, ""), elsewhere) {
				t.Errorf("%s has %s", path, elsewhere)
			}
		}
	}
}
