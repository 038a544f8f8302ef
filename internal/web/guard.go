package web

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"

	"example.com/triplecharge/internal/timeline"
)

// guarded refuses requests for other hosts, and requests from other sites that change something. It
// keeps browsers from loading anything from elsewhere.
func guarded(hosts []string, next http.Handler) http.Handler {
	policy := policy()
	// This refuses requests that come from another site by their Sec-Fetch-Site, or by an Origin
	// that differs from the Host, which is checked first.
	next = http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if !slices.ContainsFunc(hosts, func(host string) bool {
			return strings.EqualFold(portless(host), portless(r.Host))
		}) {
			http.Error(w, "This page answers for its own address only: "+hosts[0],
				http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// portless returns a host without the ports that browsers leave out.
func portless(host string) string {
	return strings.TrimSuffix(strings.TrimSuffix(host, ":80"), ":443")
}

// policy allows the site's own files and the style sheet inside a drawing.
func policy() string {
	hash := sha256.Sum256([]byte(timeline.Style))
	return "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self'; " +
		"style-src 'self' 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}
