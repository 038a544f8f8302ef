package ledger

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

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
	store *Store
	o     ClaimOptions
}

var _ billing.Claims = Claims{}

// Claims returns the store's claims under these options.
func (s *Store) Claims(o ClaimOptions) Claims { return Claims{s, o} }

// Take implements billing.Claims. It is one statement: the claim is inserted, or taken over if its
// lease has expired and the next attempt's time has come; and only if no entry says that the
// invoice is charged, since another mode may have billed it.
func (c Claims) Take(ctx context.Context, inv billing.Invoice) (billing.Claim, error) {
	const statement = `
		WITH charged AS (
			SELECT EXISTS (
				SELECT FROM entries WHERE period = $1 AND subscription = $2 AND kind = 'charge'
			) AS yes
		), taken AS (
			INSERT INTO claims (period, subscription, generation, owner, lease_until)
			SELECT $1, $2, 1, $3, coalesce(now() + $4::interval, 'infinity')
			FROM charged WHERE NOT yes
			ON CONFLICT (period, subscription) DO UPDATE SET
				generation = claims.generation + (claims.owner <> $3)::int,
				owner = $3, lease_until = excluded.lease_until
			WHERE claims.owner = $3 OR claims.lease_until <= now() AND (
				claims.declined_card IS DISTINCT FROM $5 OR
				claims.next_attempt <= now() AND ($6::int = 0 OR claims.declines < $6::int))
			RETURNING generation, payment_intent
		)
		SELECT charged.yes, coalesce(taken.generation, 0), coalesce(taken.payment_intent, '')
		FROM charged LEFT JOIN taken ON true`
	var (
		claim   = billing.Claim{Invoice: inv}
		owner   = rand.Text()
		lease   *time.Duration
		charged bool
	)
	if c.o.Lease > 0 {
		lease = &c.o.Lease
	}
	what := fmt.Sprintf("claim %s", inv)
	err := c.store.retry(ctx, what, func(ctx context.Context) error {
		return c.store.pool.QueryRow(ctx, statement, inv.Period.String(), inv.Subscription.ID, owner,
			lease, inv.Subscription.PaymentMethod, c.o.Limit,
		).Scan(&charged, &claim.Generation, &claim.Intent)
	})
	switch {
	case err != nil:
		return billing.Claim{}, err
	case charged:
		return billing.Claim{}, fmt.Errorf("%s: %w", what, billing.ErrCharged)
	case claim.Generation == 0:
		return billing.Claim{}, fmt.Errorf("%s: %w", what, billing.ErrTaken)
	}
	return claim, nil
}

// Register implements billing.Claims. The generation is not compared: whoever writes first wins,
// and everybody is told who that was.
func (c Claims) Register(
	ctx context.Context, claim billing.Claim, intent string,
) (registered string, err error) {
	const statement = `
		UPDATE claims SET payment_intent = coalesce(payment_intent, $3)
		WHERE period = $1 AND subscription = $2
		RETURNING payment_intent`
	what := fmt.Sprintf("register %s for %s", intent, claim.Invoice)
	err = c.store.retry(ctx, what, func(ctx context.Context) error {
		return c.store.pool.QueryRow(ctx, statement, claim.Invoice.Period.String(),
			claim.Invoice.Subscription.ID, intent).Scan(&registered)
	})
	return registered, err
}

// Postpone implements billing.Claims. Called again for the same decline, because an answer was
// lost, it may count it twice: the limit is reached one attempt early, and no money moves.
func (c Claims) Postpone(ctx context.Context, claim billing.Claim) error {
	const statement = `
		UPDATE claims SET lease_until = now(), declines = declines + 1,
			next_attempt = now() + $4::interval, declined_card = $5
		WHERE period = $1 AND subscription = $2 AND generation = $3`
	what := fmt.Sprintf("postpone %s", claim.Invoice)
	return c.store.retry(ctx, what, func(ctx context.Context) error {
		_, err := c.store.pool.Exec(ctx, statement, claim.Invoice.Period.String(),
			claim.Invoice.Subscription.ID, claim.Generation, c.o.Pause,
			claim.Invoice.Subscription.PaymentMethod)
		return err
	})
}
