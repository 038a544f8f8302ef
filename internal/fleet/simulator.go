package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"example.com/triplecharge/internal/event"
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

// FireInto calls fire, which starts a server's due run, and returns when Stripe holds a charge of
// the server at the point. done is what fire returned.
func (s *Simulator) FireInto(
	ctx context.Context, point control.Point, server string, fire func() <-chan error,
) (gate *control.Gate, done <-chan error, err error) {
	gate, err = s.Control.Hold(ctx, control.Rule{
		Point: point, Server: server, Operation: control.OperationCharge,
	})
	if err != nil {
		return nil, nil, err
	}
	done = fire()
	held := make(chan error, 1)
	go func() {
		_, _, err := gate.Waiting(ctx, 0)
		held <- err
	}()
	select {
	case err = <-held:
	case err = <-done:
		err = errors.Join(err, fmt.Errorf("%s's due run ended before a charge was sent", server))
	}
	return gate, done, err
}

// Pass lets a time pass at Stripe, and logs that.
func (s *Simulator) Pass(ctx context.Context, log *EventLog, d time.Duration) error {
	if d > 0 {
		log.Happened(event.StripeAdvanced, "", fmt.Sprintf("%.0f hours pass", d.Hours()))
	}
	return s.Control.Advance(ctx, d)
}

// Wrong makes something go wrong with the requests that a rule selects, such as a client's Lose.
type Wrong func(*control.Client, context.Context, control.Rule) (*control.Handle, error)

// Saves500 has Stripe answer with a 500 that it saves under the key.
func Saves500(when control.When) Wrong {
	return func(c *control.Client, ctx context.Context, r control.Rule) (*control.Handle, error) {
		return c.Fail(ctx, r, http.StatusInternalServerError, when)
	}
}

// ChargesOf selects a server's requests that charge.
func ChargesOf(server string) control.Rule {
	return control.Rule{Server: server, Operation: control.OperationCharge}
}

// Charged returns the event of a charge at Stripe.
func Charged(c control.Charge) event.Event {
	return event.Event{
		Time: c.Executed, Kind: event.StripeCharged, Server: c.Server,
		Invoice: c.Subscription + "/" + c.Period, PaymentIntent: c.PaymentIntent,
		AmountMinor: c.AmountMinor, Currency: c.Currency,
		MS: float64(c.Executed.Sub(c.Began)) / float64(time.Millisecond),
	}
}

// Close ends the simulator.
func (s *Simulator) Close() {
	s.Control.Close()
	for _, server := range s.serving {
		_ = server.Close()
	}
	_ = s.Simulator.Close()
}
