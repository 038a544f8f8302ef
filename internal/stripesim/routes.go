package stripesim

import (
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
)

// route is one endpoint. Each object declares its own, in the file X_api.go.
type route struct {
	pattern string
	// operation names the endpoint in a rule of the control API.
	operation string
	// handle returns the body of a 200. With anything else it ends by refuse.
	handle func(*call) view
}

// endpoints returns every route that is simulated.
func endpoints() []route {
	return slices.Concat(customerRoutes, methodRoutes, intentRoutes, chargeRoutes,
		refundRoutes, disputeRoutes, balanceRoutes, eventRoutes, webhookRoutes,
		accountRoutes)
}

// Endpoints returns a Markdown table of every endpoint that is simulated, with the operation that
// names it in a rule of the control API.
func Endpoints() string {
	var b strings.Builder
	b.WriteString("| endpoint | operation |\n|---|---|\n")
	for _, r := range endpoints() {
		fmt.Fprintf(&b, "| `%s` | `%s` |\n", r.pattern, r.operation)
	}
	return b.String()
}

// Handler serves the API: all endpoints, and a JSON 404 for everything else. Its requests are
// attributed to the given server name, since nothing in them may name the sender; "" is unknown. A
// request executes even if its client hangs up, as at Stripe.
func (s *Simulator) Handler(server string) http.Handler {
	mux := http.NewServeMux()
	for _, r := range endpoints() {
		mux.Handle(r.pattern, serve(s, server, r))
	}
	unknown := serve(s, server, route{"", "unrecognized", unrecognized})
	mux.Handle("/", unknown)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte("ok\n"))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// ServeMux would redirect such a path, which a Stripe client cannot follow.
		if r.URL.Path != path.Clean(r.URL.Path) {
			unknown.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func unrecognized(c *call) view {
	panic(errUnrecognized(c.http.Method, c.http.URL.Path))
}
