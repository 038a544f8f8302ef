package scenario

import (
	"context"
	"errors"
	"time"

	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/fleet"
	"example.com/triplecharge/internal/stripesim/control"
)

// step is a part of a script, or all of one. It returns when everything in it has happened.
type step func(*play, context.Context) error

// scripts returns the script of each fault, from before midnight on.
func scripts() map[faults.Fault]step {
	return map[faults.Fault]step{
		faults.None:              (*play).midnight,
		faults.Late:              runs(serverA, serverB, serverC),
		faults.Pause:             pause(0),
		faults.SlowStripe:        (*play).slowStripe,
		faults.CrashBeforeCharge: (*play).crashBeforeCharge,
		faults.CrashAfterCharge:  crash(0),
		faults.LostReply:         whileItLasts((*control.Client).Lose),
		faults.Stripe500Before:   whileItLasts(fleet.Saves500(control.BeforeCommit)),
		faults.Stripe500After:    whileItLasts(fleet.Saves500(control.AfterCommit)),
		faults.KeyExpired:        crash(day),
		faults.DelayedADay:       pause(day),
		faults.DeclinedThenFixed: inOrder((*play).midnight, (*play).fixCards,
			(*play).awaitUnprotected, runs(serverA)),
		faults.IntentCanceled:        changedAfterDecline((*play).cancelIntents),
		faults.AmountChanged:         changedAfterDecline((*play).changeAmount),
		faults.AmountChangedCrash:    changedAfterCrash((*play).changeAmount),
		faults.CustomerMoved:         changedAfterDecline((*play).moveCustomer),
		faults.RedisDown:             (*play).redisDown,
		faults.RedisRestart:          redisRestart(1),
		faults.RedisFailover:         (*play).redisFailover,
		faults.RedlockMinority:       redlockMinority(),
		faults.RedlockMajority:       redisRestart(3),
		faults.RedisClockJump:        clockJump(1),
		faults.RedlockClockJump:      clockJump(3),
		faults.PartitionBeforeCharge: (*play).partitionBeforeCharge,
		faults.PartitionDuringCharge: (*play).partitionDuringCharge,
		faults.PostgresDown: inOrder(heldAt(control.Committed), (*play).cutLedger,
			(*play).letGo, (*play).finish, (*play).healLedger, (*play).others),
		faults.PostgresFailover: inOrder((*play).synchronize, heldAt(control.Committed),
			(*play).fence, (*play).replace, (*play).letGo, (*play).finish,
			runs(serverB, serverC)),
		faults.PostgresForgets:     postgresForgets(0),
		faults.PostgresForgetsADay: postgresForgets(day),
		faults.LogStalls:           (*play).logStalls,
		faults.LogGone:             (*play).logGone,
		faults.MixedModes:          (*play).midnight,
		faults.EventLate:           (*play).eventLate,
	}
}

func (p *play) act(ctx context.Context) error {
	if err := scripts()[p.Fault](p, ctx); err != nil {
		return err
	}
	return p.told(ctx)
}

// day is longer than Stripe remembers an idempotency key (24 hours).
const day = 25 * time.Hour

// inOrder is the script that takes one step after another, until one fails.
func inOrder(steps ...step) step {
	return func(p *play, ctx context.Context) error {
		for _, next := range steps {
			if err := next(p, ctx); err != nil {
				return err
			}
		}
		return nil
	}
}

func runs(names ...string) step {
	return func(p *play, ctx context.Context) error { return p.run(ctx, names...) }
}

// passes lets time pass at Stripe.
func passes(d time.Duration) step {
	return func(p *play, ctx context.Context) error { return p.simulator.Pass(ctx, p.events, d) }
}

// pause: server-a is paused past its lease while its charge request is in flight; b and c run; the
// request arrives, after a delay by Stripe's clock; a resumes.
func pause(delay time.Duration) step {
	return inOrder(heldAt(control.Arriving), (*play).pause, (*play).others, passes(delay),
		(*play).letGo, (*play).resume, (*play).finish)
}

// others lets b run, then c, when nothing of a's protects the invoice.
func (p *play) others(ctx context.Context) error {
	if err := p.awaitUnprotected(ctx); err != nil {
		return err
	}
	return p.run(ctx, serverB, serverC)
}

