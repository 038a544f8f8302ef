package web

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"

	"example.com/triplecharge/internal/timeline"
)

// guarded lets in who asks for one of the hosts, from the site's own pages where something is to
// change, and has browsers load nothing from anywhere else.
func guarded(hosts []string, next http.Handler) http.Handler {
	policy := policy()
	// It refuses what a browser says to come from another site: by Sec-Fetch-Site, or by an Origin
	// that is not the Host, which has been looked at by then.
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
		if !slices.Contains(hosts, r.Host) {
			http.Error(w, "This page answers for its own address only: "+hosts[0],
				http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// policy allows the site's own files, and the one style sheet that a drawing has in it.
func policy() string {
	hash := sha256.Sum256([]byte(timeline.Style))
	return "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self'; " +
		"style-src 'self' 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}
