package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/ledger"
)

// dueRuns remembers due runs.
type dueRuns interface {
	BeginRun(context.Context, billing.Period, []ledger.Month) ([]ledger.Arrears, error)
	FinishRun(ctx context.Context, p billing.Period, due time.Time) error
	Missed(
		ctx context.Context, p billing.Period, last, now time.Time, next billing.Period,
	) (bool, error)
}

// agenda starts due runs by schedule. In modes that ask the ledger, it makes up for a scheduled
// time that came during another run, or while the server was down.
type agenda struct {
	plan
	runs *runs
	next time.Time   // the next scheduled time; zero: none
	late []time.Time // those that have come: the last of each period
}

// begin sets the next scheduled time, and looks whether the last one was missed.
func (a *agenda) begin(ctx context.Context, now time.Time) error {
	if a.schedule == nil {
		return nil
	}
	a.next = a.due(time.Time{}, now)
	reason := a.nextThree(a.next)
	if !a.mode.ChecksLedger {
		reason += fmt.Sprintf(
			"; what is missed is not made up for, since mode %s does not ask the ledger",
			a.mode.Name)
	}
	a.runs.events.say(ctx, event.ScheduleSet, slog.String("reason", reason))
	last := a.last(now)
	if last.IsZero() || !a.mode.ChecksLedger {
		return nil
	}
	missed, err := a.runs.record.Missed(ctx, a.period(last), last, now, a.period(a.next))
	if missed {
		a.late = append(a.late, last)
		a.tellLate(ctx, last, "no due run since then has left nothing to do")
	}
	return err
}

func (a *agenda) period(t time.Time) billing.Period { return billing.PeriodOf(t.In(a.zone)) }

// look returns a channel on which it is time for another look at the clock.
func (a *agenda) look() <-chan time.Time {
	if a.next.IsZero() {
		return nil
	}
	return time.After(nap(a.next, time.Now()))
}

// tick looks at the clock. Several scheduled times may have passed, if the machine was suspended.
func (a *agenda) tick(ctx context.Context, now time.Time) {
	now = now.Round(0)
	if now.Before(a.next) {
		return
	}
	due, passed := a.next, 1
	for a.next = a.due(due, due); !a.next.IsZero() && !a.next.After(now); passed++ {
		due, a.next = a.next, a.due(a.next, a.next)
	}
	if !a.mode.ChecksLedger {
		if passed > 1 {
			a.skip(ctx, fmt.Sprintf("of %d scheduled times at once, only the last counts", passed))
		}
		if _, err := a.runs.start(ctx, due); errors.Is(err, errBusy) {
			a.skip(ctx, due.In(a.zone).Format(time.RFC3339)+": "+err.Error())
		}
		return
	}
	if n := len(a.late); n > 0 && a.period(a.late[n-1]) == a.period(due) {
		a.late[n-1] = due
		return
	}
	a.late = append(a.late, due)
	select {
	case <-a.runs.over():
	default:
		a.tellLate(ctx, due, errBusy.Error())
	}
}

// ready returns a channel that is closed when a run could start, if one is to.
func (a *agenda) ready() <-chan struct{} {
	if len(a.late) == 0 {
		return nil
	}
	return a.runs.over()
}

// start starts the first run that has come, unless somebody has just triggered another one. The
// scheduled time names the billing period, not the moment at which the run starts.
func (a *agenda) start(ctx context.Context) {
	if _, err := a.runs.start(ctx, a.late[0]); err == nil {
		a.late = a.late[1:]
	}
}

func (a *agenda) tellLate(ctx context.Context, due time.Time, why string) {
	a.runs.events.say(ctx, event.RunLate, slog.String("reason",
		due.In(a.zone).Format(time.RFC3339)+": "+why))
}

func (a *agenda) skip(ctx context.Context, what string) {
	a.runs.events.say(ctx, event.RunSkipped, failure(fmt.Errorf(
		"%s: mode %s does not ask the ledger, so nothing is made up for", what, a.mode.Name)))
}
