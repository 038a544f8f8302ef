package stripecharge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/charge"
	"github.com/stripe/stripe-go/v76/refund"
)

// ErrNoIntent: Stripe has no such PaymentIntent in this account and mode.
var ErrNoIntent = errors.New("no such PaymentIntent")

// pageSize is Stripe's maximum.
const pageSize = 100

// AllIntents yields all PaymentIntents created at or after since and before until (zero: no end),
// in any state, newest first. It lists page by page, since Stripe's search lags by up to a minute,
// and retries a page that fails; an error ends it.
func (c *Client) AllIntents(
	ctx context.Context, since, until time.Time,
) iter.Seq2[Intent, error] {
	return func(yield func(Intent, error) bool) {
		params := &stripe.PaymentIntentListParams{
			CreatedRange: &stripe.RangeQueryParams{GreaterThanOrEqual: since.Unix()},
		}
		if !until.IsZero() {
			params.CreatedRange.LesserThan = until.Unix()
		}
		params.Context = ctx
		params.Limit = stripe.Int64(pageSize)
		params.Single = true // page by page: a failure costs one page, not the list
		params.AddExpand("data.latest_charge.refunds")
		for more := true; more; {
			var page []Intent
			err := c.repeat(ctx, anyTransient, func() (err error) {
				page, more, err = c.intentPage(ctx, params)
				return err
			})
			if err != nil {
				yield(Intent{}, fmt.Errorf("list payment intents: %w", err))
				return
			}
			for _, i := range page {
				if !yield(i, nil) {
					return
				}
			}
			if more = more && len(page) > 0; more {
				params.StartingAfter = stripe.String(page[len(page)-1].ID)
			}
		}
	}
}

func (c *Client) intentPage(
	ctx context.Context, params *stripe.PaymentIntentListParams,
) (page []Intent, more bool, err error) {
	list := c.intents().List(params)
	for list.Next() {
		i, err := c.whole(ctx, list.PaymentIntent())
		if err != nil {
			return nil, false, err
		}
		page = append(page, i)
	}
	return page, list.Meta().HasMore, list.Err()
}

// isCharge reports whether an ID is a charge's.
func isCharge(id string) bool {
	return strings.HasPrefix(id, "ch_") || strings.HasPrefix(id, "py_")
}

// get returns a PaymentIntent, or one that is made up for a charge without one.
func (c *Client) get(ctx context.Context, id string) (*stripe.PaymentIntent, error) {
	if !isCharge(id) {
		params := &stripe.PaymentIntentParams{}
		params.Context = ctx
		params.AddExpand("latest_charge.refunds")
		return c.intents().Get(id, params)
	}
	params := &stripe.ChargeParams{}
	params.Context = ctx
	params.AddExpand("refunds")
	of, err := charge.Client{B: c.backend, Key: c.key}.Get(id, params)
	if err != nil {
		return nil, err
	}
	p := &stripe.PaymentIntent{
		ID: of.ID, Currency: of.Currency, Created: of.Created, Customer: of.Customer,
		Metadata: of.Metadata, AmountReceived: of.AmountCaptured, LatestCharge: of,
		Status: stripe.PaymentIntentStatusRequiresPaymentMethod,
	}
	if of.Paid && of.Captured {
		p.Status = stripe.PaymentIntentStatusSucceeded
	}
	return p, nil
}

// Intent returns one PaymentIntent, or a charge (ch_… or py_…) as if it were one. The error is
// ErrNoIntent if none has this ID.
func (c *Client) Intent(ctx context.Context, id string) (i Intent, err error) {
	err = c.repeat(ctx, anyTransient, func() error {
		p, err := c.get(ctx, id)
		s, answered := errors.AsType[*stripe.Error](err)
		if answered && s.Code == stripe.ErrorCodeResourceMissing {
			return ErrNoIntent
		}
		if err != nil {
			return err
		}
		i, err = c.whole(ctx, p)
		return err
	})
	if err != nil {
		return Intent{}, fmt.Errorf("look up %s: %w", id, err)
	}
	return i, nil
}

// whole reads a PaymentIntent, and lists its refunds if Stripe included only some of them.
func (c *Client) whole(ctx context.Context, p *stripe.PaymentIntent) (Intent, error) {
	if p.ID == "" {
		return Intent{}, errNotAnIntent
	}
	i, more := readIntent(p)
	if !more {
		i.giveReleased(p.LatestCharge)
		return i, nil
	}
	params := &stripe.RefundListParams{Charge: stripe.String(p.LatestCharge.ID)}
	params.Context = ctx
	params.Limit = stripe.Int64(pageSize)
	i.Refunds = nil
	list := refund.Client{B: c.backend, Key: c.key}.List(params)
	for list.Next() {
		i.Refunds = append(i.Refunds, readRefund(list.Refund()))
	}
	slices.Reverse(i.Refunds)
	i.giveReleased(p.LatestCharge)
	return i, list.Err()
}

// RawCharges writes the API's lists of all charges, newest first and with their refunds, one after
// another. It retries a page that fails.
func (c *Client) RawCharges(ctx context.Context, w io.Writer) error {
	params := &stripe.ChargeListParams{}
	params.Context, params.Single = ctx, true
	params.Limit = stripe.Int64(pageSize)
	params.AddExpand("data.refunds")
	for more := true; more; {
		var page *stripe.ChargeList
		err := c.repeat(ctx, anyTransient, func() error {
			list := charge.Client{B: c.backend, Key: c.key}.List(params)
			page = list.ChargeList()
			return list.Err()
		})
		if err != nil {
			return fmt.Errorf("list charges: %w", err)
		}
		if _, err := w.Write(page.LastResponse.RawJSON); err != nil {
			return err
		}
		if more = page.HasMore && len(page.Data) > 0; more {
			params.StartingAfter = stripe.String(page.Data[len(page.Data)-1].ID)
		}
	}
	return nil
}
