package scenario

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/services"
	"example.com/triplecharge/internal/timeline"
	"example.com/triplecharge/internal/verdicts"
)

// Cell is one mode met by one fault, and what came of it.
type Cell struct {
	Mode      string
	Fault     verdicts.Fault
	Expected  verdicts.Verdict
	After     verdicts.Counts // once the fault has run its course
	Recovered verdicts.Counts // after the quiet run
	Account   Account         // of the one invoice there is, after the fault
	Picture   timeline.Picture
	Took      time.Duration
	Err       error // why Matrix could not play it; then it has no counts
}

// OK reports whether the cell was played and is as expected; one that does not apply is.
func (c Cell) OK() bool {
	return c.Err == nil && (!c.Expected.Applies ||
		c.After == c.Expected.After && c.Recovered == c.Expected.Recovered)
}

// Needs is the program without which this machine can't play the cell, "" where that is not why.
func (c Cell) Needs() string {
	if errors.Is(c.Err, services.ErrNeedsRedisServer) {
		return "redis-server"
	}
	return ""
}

const (
	// shortTTL is for faults that wait for an expiry, and longTTL for the others, which no machine
	// is slow enough to outlast. Short is as long as a busy machine may keep a server from its
	// renewals.
	shortTTL = 2 * time.Second
	longTTL  = 30 * time.Second
	// cellLimit bounds a cell, for those that hang. The slowest takes ten seconds, for a time-out
	// of the ledger's, and several times that on a machine that is busy.
	cellLimit = 2 * time.Minute
	// patience is how long a cell's servers wait for Redis and Stripe, longer than any cell lasts:
	// how busy the machine is must not decide what the fault is there to decide.
	patience = 5 * time.Minute
)

// ttl is the leases' and the claims' in a scenario of the fault.
func ttl(f verdicts.Fault) time.Duration {
	switch f {
	case verdicts.None, verdicts.Late, verdicts.DeclinedThenFixed, verdicts.RedisDown,
		verdicts.RedisRestart, verdicts.RedisFailover, verdicts.RedlockMinority,
		verdicts.RedlockMajority, verdicts.MixedModes:
		return longTTL
	}
	return shortTTL
}

// PlayCell plays one cell: three servers and Alice's invoice, each way of theirs through a proxy,
// with Redis nodes of the cell's own. An error says that it could not be played.
func (st Stage) PlayCell(
	ctx context.Context, mode string, f verdicts.Fault,
) (cell Cell, err error) {
	cell = Cell{Mode: mode, Fault: f}
	var ok bool
	if cell.Expected, ok = verdicts.Expected(mode, f, threeServers); !ok {
		return cell, fmt.Errorf("no verdict is expected of %s under %s", mode, f)
	}
	if !cell.Expected.Applies {
		return cell, nil
	}
	if err := st.try(ctx, &cell, cellLimit); err != nil {
		return cell, fmt.Errorf("%s under %s: %w", mode, f, err)
	}
	return cell, nil
}

// try plays a cell and fills in what came of it.
func (st Stage) try(ctx context.Context, cell *Cell, limit time.Duration) error {
	began := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, limit,
		fmt.Errorf("the scenario did not end within %v", limit))
	defer cancel()
	p, err := st.stage(ctx, cell.Mode, cell.Fault)
	defer p.end()
	if err == nil {
		err = scripts()[cell.Fault](ctx, p)
	}
	if err == nil {
		err = p.verdict(ctx, cell)
	}
	cell.Took = time.Since(began)
	return err
}

const threeServers = 3

// stage brings a cell to the moment before midnight. The caller ends the play, also after an error.
func (st Stage) stage(ctx context.Context, mode string, f verdicts.Fault) (*play, error) {
	alice := billing.Subscription{
		ID: "alice", Customer: "Alice", AmountMinor: 1000, Currency: "usd",
		PaymentMethod: "pm_card_visa",
	}
	if f == verdicts.DeclinedThenFixed {
		alice.PaymentMethod = "pm_card_chargeCustomerFail"
	}
	s := Scenario{
		Mode: mode, Fault: f, Servers: threeServers, Subscriptions: []billing.Subscription{alice},
		At: time.Date(2026, time.December, 1, 0, 0, 0, 0, time.UTC), LockTTL: ttl(f),
		Flags: []string{"--claim-ttl", ttl(f).String(), "--stripe-timeout", patience.String()},
	}
	if f == verdicts.MixedModes {
		s.Servers = 2
	}
	return st.begin(ctx, s)
}

// verdict reads both sides, lets one fresh server make a quiet run, and reads them again.
func (p *play) verdict(ctx context.Context, cell *Cell) (err error) {
	if err := p.account(ctx, &cell.Account); err != nil {
		return err
	}
	cell.After = cell.Account.Counts()
	p.stopAll() // and all they have said is read
	if cell.Picture, err = p.picture(ctx); err != nil {
		return err
	}
	if err := p.awaitUnprotected(ctx); err != nil {
		return err
	}
	fresh, err := p.spawn(ctx, "server-fresh")
	if err != nil {
		return err
	}
	defer fresh.stop()
	if err := fire(ctx, []remote{fresh.remote}); err != nil {
		return err
	}
	var recovered Account
	err = p.account(ctx, &recovered)
	cell.Recovered = recovered.Counts()
	return err
}

func (p *play) account(ctx context.Context, a *Account) error {
	accounts, err := p.books.accounts(ctx)
	if err == nil {
		*a = accounts[0]
	}
	return err
}

// mode is the one a server runs: under mixed-modes a runs another.
func (p *play) mode(name string) string {
	if p.Fault == verdicts.MixedModes && name == serverA {
		return verdicts.MixedWith
	}
	return p.Mode
}

// renews reports whether the mode's lease is renewed.
func (p *play) renews() bool {
	mode, err := billing.ModeNamed(p.Mode)
	return err == nil && (mode.Lock == billing.SafeLock || mode.Lock == billing.QuorumLock)
}

// unfollow cuts the replication link to a replica: it keeps what it has, and learns nothing more.
func unfollow(ctx context.Context, replica services.Server) error {
	o, err := goredis.ParseURL(replica.URL())
	if err != nil {
		return err
	}
	client := goredis.NewClient(o)
	defer func() { _ = client.Close() }()
	return client.ReplicaOf(ctx, "NO", "ONE").Err()
}

func hostOf(rawURL string) (string, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "", err
	}
	return u.Host, nil
}

// fixCards gives every customer a card that pays.
func (b *books) fixCards(ctx context.Context) error {
	page, err := b.store.Due(ctx, b.period, "", len(b.subscriptions))
	if err != nil {
		return err
	}
	var fixed []billing.Subscription
	for _, inv := range page {
		s := inv.Subscription
		s.PaymentMethod = "pm_card_visa"
		set := s
		set.ID += "-fixed" // a card's set-up is idempotent by the subscription
		if set, err = b.stripe.SetUp(ctx, set); err != nil {
			return err
		}
		s.PaymentMethod = set.PaymentMethod
		fixed = append(fixed, s)
	}
	return b.store.AddSubscriptions(ctx, fixed)
}
