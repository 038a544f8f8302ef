package scenario

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/timeline"
)

// What happens outside the servers is told beside what they say themselves, so that one picture has
// both.

// happened tells of something that happens now to a server, or to none, and what a person would
// want to know of it.
func (p *play) happened(name, server, what string) {
	p.events.add(timeline.Event{Time: time.Now(), Name: name, Server: server, Reason: what})
}

// ended tells that what was on the first invoice is seen to be gone.
func (p *play) ended(name string) {
	p.events.add(timeline.Event{Time: time.Now(), Name: name, Invoice: p.invoice().String()})
}

// invoice is the first one, which the picture is of.
func (p *play) invoice() billing.Invoice {
	inv := billing.Invoice{Subscription: p.Subscriptions[0], Period: p.books.period}
	inv.Subscription.ID = p.books.id(inv.Subscription)
	return inv
}

// followCharges tells of money as Stripe takes it, until the simulator is closed.
func (p *play) followCharges() {
	p.charged = make(chan struct{})
	go func() {
		defer close(p.charged)
		for c, err := range p.simulator.control.Charges(context.Background()) {
			if err != nil {
				return // whoever waits for a charge learns that none will come
			}
			p.events.add(timeline.Event{
				Time: c.Executed, Name: timeline.StripeCharged, Server: c.Server,
				Invoice: c.Subscription + "/" + c.Period, PaymentIntent: c.PaymentIntent,
				AmountMinor: c.AmountMinor, Currency: c.Currency,
				MS: float64(c.Executed.Sub(c.Began)) / float64(time.Millisecond),
			})
		}
	}()
}

var errNoMoreCharges = errors.New("the simulator tells of no more charges")

// awaitCharges returns once all money that was taken has been told of.
func (p *play) awaitCharges(ctx context.Context) error {
	if p.simulator == nil {
		return nil
	}
	charges, err := p.simulator.control.ChargesSoFar(ctx)
	if err != nil {
		return err
	}
	for {
		told := 0
		events, more := p.events.since(0)
		for _, e := range events {
			if e.Name == timeline.StripeCharged {
				told++
			}
		}
		if told >= len(charges) {
			return nil
		}
		select {
		case <-more:
		case <-p.charged:
			return errNoMoreCharges
		case <-ctx.Done():
			return fmt.Errorf("wait for %d charges to be told of: %w", len(charges), context.Cause(ctx))
		}
	}
}

// picture is what happened to the first invoice so far. The servers have ended, so that all they
// have said is read.
func (p *play) picture(ctx context.Context) (timeline.Picture, error) {
	if err := p.awaitCharges(ctx); err != nil {
		return timeline.Picture{}, err
	}
	events, _ := p.events.since(0)
	return timeline.Draw(p.invoice().String(), p.names(), events), nil
}
