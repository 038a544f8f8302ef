package scenario

import (
	"context"
	"fmt"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/fleet"
	"example.com/triplecharge/internal/timeline"
)

// The harness adds the events that servers can't log, so that one picture has both.

// ended adds the event that a lease or a claim of the first invoice has expired.
func (p *play) ended(kind event.Kind) {
	p.events.Add(event.Event{Time: time.Now(), Kind: kind, Invoice: p.invoice().String()})
}

// invoice returns the first invoice, which the picture shows.
func (p *play) invoice() billing.Invoice {
	inv := billing.Invoice{Subscription: p.Subscriptions[0], Period: p.sides.period}
	inv.Subscription.ID = p.sides.id(inv.Subscription)
	return inv
}

// followCharges adds an event for each charge at Stripe, until the simulator is closed.
func (p *play) followCharges() {
	p.charged = make(chan struct{})
	go func() {
		defer close(p.charged)
		for c, err := range p.simulator.Control.Charges(context.Background()) {
			if err != nil {
				return // p.charged tells awaitCharges that no more will come
			}
			p.events.Add(fleet.Charged(c))
		}
	}()
}

// awaitCharges returns when there is an event for every charge at Stripe.
func (p *play) awaitCharges(ctx context.Context) error {
	if p.simulator == nil {
		return nil
	}
	charges, err := p.simulator.Control.ChargesSoFar(ctx)
	if err != nil {
		return err
	}
	err = p.awaitEvents(ctx, p.charged, len(charges), func(e event.Event) bool {
		return e.Kind == event.StripeCharged
	})
	if err != nil {
		return fmt.Errorf("wait for the events of %d charges: %w", len(charges), err)
	}
	return nil
}

// picture shows what happened to the first invoice so far. The caller has stopped the servers, so
// all their events are read.
func (p *play) picture(ctx context.Context) (timeline.Picture, error) {
	if err := p.awaitCharges(ctx); err != nil {
		return timeline.Picture{}, err
	}
	events, _ := p.events.Since(0)
	return timeline.Draw(p.invoice().String(), fleet.Names(p.Servers), events), nil
}