// renewals is how many are awaited while Stripe is slow: one per third of the TTL, so four outlast
// it.
const renewals = 4

// slowStripe: a's request is held executing past the TTL, while a's healthy process renews what can
// be renewed; then b runs, and c after a has finished.
func (p *play) slowStripe(ctx context.Context) error {
	err := heldAt(control.Executing)(p, ctx)
	switch {
	case err != nil:
	case p.renews():
		err = p.awaitRenewals(ctx)
	case p.ThirdParty != nil && p.ThirdParty.Renews:
		err = p.awaitOutlasted(ctx)
	default:
		err = p.awaitUnprotected(ctx)
	}
	if err != nil {
		return err
	}
	// b may have to wait, too: at Stripe for the request that is executing, or for the lock.
	second := p.fire(ctx, serverB)
	err = p.awaitEvent(ctx, serverB, 1, event.ChargeSent, event.RunFinished, event.LeaseWaiting)
	if err != nil {
		return err
	}
	return errors.Join(p.letGo(ctx), p.finish(ctx), p.over(ctx, second, p.worker(serverB)),
		p.run(ctx, serverC), p.stillLeased())
}

// awaitRenewals returns when a has renewed its lease past the first TTL.
func (p *play) awaitRenewals(ctx context.Context) error {
	for n := 1; n <= renewals; n++ {
		if err := p.awaitEvent(ctx, serverA, n, event.LeaseRenewed, event.LeaseLost); err != nil {
			return err
		}
		if err := p.stillLeased(); err != nil {
			return err
		}
	}
	return nil
}

// stillLeased returns an error if a has lost the lease that it renews. A busy machine that keeps it
// from running for a whole TTL adds a fault that the script does not have.
func (p *play) stillLeased() error {
	events, _ := p.events.Since(0)
	for _, e := range events {
		if e.Server == serverA && e.Kind == event.LeaseLost {
			return errors.New("server-a lost a lease that it renews: is this machine too busy?")
		}
	}
	return nil
}

// crashBeforeCharge: a's request never reaches Stripe, and a is killed; b and c run; a restarts.
func (p *play) crashBeforeCharge(ctx context.Context) error {
	swallowed := p.proxies[serverA].stripe.Swallow()
	done := p.fire(ctx, serverA)
	select {
	case <-swallowed:
	case <-done:
		return errors.New("server-a sent nothing to Stripe")
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	// If what was swallowed only prepares the charge, the claim is the last that a tells of.
	err := p.killAfter(ctx, serverA, event.ChargeSent, event.ClaimTaken)
	if err != nil {
		return err
	}
	<-done
	return errors.Join(p.others(ctx), p.comeBack(ctx))
}

// comeBack restarts a after its crash and lets it run.
func (p *play) comeBack(ctx context.Context) error {
	if err := p.restart(ctx, serverA); err != nil {
		return err
	}
	return p.run(ctx, serverA)
}

// crash: a is killed after Stripe committed the charge, before the ledger recorded it; b and c run
// after a time by Stripe's clock; a restarts.
func crash(after time.Duration) step {
	return inOrder(heldAt(control.Committed), (*play).killCharging, (*play).letGo, passes(after),
		(*play).others, (*play).comeBack)
}

// whileItLasts makes a run while something is wrong at Stripe, and ends that before the others run:
// then a's own retries, if it makes any, can succeed just as theirs can.
func whileItLasts(goesWrong fleet.Wrong, then ...step) step {
	return func(p *play, ctx context.Context) error {
		begun, err := goesWrong(p.simulator.Control, ctx, fleet.ChargesOf(serverA))
		if err != nil {
			return err
		}
		return errors.Join(p.run(ctx, serverA), begun.Remove(ctx),
			inOrder(append(then, (*play).others)...)(p, ctx))
	}
}

func (p *play) cutLedger(context.Context) error {
	p.proxies[serverA].postgres.Cut()
	p.events.Happened(event.LinkCut, serverA, "the ledger")
	return nil
}

func (p *play) healLedger(context.Context) error {
	p.proxies[serverA].postgres.Heal()
	p.events.Happened(event.LinkHealed, serverA, "the ledger")
	return nil
}
