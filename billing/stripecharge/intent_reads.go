package stripecharge

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/paymentintent"
	"github.com/stripe/stripe-go/v76/refund"
)

// ErrNoIntent: Stripe has no such PaymentIntent, in this account and mode.
var ErrNoIntent = errors.New("no such PaymentIntent")

// pageSize is the most that Stripe lists at a time.
const pageSize = 100

// AllIntents goes through all PaymentIntents that were created at or after one time and before
// another (the zero time: no end), newest first, in whatever state. It lists, page by page, and
// asks again for a page that did not come; an error ends it.
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
	list := paymentintent.Client{B: c.backend, Key: c.key}.List(params)
	for list.Next() {
		i, err := c.whole(ctx, list.PaymentIntent())
		if err != nil {
			return nil, false, err
		}
		page = append(page, i)
	}
	return page, list.Meta().HasMore, list.Err()
}

// Intent returns one PaymentIntent; ErrNoIntent if there is none of that ID.
func (c *Client) Intent(ctx context.Context, id string) (i Intent, err error) {
	params := &stripe.PaymentIntentParams{}
	params.Context = ctx
	params.AddExpand("latest_charge.refunds")
	err = c.repeat(ctx, anyTransient, func() error {
		p, err := paymentintent.Client{B: c.backend, Key: c.key}.Get(id, params)
		var s *stripe.Error
		if errors.As(err, &s) && s.Code == stripe.ErrorCodeResourceMissing {
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

// whole reads a PaymentIntent, and all of its refunds if it came with some only.
func (c *Client) whole(ctx context.Context, p *stripe.PaymentIntent) (Intent, error) {
	if p.ID == "" {
		return Intent{}, errNoIntent
	}
	i, more := readIntent(p)
	if !more {
		return i, nil
	}
	params := &stripe.RefundListParams{PaymentIntent: stripe.String(p.ID)}
	params.Context = ctx
	params.Limit = stripe.Int64(pageSize)
	i.Refunds = nil
	list := refund.Client{B: c.backend, Key: c.key}.List(params)
	for list.Next() {
		i.Refunds = append(i.Refunds, readRefund(list.Refund()))
	}
	slices.Reverse(i.Refunds)
	return i, list.Err()
}

// readAttempts with the pauses between them make six seconds of patience: a list of an hour should
// not end with a connection that drops, or because others use up the rate limit.
const readAttempts = 8

// repeat makes a call that may be made any number of times, again as long as again says that this
// is worth it; ctx ends the pauses between. The error it returns is described.
func (c *Client) repeat(
	ctx context.Context, again func(error) bool, call func() error,
) (err error) {
	for attempt := range readAttempts {
		if attempt > 0 && !pause(ctx, c.pause<<(attempt-1)) {
			break
		}
		if err = ctx.Err(); err != nil {
			return err
		}
		if err = call(); err == nil {
			return nil
		}
		if !again(err) {
			break
		}
	}
	return c.describe(err)
}

// anyTransient is for calls that leave the same behind however often they are made, whatever
// became of the ones before: a GET, or a cancellation.
func anyTransient(err error) bool {
	if errors.Is(err, ErrNoIntent) {
		return false
	}
	var s *stripe.Error
	if errors.As(err, &s) && s.HTTPStatusCode >= http.StatusInternalServerError {
		return true
	}
	_, again := classify(err)
	return again
}
