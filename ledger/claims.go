package ledger

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/triplecharge/billing"
)

// ClaimOptions set how long claims last, and when a declined invoice is tried again. Postgres'
// clock measures all times.
type ClaimOptions struct {
	Lease time.Duration // until another server may take over a claim; 0: never
	// Pause separates a decline from the next attempt, and Limit is the maximum number of declines;
	// 0 means no limit. Neither applies to a payment method that has not been declined yet.
	Pause time.Duration
	Limit int
}

// Claims implements billing.Claims in the ledger's database. Safe for concurrent use.
type Claims struct {
	store     *Store
	o         ClaimOptions
	takings   calls[taking, taken]
	registers calls[registering, registered]
	endings   calls[ending, bool]
}

var _ billing.Claims = Claims{}

// Claims returns the store's claims with these options.
func (s *Store) Claims(o ClaimOptions) Claims {
	c := Claims{store: s, o: o}
	c.takings = batched(func(t taking) string { return invoiceKey(t.invoice) }, c.take)
	c.registers = batched(
		func(r registering) string { return invoiceKey(r.claim.Invoice) }, c.register)
	c.endings = batched(func(e ending) string { return invoiceKey(e.claim.Invoice) }, c.end)
	return c
}

// taking asks for a claim. taken is the answer; the zero value means that another server has it.
type (
	taking struct {
		invoice billing.Invoice
		owner   string // random, so a repeated call finds its own claim
	}
	taken struct {
		current
		generation int64
		intent     billing.Intent
	}
)

// Take implements billing.Claims in one statement. It inserts the claim, or takes it over if the
// lease has expired and the next attempt is due; but only if the invoice has no charge entry, since
// a server in another mode may have billed it.
func (c Claims) Take(ctx context.Context, inv billing.Invoice) (billing.Claim, error) {
	t := taking{inv, rand.Text()}
	var got taken
	err := c.store.retry(ctx, func(ctx context.Context) (err error) {
		got, err = c.takings(ctx, t)
		return err
	}, "claim %s", inv)
	switch {
	case err != nil:
		return billing.Claim{}, err
	case got.charge != "":
		c.store.acked.entry(got.charge)
		return billing.Claim{}, fmt.Errorf("claim %s: %w", inv, billing.ErrCharged)
	case got.generation == 0:
		return billing.Claim{}, fmt.Errorf("claim %s: %w", inv, billing.ErrTaken)
	}
	claim := billing.Claim{Invoice: got.of(inv), Generation: got.generation, Intent: got.intent}
	c.store.acked.claim(claim)
	return claim, nil
}

// registeredIntent are the columns of a claim's PaymentIntent. A claim of an earlier version lacks
// all but the ID: it then asks nothing that an invoice asks, and is canceled and replaced.
const registeredIntent = `coalesce(claims.payment_intent, ''), coalesce(claims.intent_customer, ''),
	coalesce(claims.intent_amount_minor, 0), coalesce(claims.intent_currency, '')`

func intentColumns(i *billing.Intent) []any {
	return []any{&i.ID, &i.Customer, &i.AmountMinor, &i.Currency}
}

func (c Claims) take(ctx context.Context, takings []taking) (map[string]taken, error) {
	const statement = `
		WITH given AS (
			SELECT given.period, given.subscription, owner,
				coalesce(subscriptions.payment_method, given.card) AS card,
				coalesce(customer, '') AS customer, coalesce(amount_minor, 0) AS amount_minor,
				coalesce(currency, '') AS currency, coalesce((
					SELECT payment_intent FROM entries
					WHERE entries.period = given.period AND kind = 'charge'
						AND entries.subscription = given.subscription
					LIMIT 1), '') AS charge
			FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
				AS given (period, subscription, owner, card)
			LEFT JOIN subscriptions ON subscriptions.id = given.subscription
		), taken AS (
			INSERT INTO claims (period, subscription, generation, owner, lease_until)
			SELECT period, subscription, 1, owner, coalesce(now() + $5::interval, 'infinity')
			FROM given WHERE charge = ''
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
			RETURNING period, subscription, '', generation, '', '', 0, '',
				` + registeredIntent + `
		)
		SELECT period, subscription, charge, 0, customer, card, amount_minor, currency,
			'', '', 0, '' FROM given
		UNION ALL
		SELECT * FROM taken` // a row for what was given, and one for what was taken
	periods, subscriptions := invoiceColumns(takings,
		func(t taking) billing.Invoice { return t.invoice })
	var lease *time.Duration
	if c.o.Lease > 0 {
		lease = &c.o.Lease
	}
	answers := make(map[string]taken, len(takings))
	var (
		period string
		got    taken
	)
	now := &got.subscription
	merge := func() {
		a := answers[rowKey(now.ID, period)]
		if got.generation > 0 {
			a.generation, a.intent = got.generation, got.intent
		} else {
			a.current = got.current
		}
		answers[rowKey(now.ID, period)] = a
	}
	err := c.store.ask(ctx, statement, []any{
		periods, subscriptions,
		column(takings, func(t taking) string { return t.owner }),
		column(takings, func(t taking) string { return t.invoice.Subscription.PaymentMethod }),
		lease, c.o.Limit,
	}, append([]any{
		&period, &now.ID, &got.charge, &got.generation,
		&now.Customer, &now.PaymentMethod, &now.AmountMinor, &now.Currency,
	}, intentColumns(&got.intent)...), merge)
	return answers, err
}

