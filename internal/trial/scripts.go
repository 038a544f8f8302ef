package trial

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/fleet"
	"example.com/triplecharge/internal/stripesim/control"
)

// script plays one fault, from before midnight until everything in it has happened.
type script func(context.Context, *play) error

// scripts returns the faults that can be made from outside, with these options.
func (o Options) scripts() map[faults.Fault]script {
	all := map[faults.Fault]script{
		alone:                    late,
		faults.None:              midnight,
		faults.Late:              late,
		faults.Pause:             pause(0),
		faults.SlowStripe:        slowStripe,
		faults.CrashBeforeCharge: crash(control.Arriving, 0),
		faults.CrashAfterCharge:  crash(control.Committed, 0),
		faults.LostReply:         whileItLasts((*control.Client).Lose),
		faults.Stripe500Before:   whileItLasts(fleet.Saves500(control.BeforeCommit)),
		faults.Stripe500After:    whileItLasts(fleet.Saves500(control.AfterCommit)),
		faults.KeyExpired:        crash(control.Committed, day),
		faults.DelayedADay:       pause(day),
		faults.DeclinedThenFixed: declinedThenFixed,
	}
	if o.Redis != "" {
		all[faults.RedisDown], all[faults.RedisRestart] = redisDown, redisRestart
	}
	if o.Postgres != "" {
		all[faults.PostgresDown] = postgresDown
	}
	return all
}

// Faults returns the names of these faults, in the order of the matrix.
func (o Options) Faults() []faults.Fault {
	return slices.DeleteFunc(faults.Faults(),
		func(f faults.Fault) bool { return o.scripts()[f] == nil })
}

const (
	// day is longer than Stripe remembers an idempotency key (24 hours).
	day = 25 * time.Hour
	// gather is how long all servers may take to reach Stripe before those that are there may
	// charge: longer than a start on a busy machine. A worker that waits for a lock takes it all.
	gather = 10 * time.Second
)

// midnight fires all servers at the same instant: Stripe holds each charge until every server waits
// there or has finished.
func midnight(ctx context.Context, p *play) error {
	var runs []*process
	err := p.simulator.Midnight(ctx, p.log, p.names, 1, func(ctx context.Context) error {
		for _, name := range p.names {
			run, err := p.fire(name)
			if err != nil {
				return err
			}
			runs = append(runs, run)
		}
		holding, release := context.WithTimeout(ctx, gather)
		defer release()
		for _, run := range runs {
			select {
			case <-run.Exited:
			case <-holding.Done():
				return nil
			}
		}
		return nil
	})
	p.finish(ctx, runs...)
	return err
}

// late: each server fires after the one before has finished.
func late(ctx context.Context, p *play) error { return p.run(ctx, p.names...) }

// settle waits until the worker's locks and claims have expired, which nobody sees from outside.
func (p *play) settle(ctx context.Context) error {
	select {
	case <-time.After(p.LockTTL):
	case <-ctx.Done():
	}
	return ctx.Err()
}

// others lets the other servers run, when nothing of server-a's protects the invoice.
func (p *play) others(ctx context.Context) error {
	return errors.Join(p.settle(ctx), p.run(ctx, p.names[1:]...))
}

// fireInto starts a due run on a server, and returns when Stripe holds its charge at the point.
func (p *play) fireInto(
	ctx context.Context, point control.Point, name string,
) (gate *control.Gate, run *process, err error) {
	reach, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	gate, _, err = p.simulator.FireInto(reach, point, name, func() <-chan error {
		done := make(chan error, 1)
		if run, err = p.fire(name); err != nil {
			done <- err
			return done
		}
		go func() { <-run.Exited; close(done) }()
		return done
	})
	switch {
	case err == nil && point != control.Committed:
		p.log.Add(event.Event{
			Time: time.Now(), Kind: event.ChargeSent, Server: name,
			AmountMinor: p.due[0].AmountMinor, Currency: p.due[0].Currency,
		})
	case reach.Err() != nil:
		err = fmt.Errorf("%s sent no charge within %v (--timeout)", name, p.Timeout)
	}
	return gate, run, err
}

// whileHeld holds server-a's charge at a point while something happens, and lets it finish.
func (p *play) whileHeld(ctx context.Context, point control.Point, happens func() error) error {
	gate, run, err := p.fireInto(ctx, point, serverA)
	if err != nil {
		return err
	}
	err = errors.Join(happens(), gate.Remove(ctx))
	p.finish(ctx, run)
	return err
}

