package scenario

import (
	"context"
	"errors"
	"fmt"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/money"
	"example.com/triplecharge/internal/stripesim/control"
)

// What people do between two attempts: the customer, and whoever is at the Dashboard.

// changedAfterDecline: a's card is declined; a person changes something, and the customer has a
// card that works; b and c run.
func changedAfterDecline(change step) step {
	return inOrder(runs(serverA), change, (*play).fixCards, (*play).others)
}

// changedAfterCrash: a is killed while its charge request is on its way, which never arrives, since
// nobody opens the gate; a person changes something; b and c run.
func changedAfterCrash(change step) step {
	return inOrder(heldAt(control.Arriving), (*play).killCharging, change, (*play).others)
}

// cancelIntents cancels all PaymentIntents that have taken no money.
func (p *play) cancelIntents(ctx context.Context) error {
	canceled := 0
	w := p.sides.window()
	for i, err := range p.sides.stripe.AllIntents(ctx, w.Since, w.Until) {
		if err != nil {
			return err
		}
		_, err := p.sides.stripe.Cancel(ctx, i.ID, billing.Request{})
		if errors.Is(err, billing.ErrCanceled) {
			canceled++
		} else if err != nil {
			return err
		}
	}
	if canceled == 0 {
		return errors.New("server-a has left no PaymentIntent that could be canceled")
	}
	p.events.Happened(event.PersonActed, "", "A person cancels the PaymentIntent at the Dashboard")
	return nil
}

// changeAmount makes the plan a fifth cheaper.
func (p *play) changeAmount(ctx context.Context) error {
	return p.edit(ctx, func(s *billing.Subscription) (what string) {
		before := money.Amount(s.AmountMinor, s.Currency)
		s.AmountMinor -= s.AmountMinor / 5
		return fmt.Sprintf("The plan changes from %s to %s", before,
			money.Amount(s.AmountMinor, s.Currency))
	})
}

// moveCustomer moves the subscription to another customer, with a card of its own.
func (p *play) moveCustomer(ctx context.Context) error {
	return p.edit(ctx, func(s *billing.Subscription) (what string) {
		s.Customer, s.PaymentMethod = "Bob", "pm_card_visa"
		return "The subscription moves to another customer"
	})
}

// edit changes every subscription, and sets up at Stripe what has changed there.
func (p *play) edit(ctx context.Context, change func(*billing.Subscription) string) error {
	var what string
	err := p.sides.edit(ctx, func(s *billing.Subscription) { what = change(s) })
	p.events.Happened(event.PersonActed, "", what)
	return err
}

func (p *play) fixCards(ctx context.Context) error {
	err := p.sides.edit(ctx, func(s *billing.Subscription) { s.PaymentMethod = "pm_card_visa" })
	p.events.Happened(event.CardReplaced, "", "the customer has a new card")
	return err
}
