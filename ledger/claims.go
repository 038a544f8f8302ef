package ledger

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/triplecharge/billing"
)

// ClaimOptions say how long claims last, and when a declined invoice is tried again. All times are
// by the database's clock.
type ClaimOptions struct {
	Lease time.Duration // until another server may take a claim over; 0: never
	// Pause is from a decline to the next attempt, Limit how many declines there may be. Neither
	// counts for a payment method that has not been declined yet. Limit 0: any number.
	Pause time.Duration
	Limit int
}

// Claims are the claims on invoices, kept beside the ledger. They are safe for concurrent use.
type Claims struct {
	store     *Store
	o         ClaimOptions
	takings   *calls[taking, taken]
	registers *calls[registering, string]
	postpones *calls[billing.Claim, bool]
}

var _ billing.Claims = Claims{}

// Claims returns the store's claims under these options.
func (s *Store) Claims(o ClaimOptions) Claims {
	c := Claims{store: s, o: o}
	c.takings = together(func(t taking) string { return invoiceKey(t.invoice) }, c.take)
	c.registers = together(
		func(r registering) string { return invoiceKey(r.claim.Invoice) }, c.register)
	c.postpones = together(func(c billing.Claim) string { return invoiceKey(c.Invoice) }, c.postpone)
	return c
}

// taking asks for a claim; taken is the answer, zero if it is another's.
type (
	taking struct {
		invoice billing.Invoice
		owner   string // random: a repeated call knows its own
	}
	taken struct {
		charged    bool
		generation int64
		intent     string
	}
)

// Take implements billing.Claims. It is one statement: the claim is inserted, or taken over if its
// lease has expired and the next attempt's time has come; and only if no entry says that the
// invoice is charged, since another mode may have billed it.
func (c Claims) Take(ctx context.Context, inv billing.Invoice) (billing.Claim, error) {
	t := taking{inv, rand.Text()}
	var got taken
	err := c.store.retry(ctx, func(ctx context.Context) (err error) {
		got, err = c.takings.Do(ctx, t)
		return err
	}, "claim %s", inv)
	switch {
	case err != nil:
		return billing.Claim{}, err
	case got.charged:
		return billing.Claim{}, fmt.Errorf("claim %s: %w", inv, billing.ErrCharged)
	case got.generation == 0:
		return billing.Claim{}, fmt.Errorf("claim %s: %w", inv, billing.ErrTaken)
	}
	return billing.Claim{Invoice: inv, Generation: got.generation, Intent: got.intent}, nil
}

func (c Claims) take(ctx context.Context, takings []taking) (map[string]taken, error) {
	const statement = `
		WITH given AS (
			SELECT period, subscription, owner, card, coalesce((
				SELECT true FROM entries
				WHERE entries.period = given.period AND entries.subscription = given.subscription
					AND kind = 'charge'
				LIMIT 1), false) AS charged
			FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
				AS given (period, subscription, owner, card)
		), taken AS (
			INSERT INTO claims (period, subscription, generation, owner, lease_until)
			SELECT period, subscription, 1, owner, coalesce(now() + $5::interval, 'infinity')
			FROM given WHERE NOT charged
			ORDER BY subscription, period
			ON CONFLICT (period, subscription) DO UPDATE SET
				generation = claims.generation + (claims.owner <> excluded.owner)::int,
				owner = excluded.owner, lease_until = excluded.lease_until
			WHERE claims.owner = excluded.owner OR claims.lease_until <= now() AND (
				claims.declined_card IS DISTINCT FROM (
					SELECT card FROM given
					WHERE (given.period, given.subscription) = (claims.period, claims.subscription)
				) OR
				claims.next_attempt <= now() AND ($6::int = 0 OR claims.declines < $6::int))
			RETURNING period, subscription, generation, payment_intent
		)
		SELECT period, subscription, true, 0, '' FROM given WHERE charged
		UNION ALL
		SELECT period, subscription, false, generation, coalesce(payment_intent, '') FROM taken`
	periods, subscriptions := invoiceColumns(takings,
		func(t taking) billing.Invoice { return t.invoice })
	var lease *time.Duration
	if c.o.Lease > 0 {
		lease = &c.o.Lease
	}
	answers := make(map[string]taken, len(takings))
	var (
		period, subscription string
		got                  taken
	)
	err := c.store.each(ctx, statement, []any{
		periods, subscriptions,
		column(takings, func(t taking) string { return t.owner }),
		column(takings, func(t taking) string { return t.invoice.Subscription.PaymentMethod }),
		lease, c.o.Limit,
	}, []any{&period, &subscription, &got.charged, &got.generation, &got.intent},
		func() { answers[rowKey(subscription, period)] = got })
	return answers, err
}

// registering is a PaymentIntent on its way to a claim.
type registering struct {
	claim  billing.Claim
	intent string
}

// Register implements billing.Claims. The generation is not compared: whoever writes first wins,
// and everybody is told who that was.
func (c Claims) Register(
	ctx context.Context, claim billing.Claim, intent string,
) (registered string, err error) {
	err = c.store.retry(ctx, func(ctx context.Context) error {
		registered, err = c.registers.Do(ctx, registering{claim, intent})
		if err == nil && registered == "" {
			err = pgx.ErrNoRows
		}
		return err
	}, "register %s for %s", intent, claim.Invoice)
	return registered, err
}

func (c Claims) register(
	ctx context.Context, registers []registering,
) (map[string]string, error) {
	const statement = `
		UPDATE claims SET payment_intent = coalesce(claims.payment_intent, given.payment_intent)
		FROM unnest($1::text[], $2::text[], $3::text[])
			AS given (period, subscription, payment_intent)
		WHERE claims.period = given.period AND claims.subscription = given.subscription
		RETURNING claims.period, claims.subscription, claims.payment_intent`
	periods, subscriptions := invoiceColumns(registers,
		func(r registering) billing.Invoice { return r.claim.Invoice })
	answers := make(map[string]string, len(registers))
	var period, subscription, intent string
	err := c.store.each(ctx, statement, []any{
		periods, subscriptions, column(registers, func(r registering) string { return r.intent }),
	}, []any{&period, &subscription, &intent},
		func() { answers[rowKey(subscription, period)] = intent })
	return answers, err
}

// Postpone implements billing.Claims. Called again for the same decline, because an answer was
// lost, it may count it twice: the limit is reached one attempt early, and no money moves.
func (c Claims) Postpone(ctx context.Context, claim billing.Claim) error {
	return c.store.retry(ctx, func(ctx context.Context) error {
		_, err := c.postpones.Do(ctx, claim)
		return err
	}, "postpone %s", claim.Invoice)
}

func (c Claims) postpone(ctx context.Context, claims []billing.Claim) (map[string]bool, error) {
	const statement = `
		UPDATE claims SET lease_until = now(), declines = declines + 1,
			next_attempt = now() + $5::interval, declined_card = given.card
		FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[])
			AS given (period, subscription, generation, card)
		WHERE claims.period = given.period AND claims.subscription = given.subscription
			AND claims.generation = given.generation`
	periods, subscriptions := invoiceColumns(claims,
		func(c billing.Claim) billing.Invoice { return c.Invoice })
	_, err := c.store.pool.Exec(ctx, statement, periods, subscriptions,
		column(claims, func(c billing.Claim) int64 { return c.Generation }),
		column(claims, func(c billing.Claim) string { return c.Invoice.Subscription.PaymentMethod }),
		c.o.Pause)
	return nil, err
}
