package scenario

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/redislock"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/fleet"
	"example.com/triplecharge/internal/money"
	"example.com/triplecharge/internal/reconcile"
	"example.com/triplecharge/internal/services"
	"example.com/triplecharge/internal/timeline"
	"example.com/triplecharge/internal/verdict"
)

// Cell is one mode under one fault, and the result.
type Cell struct {
	Mode      string
	Fault     faults.Fault
	Expected  faults.Expectation
	After     verdict.Counts    // after the fault
	Recovered verdict.Counts    // after the recovery run
	Invoice   reconcile.Invoice // the only one, after the fault
	Picture   timeline.Picture
	Took      time.Duration
	Err       error // why Matrix or Measure could not play it; the cell then has no counts
	// Outlived means that a third party's lock was still there after the recovery run, and would
	// have stayed: nobody waited for its end.
	Outlived bool
}

// OK reports whether the cell was played and met its expectation, where it has one.
func (c Cell) OK() bool {
	return c.Err == nil && c.Expected.Met(c.After, c.Recovered)
}

// Needs returns the program that this machine lacks to play the cell, "" if it lacks none.
func (c Cell) Needs() string {
	switch {
	case errors.Is(c.Err, services.ErrNeedsRedisServer):
		return "redis-server"
	case errors.Is(c.Err, services.ErrNeedsPostgres):
		return "postgresql"
	}
	return ""
}

const (
	// shortTTL is for faults that wait for an expiry. It is long enough for a server on a busy
	// machine to renew in time. longTTL is for the others: no machine is slow enough to outlast it.
	shortTTL = 2 * time.Second
	longTTL  = 30 * time.Second
	// cellLimit ends a cell that hangs. The slowest takes ten seconds, a time-out of the ledger,
	// and several times that on a busy machine.
	cellLimit = 2 * time.Minute
	// patience is how long a cell's servers wait for Redis and Stripe. It is longer than any cell,
	// so that the fault decides the result and not the load of the machine.
	patience = 5 * time.Minute
)

// PlayCell plays one cell: three servers and Alice's invoice, with a proxy before each service and
// the cell's own Redis nodes. It returns an error if the cell could not be played.
func (h Harness) PlayCell(ctx context.Context, mode string, f faults.Fault) (cell Cell, err error) {
	cell = Cell{Mode: mode, Fault: f}
	if cell.Expected, err = h.expected(mode, f); err != nil {
		return cell, err
	}
	if !cell.Expected.Applies {
		return cell, nil
	}
	if err := h.try(ctx, &cell, cellLimit); err != nil {
		return cell, fmt.Errorf("%s: %w", faults.Under(mode, f), err)
	}
	return cell, nil
}

func (h Harness) try(ctx context.Context, cell *Cell, limit time.Duration) error {
	began := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, limit,
		fmt.Errorf("the scenario did not end within %v", limit))
	defer cancel()
	p, err := h.beginCell(ctx, cell.Mode, cell.Fault)
	defer p.end()
	if err == nil {
		err = p.act(ctx)
	}
	if err == nil {
		err = p.verdict(ctx, cell)
	}
	cell.Took = time.Since(began)
	return err
}

const threeServers = 3

func (h Harness) expected(mode string, f faults.Fault) (e faults.Expectation, err error) {
	m, err := billing.ModeNamed(mode)
	if err != nil {
		return e, err
	}
	row, err := h.row(f)
	return row.Expect(m, threeServers), err
}

// row returns the fault's row, with webhooks if the harness has them.
func (h Harness) row(f faults.Fault) (faults.Row, error) {
	row, err := faults.Named(f)
	row.Webhooks = row.Webhooks || h.Webhooks
	return row, err
}

// beginCell brings a cell to the moment before midnight. The caller ends the play, also after an
// error.
func (h Harness) beginCell(ctx context.Context, mode string, f faults.Fault) (*play, error) {
	alice := billing.Subscription{
		ID: "alice", Customer: "Alice", AmountMinor: 1000, Currency: "usd",
		PaymentMethod: "pm_card_visa",
	}
	row, err := h.row(f)
	if err != nil {
		return new(play), err
	}
	if row.Declines {
		alice.PaymentMethod = "pm_card_chargeCustomerFail"
	}
	ttl := map[faults.Lease]time.Duration{
		faults.ShortLease: shortTTL, faults.LongLease: longTTL,
	}[row.Lease]
	return h.begin(ctx, Scenario{
		Mode: mode, Fault: f, Beside: row.Beside, Servers: row.Servers, Replicated: row.Replicated,
		Webhooks:      row.Webhooks,
		Subscriptions: []billing.Subscription{alice},
		At:            time.Date(2026, time.December, 1, 0, 0, 0, 0, time.UTC), LockTTL: ttl,
		Flags: []string{"--claim-ttl", ttl.String(), "--stripe-timeout", patience.String()},
	})
}

