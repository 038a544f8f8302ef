package load

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"time"

	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/stripesim"
	"example.com/triplecharge/internal/stripesim/control"
)

// stripe is the simulator on loopback, in this process.
type stripe struct {
	sim     *stripesim.Simulator
	control *control.Client
	client  *stripecharge.Client
	urls    []string // one for each server
	servers []*http.Server
}

func startStripe(latency, jitter time.Duration, servers int) (*stripe, error) {
	s := &stripe{sim: stripesim.New(stripesim.Options{Latency: latency, Jitter: jitter})}
	admin, err := s.serve(s.sim.Admin(""))
	for i := 0; i < servers && err == nil; i++ {
		var url string
		url, err = s.serve(s.sim.Handler(serverName(i)))
		s.urls = append(s.urls, url)
	}
	if err == nil {
		s.client, err = stripecharge.New(stripecharge.Options{
			Key: stripecharge.SimulatorKey, URL: s.urls[0],
		})
	}
	if err != nil {
		s.close()
		return nil, fmt.Errorf("start the Stripe simulator: %w", err)
	}
	s.control = control.New(admin, "")
	return s, nil
}

func (s *stripe) serve(h http.Handler) (string, error) {
	server, url, err := stripesim.ServeLoopback(h)
	if err == nil {
		s.servers = append(s.servers, server)
	}
	return url, err
}

// charges is how many there are so far.
func (s *stripe) charges() int { return s.sim.Charges() }

// all goes through the charges.
func (s *stripe) all(ctx context.Context) iter.Seq2[control.Charge, error] {
	return s.control.EachChargeSoFar(ctx)
}

func (s *stripe) close() {
	if s.client != nil {
		s.client.Close()
	}
	if s.control != nil {
		s.control.Close()
	}
	for _, server := range s.servers {
		_ = server.Close()
	}
	_ = s.sim.Close()
}
