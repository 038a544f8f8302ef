package fleet

import (
	"cmp"
	"fmt"
	"net/http"

	"example.com/triplecharge/internal/stripesim"
	"example.com/triplecharge/internal/stripesim/control"
)

// Simulator is the simulated Stripe, in this process and on loopback. Each server has its own
// address: servers send identical requests by rule, and only the address tells them apart.
type Simulator struct {
	*stripesim.Simulator
	Control *control.Client
	urls    map[string]string // by server; "" is nobody's
	serving []*http.Server
}

// StartSimulator starts a simulator with an address for each server. The caller closes it.
func StartSimulator(o stripesim.Options, servers []string) (*Simulator, error) {
	s := &Simulator{Simulator: stripesim.New(o), urls: map[string]string{}}
	admin, err := s.serve(s.Admin(""))
	for _, server := range append([]string{""}, servers...) {
		if err == nil {
			s.urls[server], err = s.serve(s.Handler(server))
		}
	}
	s.Control = control.New(admin, "")
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("start the Stripe simulator: %w", err)
	}
	return s, nil
}

// serve serves a handler on a free port of loopback and returns its URL.
func (s *Simulator) serve(h http.Handler) (string, error) {
	server, url, err := stripesim.ServeLoopback(h)
	if err == nil {
		s.serving = append(s.serving, server)
	}
	return url, err
}

// URL is the address of Stripe for a server, and for a server that it was not started with, or for
// "", one that stands for no server.
func (s *Simulator) URL(server string) string { return cmp.Or(s.urls[server], s.urls[""]) }

// Close ends the simulator.
func (s *Simulator) Close() {
	s.Control.Close()
	for _, server := range s.serving {
		_ = server.Close()
	}
	_ = s.Simulator.Close()
}