// verdict reads both sides, lets a fresh server make a recovery run, and reads them again.
func (p *play) verdict(ctx context.Context, cell *Cell) (err error) {
	accounts, err := p.sides.accounts(ctx)
	if err != nil {
		return err
	}
	cell.Invoice, cell.After = accounts[0], accounts[0].Counts()
	p.stopAll() // after that, all their events are read
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
	defer fresh.Stop()
	done := make(chan error, 1)
	go func() { done <- fleet.Fire(ctx, time.Time{}, fresh.Server) }()
	if err := p.over(ctx, done, fresh); err != nil {
		return err
	}
	if accounts, err = p.sides.accounts(ctx); err == nil {
		cell.Recovered = accounts[0].Counts()
		cell.Outlived = p.ThirdParty != nil && cell.Recovered == cell.After &&
			(p.outlived || p.outlasts(ctx))
		err = asked(accounts[0])
	}
	return err
}

// asked returns an error if Stripe took another amount than the invoice asks. In no cell does money
// move before the plan changes.
func asked(i reconcile.Invoice) error {
	if i.ChargedMinor == int64(i.Charges)*i.DueMinor {
		return nil
	}
	return fmt.Errorf("money: %s was taken in %d charges, and the invoice asks %s",
		money.Amount(i.ChargedMinor, i.Currency), i.Charges, money.Amount(i.DueMinor, i.Currency))
}

// mode returns the mode that a server runs: server-a may run another one than the others.
func (p *play) mode(name string) string {
	if p.Beside != "" && name == serverA {
		return p.Beside
	}
	return p.Mode
}

func (p *play) renews() bool {
	mode, err := billing.ModeNamed(p.Mode)
	return err == nil && (mode.Lock == billing.SafeLock || mode.Lock == billing.QuorumLock)
}

// askNode calls ask with a client of the node.
func askNode(node services.Server, ask func(redislock.Client) error) error {
	client, err := redislock.Open(node.URL() + redisPatience())
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	return ask(client)
}

// CellRun is one mode under one fault, to be watched and inspected: its invoices can be read while
// it is played and afterwards, and reconciled. Play may be called once; the other methods may be
// called at the same time, from several goroutines.
type CellRun struct {
	*bothSides
	play *play
}

// Begin brings a cell to the moment before midnight. Unlike PlayCell's, the cell has no recovery
// run, and its charges and entries stay until it is closed. After an error there is nothing to
// close.
func (h Harness) Begin(ctx context.Context, mode string, f faults.Fault) (*CellRun, error) {
	expected, err := h.expected(mode, f)
	if err != nil {
		return nil, err
	}
	if !expected.Applies {
		return nil, fmt.Errorf("%s can't be played: %s", faults.Under(mode, f), expected.Why)
	}
	p, err := h.beginCell(ctx, mode, f)
	l := &CellRun{&p.sides, p}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", faults.Under(mode, f), err), l.Close())
	}
	return l, nil
}

// Play plays the fault and stops the servers. All events are passed to Harness.Tell before it
// returns.
func (l *CellRun) Play(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, cellLimit,
		fmt.Errorf("the scenario did not end within %v", cellLimit))
	defer cancel()
	p := l.play
	defer p.stopServers()
	err := p.act(ctx)
	if err == nil {
		err = p.awaitCharges(ctx)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", faults.Under(p.Mode, p.Fault), err)
	}
	return nil
}

// Close stops what still runs and deletes the run's charges and entries.
func (l *CellRun) Close() error {
	l.play.end()
	if l.play.database == "" {
		return nil
	}
	return l.play.Services.DropDatabase(context.Background(), l.play.database)
}

// CellID names a cell.
type CellID struct {
	Mode  string
	Fault faults.Fault
}

// Matrix plays cells, up to parallel at the same time, and passes each to done when it has ended,
// one call at a time. If a cell can't be played, its Err says why, and the others go on. When ctx
// ends, Matrix starts no further cell, abandons the running ones without calling done, and returns
// ctx's error.
func (h Harness) Matrix(ctx context.Context, ids []CellID, parallel int, done func(Cell)) error {
	var group errgroup.Group
	group.SetLimit(parallel)
	ended := make(chan Cell)
	go func() {
		for _, id := range ids {
			group.Go(func() error {
				if ctx.Err() != nil {
					return nil
				}
				cell, err := h.PlayCell(ctx, id.Mode, id.Fault)
				if ctx.Err() == nil {
					cell.Err = err
					ended <- cell
				}
				return nil
			})
		}
		_ = group.Wait() // the errors are in the cells
		close(ended)
	}()
	for cell := range ended {
		done(cell)
	}
	return ctx.Err()
}
