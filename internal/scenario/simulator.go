package scenario

import (
	"fmt"
	"net/http"
	"time"

	"example.com/triplecharge/internal/stripesim"
	"example.com/triplecharge/internal/stripesim/control"
)

// simulator is Stripe's stand-in on loopback. Each server has an address of its own: what they send
// is the same by rule, so that is how one's request is known from another's.
type simulator struct {
	sim     *stripesim.Simulator
	control *control.Client
	urls    map[string]string // by server; "" is nobody's
	servers []*http.Server
}

func startSimulator(latency time.Duration, servers []string) (*simulator, error) {
	s := &simulator{
		sim:  stripesim.New(stripesim.Options{Latency: latency}),
		urls: map[string]string{},
	}
	admin, err := s.serve(s.sim.Admin(""))
	for _, server := range append([]string{""}, servers...) {
		if err == nil {
			s.urls[server], err = s.serve(s.sim.Handler(server))
		}
	}
	if err != nil {
		s.close()
		return nil, fmt.Errorf("start the Stripe simulator: %w", err)
	}
	s.control = control.New(admin, "")
	return s, nil
}

// serve puts a handler on a free port of loopback and returns its URL.
func (s *simulator) serve(h http.Handler) (string, error) {
	server, url, err := stripesim.ServeLoopback(h)
	if err == nil {
		s.servers = append(s.servers, server)
	}
	return url, err
}

func (s *simulator) close() {
	for _, server := range s.servers {
		_ = server.Close()
	}
	_ = s.sim.Close()
}
