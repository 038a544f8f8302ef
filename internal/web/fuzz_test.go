package web_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/web"
)

// FuzzPage holds the page to this: whatever is asked for, it answers, it fails nowhere, and nothing
// of the question becomes markup.
func FuzzPage(f *testing.F) {
	const mark = "<b>mark"
	for _, seed := range [][3]string{
		{"GET", "/", ""}, {"POST", "/runs", "mode=locked&fault=none"},
		{"POST", "/runs", "cell=locked/none"}, {"POST", "/runs", "cell=" + mark + "/" + mark},
		{"POST", "/runs", "mode=%00&fault=%zz"}, {"GET", "/?mode=" + url.QueryEscape(mark), ""},
		{"GET", "/runs/locked/none/1/steps/-1", ""}, {"GET", "/recordings/example?step=1e9", ""},
		{"GET", "/recordings/example/steps/18446744073709551616", ""}, {"PUT", "/static/..%2f", ""},
		{"GET", "/recordings/example/picture.svg", ""}, {"GET", "//", ""}, {"GET", "/matrix", ""},
		{"POST", "/runs", strings.Repeat("mode=a&", 1000)}, {"HEAD", "/%ff", ""},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	handler := web.New(web.Options{
		Hosts: []string{"example.com"}, Servers: []string{"server-a"}, Keep: 1,
		Recordings: []web.Recording{{Name: "example"}},
		Begin: func(
			context.Context, string, faults.Fault, func(event.Event),
		) (web.Live, error) {
			return nil, errors.New("not here")
		},
		Log: func(string) {},
	}).Handler()
	f.Fuzz(func(t *testing.T, method, path, body string) {
		u, err := url.Parse("http://example.com" + path)
		if err != nil {
			return
		}
		r, err := http.NewRequestWithContext(t.Context(), method, u.String(),
			strings.NewReader(body))
		if err != nil || u.Host != "example.com" {
			return
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, r)
		if answer.Code >= 500 && answer.Code != http.StatusServiceUnavailable ||
			strings.Contains(answer.Body.String(), mark) {
			t.Errorf("%s %s %q: got %d, %q", method, path, body, answer.Code, answer.Body)
		}
	})
}
