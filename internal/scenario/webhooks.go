package scenario

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"example.com/triplecharge/internal/fleet"
	"example.com/triplecharge/internal/stripesim"
	"example.com/triplecharge/internal/stripesim/control"
)

// inbox is the address that Stripe sends its events to. As a load balancer does, it passes each on
// to a server that takes it.
type inbox struct {
	server *http.Server
	ctx    context.Context // ends with the play
	stop   func()
	secret string
	late   bool // the events are held at Stripe, so nobody waits for them

	mu      sync.Mutex
	first   string              // the server that is asked first; "": the last
	servers map[string]string   // URLs, by name
	taken   map[string]struct{} // the events that a server has taken
}

// openInbox has Stripe send the events of charges to the servers, if the scenario has webhooks.
func (p *play) openInbox(ctx context.Context) error {
	if !p.Scenario.Webhooks {
		return nil
	}
	i := &inbox{servers: map[string]string{}, taken: map[string]struct{}{}}
	i.ctx, i.stop = context.WithCancel(context.Background())
	server, url, err := stripesim.ServeLoopback(i)
	if err != nil {
		return err
	}
	p.inbox, i.server = i, server
	i.secret, err = p.sides.stripe.Notify(ctx, url, "payment_intent.succeeded")
	return err
}

func (i *inbox) end() {
	if i != nil {
		i.stop()
		_ = i.server.Close()
	}
}

// prefer has a server asked first from now on; "" has the last.
func (i *inbox) prefer(name string) {
	if i != nil {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.first = name
	}
}

// start starts a server, which takes the events if there is an inbox.
func (i *inbox) start(ctx context.Context, s fleet.Spec) (*fleet.Worker, error) {
	if i == nil {
		return s.Start(ctx)
	}
	s.WebhookSecret = i.secret
	w, err := s.Start(ctx)
	if err == nil {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.servers[s.Name] = w.URL
	}
	return w, err
}

// eventPatience is how long a server may take to answer before another one is asked.
const eventPatience = 5 * time.Second

// ServeHTTP passes an event on until a server takes it. It asks the last server first: in most
// faults, something is wrong with the first.
func (i *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	for err == nil && i.ctx.Err() == nil {
		i.mu.Lock()
		servers, names := maps.Clone(i.servers), slices.Sorted(maps.Keys(i.servers))
		names = append(names, i.first)
		i.mu.Unlock()
		for _, name := range slices.Backward(names) {
			status, _ := passOn(i.ctx, servers[name], body, r.Header)
			if status == http.StatusOK {
				i.mu.Lock()
				defer i.mu.Unlock()
				i.taken[string(body)] = struct{}{}
				return
			}
		}
		time.Sleep(pollEvery)
	}
	w.WriteHeader(http.StatusServiceUnavailable)
}

// passOn sends an event to a server, and returns the status of its answer.
func passOn(ctx context.Context, server string, body []byte, signed http.Header) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, eventPatience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, server+"/stripe/events",
		bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header, r.Close = signed, true
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}

// told returns when a server has taken the event of every charge so far, unless events are late.
func (p *play) told(ctx context.Context) error {
	if p.inbox == nil || p.inbox.late {
		return nil
	}
	charges, err := p.simulator.Control.ChargesSoFar(ctx)
	for err == nil {
		p.inbox.mu.Lock()
		taken := len(p.inbox.taken)
		p.inbox.mu.Unlock()
		if taken >= len(charges) {
			return nil
		}
		select {
		case <-time.After(pollEvery):
		case <-ctx.Done():
			err = fmt.Errorf("wait for the events of %d charges: %w", len(charges),
				context.Cause(ctx))
		}
	}
	return err
}

// eventLate: as crash, and Stripe's events come when all servers have run.
func (p *play) eventLate(ctx context.Context) error {
	held, err := p.simulator.Control.Hold(ctx, control.Rule{Point: control.Delivering})
	if err != nil {
		return err
	}
	p.inbox.late = true
	err = crash(0)(p, ctx)
	p.inbox.late = false
	return errors.Join(err, held.Remove(ctx))
}
