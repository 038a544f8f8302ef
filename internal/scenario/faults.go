package scenario

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/triplecharge/internal/stripesim/control"
	"example.com/triplecharge/internal/timeline"
	"example.com/triplecharge/internal/verdicts"
)

// script plays one fault, from before midnight until all that it is about has happened.
type script func(ctx context.Context, p *play) error

// scripts has the script of each fault, in the order of the matrix.
func scripts() map[verdicts.Fault]script {
	return map[verdicts.Fault]script{
		verdicts.None:                  midnightOfAll,
		verdicts.Late:                  late,
		verdicts.Pause:                 pause(0),
		verdicts.SlowStripe:            slowStripe,
		verdicts.CrashBeforeCharge:     crashBeforeCharge,
		verdicts.CrashAfterCharge:      crash(0),
		verdicts.LostReply:             lostReply,
		verdicts.Stripe500Before:       stripe500(control.BeforeCommit),
		verdicts.Stripe500After:        stripe500(control.AfterCommit),
		verdicts.KeyExpired:            crash(day),
		verdicts.DelayedADay:           pause(day),
		verdicts.DeclinedThenFixed:     declinedThenFixed,
		verdicts.RedisDown:             redisDown,
		verdicts.RedisRestart:          redisRestart(1),
		verdicts.RedisFailover:         redisFailover,
		verdicts.RedlockMinority:       redlockMinority,
		verdicts.RedlockMajority:       redisRestart(3),
		verdicts.PartitionBeforeCharge: partitionBeforeCharge,
		verdicts.PartitionDuringCharge: partitionDuringCharge,
		verdicts.PostgresDown:          postgresDown,
		verdicts.MixedModes:            midnightOfAll,
	}
}

// day is longer than Stripe remembers a key.
const day = 25 * time.Hour

// advance lets time pass at Stripe.
func (p *play) advance(ctx context.Context, d time.Duration) error {
	if d > 0 {
		p.happened(timeline.StripeAdvanced, "", fmt.Sprintf("%.0f hours pass", d.Hours()))
	}
	return p.simulator.control.Advance(ctx, d)
}

func midnightOfAll(ctx context.Context, p *play) error { return p.midnight(ctx) }

// late: b fires after a has finished, c after b.
func late(ctx context.Context, p *play) error {
	return p.run(ctx, serverA, serverB, serverC)
}

// pause: a's charge is on its way when a stops for longer than its lease; b and c run; the request
// arrives, after a delay by Stripe's clock; a goes on.
func pause(delay time.Duration) script {
	return func(ctx context.Context, p *play) error { return pauseAndDelay(ctx, p, delay) }
}

func pauseAndDelay(ctx context.Context, p *play, delay time.Duration) error {
	gate, err := p.hold(ctx, control.Arriving, serverA)
	if err != nil {
		return err
	}
	done, err := p.fireInto(ctx, serverA, gate)
	if err != nil {
		return err
	}
	if err := p.pause(serverA); err != nil {
		return err
	}
	if err := p.others(ctx); err != nil {
		return err
	}
	if err := p.advance(ctx, delay); err != nil {
		return err
	}
	if err := gate.Remove(ctx); err != nil {
		return err
	}
	if err := p.resume(serverA); err != nil {
		return err
	}
	return <-done
}

// others lets b, then c run once nothing of a's protects the invoice any longer.
func (p *play) others(ctx context.Context) error {
	if err := p.awaitUnprotected(ctx); err != nil {
		return err
	}
	return p.run(ctx, serverB, serverC)
}

// renewals that are seen while Stripe is slow: at one in a third of the TTL they outlast it.
const renewals = 4

// slowStripe: a's request is held executing past the TTL, in a healthy process that renews what can
// be renewed; then b runs, and c after a has finished.
func slowStripe(ctx context.Context, p *play) error {
	gate, err := p.hold(ctx, control.Executing, serverA)
	if err != nil {
		return err
	}
	done, err := p.fireInto(ctx, serverA, gate)
	if err != nil {
		return err
	}
	switch {
	case p.renews():
		err = p.awaitRenewals(ctx)
	case p.Foreign != nil && p.Foreign.Renews:
		err = p.awaitOutlasted(ctx)
	default:
		err = p.awaitUnprotected(ctx)
	}
	if err != nil {
		return err
	}
	// b may itself have to wait at Stripe for the request that is executing, or for the lock.
	second := p.fire(ctx, serverB)
	err = p.awaitEvent(ctx, serverB, 1, "charge.sent", "run.finished", LeaseWaiting)
	if err != nil {
		return err
	}
	return errors.Join(gate.Remove(ctx), <-done, <-second, p.run(ctx, serverC), p.stillLeased())
}