// registering is a PaymentIntent to be registered for a claim; registered is the answer.
type (
	registering struct {
		claim  billing.Claim
		intent billing.Intent
	}
	registered struct {
		generation int64 // the claim's, now
		intent     billing.Intent
	}
)

// Register implements billing.Claims in one statement: a compare-and-set from no PaymentIntent,
// whoever asks, or from the claim's, for its owner.
func (c Claims) Register(
	ctx context.Context, claim billing.Claim, intent billing.Intent,
) (billing.Intent, error) {
	var got registered
	err := c.store.retry(ctx, func(ctx context.Context) (err error) {
		got, err = c.registers(ctx, registering{claim, intent})
		if err == nil && got.intent.ID == "" {
			err = pgx.ErrNoRows
		}
		return err
	}, "register %s for %s", intent.ID, claim.Invoice)
	if err == nil && got.generation != claim.Generation {
		err = fmt.Errorf("register %s for %s: %w", intent.ID, claim.Invoice, billing.ErrTaken)
	}
	return got.intent, err
}

func (c Claims) register(
	ctx context.Context, registers []registering,
) (map[string]registered, error) {
	// A SET, not a WHERE: a row that another server has changed meanwhile is still answered.
	set := func(column, given string) string {
		return column + ` = CASE WHEN claims.payment_intent IS NULL OR
			claims.payment_intent = given.replaced AND claims.generation = given.generation
			THEN given.` + given + ` ELSE claims.` + column + ` END`
	}
	statement := `
		UPDATE claims SET ` + set("payment_intent", "id") + `, ` +
		set("intent_customer", "customer") + `, ` +
		set("intent_amount_minor", "amount_minor") + `, ` + set("intent_currency", "currency") + `
		FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[],
				$5::text[], $6::text[], $7::bigint[], $8::text[])
			AS given (period, subscription, generation, replaced,
				id, customer, amount_minor, currency)
		WHERE claims.period = given.period AND claims.subscription = given.subscription
		RETURNING claims.period, claims.subscription, claims.generation, ` + registeredIntent
	periods, subscriptions := invoiceColumns(registers,
		func(r registering) billing.Invoice { return r.claim.Invoice })
	answers := make(map[string]registered, len(registers))
	var (
		period, subscription string
		got                  registered
	)
	err := c.store.ask(ctx, statement, []any{
		periods, subscriptions,
		column(registers, func(r registering) int64 { return r.claim.Generation }),
		column(registers, func(r registering) string { return r.claim.Intent.ID }),
		column(registers, func(r registering) string { return r.intent.ID }),
		column(registers, func(r registering) string { return r.intent.Customer }),
		column(registers, func(r registering) int64 { return r.intent.AmountMinor }),
		column(registers, func(r registering) string { return r.intent.Currency }),
	}, append([]any{&period, &subscription, &got.generation}, intentColumns(&got.intent)...),
		func() { answers[rowKey(subscription, period)] = got })
	return answers, err
}

// Postpone implements billing.Claims. If an answer is lost, the repeated call may count the decline
// twice. The limit is then reached one attempt early, but no money moves.
func (c Claims) Postpone(ctx context.Context, claim billing.Claim) error {
	return c.giveBack(ctx, ending{claim, true}, "postpone %s")
}

// Return implements billing.Claims.
func (c Claims) Return(ctx context.Context, claim billing.Claim) error {
	return c.giveBack(ctx, ending{claim, false}, "return the claim of %s")
}

// ending is a claim to be given back.
type ending struct {
	claim    billing.Claim
	declined bool
}

func (c Claims) giveBack(ctx context.Context, e ending, what string) error {
	return c.store.retry(ctx, func(ctx context.Context) error {
		_, err := c.endings(ctx, e)
		return err
	}, what, e.claim.Invoice)
}

func (c Claims) end(ctx context.Context, endings []ending) (map[string]bool, error) {
	const statement = `
		UPDATE claims SET lease_until = now(), declines = declines + declined::int,
			next_attempt = CASE WHEN declined THEN now() + $6::interval ELSE next_attempt END,
			declined_card = CASE WHEN declined THEN card ELSE declined_card END
		FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::bool[])
			AS given (period, subscription, generation, card, declined)
		WHERE claims.period = given.period AND claims.subscription = given.subscription
			AND claims.generation = given.generation`
	periods, subscriptions := invoiceColumns(endings,
		func(e ending) billing.Invoice { return e.claim.Invoice })
	return nil, c.store.each(ctx, statement, []any{
		periods, subscriptions,
		column(endings, func(e ending) int64 { return e.claim.Generation }),
		column(endings,
			func(e ending) string { return e.claim.Invoice.Subscription.PaymentMethod }),
		column(endings, func(e ending) bool { return e.declined }),
		c.o.Pause,
	}, nil, nil)
}

// ClaimHeld reports whether a server holds a claim on an uncharged invoice of the period. Claims
// that never expire don't count.
func (s *Store) ClaimHeld(ctx context.Context, p billing.Period) (held bool, err error) {
	const query = `
		SELECT EXISTS (
			SELECT FROM claims
			WHERE period = $1 AND lease_until > clock_timestamp() AND lease_until < 'infinity'
				AND NOT EXISTS (
					SELECT FROM entries
					WHERE entries.period = claims.period AND kind = 'charge'
						AND entries.subscription = claims.subscription))`
	err = s.retry(ctx, func(ctx context.Context) error {
		return s.each(ctx, query, []any{p.String()}, []any{&held}, nil)
	}, "look for held claims")
	return held, err
}