// pause: server-a is paused while its charge is on its way; the others run; the request arrives,
// after a delay by Stripe's clock, and a resumes.
func pause(delay time.Duration) script {
	return func(ctx context.Context, p *play) error {
		return p.whileHeld(ctx, control.Arriving, func() error {
			p.signal(serverA, syscall.SIGSTOP, event.ServerPaused)
			defer p.signal(serverA, syscall.SIGCONT, event.ServerResumed)
			return errors.Join(p.others(ctx), p.simulator.Pass(ctx, p.log, delay))
		})
	}
}

// slowStripe: Stripe holds a's charge, executing, for longer than the lock's TTL; then b runs until
// it charges, too, or leaves, or has waited for a long enough. The others run after a has finished.
func slowStripe(ctx context.Context, p *play) error {
	var second *process
	err := p.whileHeld(ctx, control.Executing, func() (err error) {
		if err := p.settle(ctx); err != nil {
			return err
		}
		reach, cancel := context.WithTimeout(ctx, gather)
		defer cancel()
		gate, run, err := p.fireInto(reach, control.Arriving, p.names[1])
		if second = run; gate == nil {
			return err
		}
		return gate.Remove(ctx) // whatever b did
	})
	if second != nil {
		p.finish(ctx, second)
	}
	return errors.Join(err, p.run(ctx, p.names[2:]...))
}

// crash: a is killed while its charge is held at the point; one that has not arrived never does.
// The others run, after a time by Stripe's clock; a restarts, at another address, and runs.
func crash(point control.Point, after time.Duration) script {
	return func(ctx context.Context, p *play) error {
		gate, run, err := p.fireInto(ctx, point, serverA)
		if err != nil {
			return err
		}
		p.signal(serverA, syscall.SIGKILL, event.ServerKilled)
		p.finish(ctx, run)
		p.servers[serverA].worker.end()
		if point != control.Arriving {
			err = gate.Remove(ctx)
		}
		err = errors.Join(err, p.simulator.Pass(ctx, p.log, after), p.others(ctx))
		p.log.Happened(event.ServerStarted, serverA, "")
		return errors.Join(err, p.start(ctx, serverA, again), p.run(ctx, serverA))
	}
}

// whileItLasts lets a run while something is wrong at Stripe, and ends that before the others run.
func whileItLasts(goesWrong fleet.Wrong) script {
	return func(ctx context.Context, p *play) error {
		begun, err := goesWrong(p.simulator.Control, ctx, fleet.ChargesOf(serverA))
		if err != nil {
			return err
		}
		return errors.Join(p.run(ctx, serverA), begun.Remove(ctx), p.others(ctx))
	}
}

// declinedThenFixed: the cards decline at midnight; the customers have others; a runs.
func declinedThenFixed(ctx context.Context, p *play) error {
	if err := midnight(ctx, p); err != nil {
		return err
	}
	if len(p.charges()) > 0 {
		p.na = "no card was declined: --setup or the worker must use the card in PAYMENT_METHOD"
		return nil
	}
	p.card = visa
	p.log.Happened(event.CardReplaced, "", "")
	return errors.Join(p.setUp(ctx), p.settle(ctx), p.run(ctx, serverA))
}

// redisDown: Redis is dead at midnight.
func redisDown(ctx context.Context, p *play) error {
	p.log.Happened(event.RedisDown, "", "")
	return errors.Join(p.redis.Kill(ctx), midnight(ctx, p), p.redis.Start(ctx))
}

// redisRestart: Redis restarts empty while a's charge is on its way; the others run.
func redisRestart(ctx context.Context, p *play) error {
	return p.whileHeld(ctx, control.Arriving, func() error {
		p.log.Happened(event.RedisRestarted, "", "")
		return errors.Join(p.redis.Kill(ctx), p.redis.Start(ctx), p.run(ctx, p.names[1:]...))
	})
}

// postgresDown: a can't reach the ledger from its charge until its run has finished.
func postgresDown(ctx context.Context, p *play) error {
	err := p.whileHeld(ctx, control.Committed, func() error {
		p.log.Happened(event.LinkCut, serverA, "the ledger")
		p.postgres.Cut()
		return nil
	})
	p.postgres.Heal()
	return errors.Join(err, p.others(ctx))
}

// recover lets a fresh server make a recovery run.
func (p *play) recover(ctx context.Context) error {
	return errors.Join(p.settle(ctx), p.start(ctx, fresh, fresh), p.run(ctx, fresh))
}