// awaitRenewals returns once a has renewed its lease for long enough.
func (p *play) awaitRenewals(ctx context.Context) error {
	for n := 1; n <= renewals; n++ {
		if err := p.awaitEvent(ctx, serverA, n, "lease.renewed", leaseLost); err != nil {
			return err
		}
		if err := p.stillLeased(); err != nil {
			return err
		}
	}
	return nil
}

const leaseLost = "lease.lost"

// stillLeased returns an error if a has lost the lease that it renews: this machine has kept it
// from running for a whole TTL, say, which is another fault than the one that is played.
func (p *play) stillLeased() error {
	events, _ := p.events.since(0)
	for _, e := range events {
		if e.Server == serverA && e.Name == leaseLost {
			return errors.New("server-a lost a lease that it renews: is this machine too busy?")
		}
	}
	return nil
}

// crashBeforeCharge: a's request never gets to Stripe, and a is killed; b and c run; a restarts.
func crashBeforeCharge(ctx context.Context, p *play) error {
	swallowed := p.links[serverA].stripe.Swallow()
	done := p.fire(ctx, serverA)
	select {
	case <-swallowed:
	case <-done:
		return errors.New("server-a sent nothing to Stripe")
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := p.kill(serverA); err != nil {
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

// crash: a is killed after Stripe committed the charge, before the ledger knew; b and c run after a
// time by Stripe's clock; a restarts.
func crash(after time.Duration) script {
	return func(ctx context.Context, p *play) error { return crashAndWait(ctx, p, after) }
}

func crashAndWait(ctx context.Context, p *play, after time.Duration) error {
	gate, err := p.hold(ctx, control.Committed, serverA)
	if err != nil {
		return err
	}
	done, err := p.fireInto(ctx, serverA, gate)
	if err != nil {
		return err
	}
	if err := p.kill(serverA); err != nil {
		return err
	}
	<-done
	if err := gate.Remove(ctx); err != nil {
		return err
	}
	if err := p.advance(ctx, after); err != nil {
		return err
	}
	return errors.Join(p.others(ctx), p.comeBack(ctx))
}

// lostReply: Stripe commits, and every reply to a's charges is lost; b and c run later.
func lostReply(ctx context.Context, p *play) error {
	lost, err := p.simulator.control.Lose(ctx, control.Rule{
		Server: serverA, Operation: control.OperationCharge,
	})
	if err != nil {
		return err
	}
	return p.whileItLasts(ctx, lost)
}

// whileItLasts lets a run into what is wrong at Stripe. It is over when b and c run: what a may do
// then of its own accord, such as try again, goes as well or badly as what they do.
func (p *play) whileItLasts(ctx context.Context, wrong *control.Handle) error {
	return errors.Join(p.run(ctx, serverA), wrong.Remove(ctx), p.others(ctx))
}

// stripe500: Stripe answers a's charge with a 500 that it saves under the key, before or after the
// charge was committed; b and c run later.
func stripe500(when control.When) script {
	return func(ctx context.Context, p *play) error {
		failing, err := p.simulator.control.Fail(ctx, control.Rule{
			Server: serverA, Operation: control.OperationCharge,
		}, 500, when)
		if err != nil {
			return err
		}
		return p.whileItLasts(ctx, failing)
	}
}

// declinedThenFixed: the card declines at midnight; the customer puts in a new one; a runs again
// within the day.
func declinedThenFixed(ctx context.Context, p *play) error {
	if err := p.midnight(ctx); err != nil {
		return err
	}
	if err := p.books.fixCards(ctx); err != nil {
		return err
	}
	p.happened(timeline.CardReplaced, "", "the customer has a new card")
	return errors.Join(p.awaitUnprotected(ctx), p.run(ctx, serverA))
}

// postgresDown: the ledger can't be reached by a from its charge until its run has finished; then b
// and c run.
func postgresDown(ctx context.Context, p *play) error {
	gate, err := p.hold(ctx, control.Committed, serverA)
	if err != nil {
		return err
	}
	done, err := p.fireInto(ctx, serverA, gate)
	if err != nil {
		return err
	}
	p.links[serverA].postgres.Cut()
	p.happened(timeline.LinkCut, serverA, "the ledger")
	if err := errors.Join(gate.Remove(ctx), <-done); err != nil {
		return err
	}
	p.links[serverA].postgres.Heal()
	p.happened(timeline.LinkHealed, serverA, "the ledger")
	return p.others(ctx)
}
