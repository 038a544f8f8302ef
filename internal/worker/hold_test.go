package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
	"example.com/triplecharge/internal/event"
)

// bubble is a due run over fakes in fake time.
type bubble struct {
	*eventLog
	hold *hold
	runs *runs
	ctx  context.Context
	stop context.CancelFunc // as SIGTERM does
	bill func(ctx context.Context, inv billing.Invoice, nth int) (billing.Outcome, error)

	mu    sync.Mutex
	calls map[string]int // of Bill, by subscription
}

// atOnce is how many invoices a bubble handles at a time.
const atOnce = 8

func newBubble(t *testing.T, invoices int, limit time.Duration) *bubble {
	t.Helper()
	b := &bubble{eventLog: newEventLog(), calls: map[string]int{}}
	b.ctx, b.stop = context.WithCancel(t.Context())
	b.hold = &hold{
		events: newEvents(b.eventLog, Config{Name: "server-a"}),
		limit:  limit,
	}
	var subs []billing.Subscription
	for i := range invoices {
		subs = append(subs, billingtest.Subscription(fmt.Sprintf("%05d", i)))
	}
	b.runs = newRuns(billing.Worker{
		Server: "server-a", Invoices: billingtest.NewMemoryInvoices(subs...),
		Mode: heldMode{b, b.hold}, Concurrency: atOnce,
	}, b.hold)
	b.runs.record, b.runs.zone = noRecord{}, time.UTC
	return b
}

func (b *bubble) Bill(ctx context.Context, inv billing.Invoice) (billing.Outcome, error) {
	b.mu.Lock()
	b.calls[inv.Subscription.ID]++
	nth := b.calls[inv.Subscription.ID]
	b.mu.Unlock()
	return b.bill(ctx, inv, nth)
}

// handedOut returns how many invoices have begun.
func (b *bubble) handedOut() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.calls)
}

func (b *bubble) start(t *testing.T) *run {
	t.Helper()
	one, err := b.runs.start(b.ctx, time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC))
	must(t, err)
	return one
}

// of returns the events of that kind.
func (b *bubble) of(kind event.Kind) []logged {
	events, _ := b.all()
	return slices.DeleteFunc(events, func(e logged) bool { return e.Msg != kind })
}

// outage is a dependency that is away for a time.
type outage struct {
	from, until time.Time
	asked       atomic.Int64
}

// errGone is what a port returns after its patience.
var errGone = fmt.Errorf("dial: %w", billing.ErrUnavailable)

const portsPatience = 10 * time.Second

// call asks, with a port's patience.
func (o *outage) call(ctx context.Context) error {
	o.asked.Add(1)
	if time.Now().Before(o.from) {
		return nil
	}
	select {
	case <-time.After(min(portsPatience, max(0, time.Until(o.until)))):
	case <-ctx.Done():
		return ctx.Err()
	}
	if time.Now().Before(o.until) {
		return errGone
	}
	return nil
}

// under bills each invoice in a tenth of a second, after a call to the dependency.
func (b *bubble) under(dependency string, o *outage) {
	b.bill = func(ctx context.Context, _ billing.Invoice, _ int) (billing.Outcome, error) {
		if err := b.hold.persist(dependency)(ctx, o.call); err != nil {
			return "", err
		}
		time.Sleep(100 * time.Millisecond)
		return billing.Billed, nil
	}
}

func TestARunIsHeldWhileADependencyIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const invoices, away = 200, 3 * time.Minute
		b := newBubble(t, invoices, 5*time.Minute)
		o := &outage{from: time.Now().Add(time.Second), until: time.Now().Add(away)}
		b.under(redisServer, o)
		one := b.start(t)
		time.Sleep(away - time.Second)
		if n := b.handedOut(); n > 11*atOnce {
			t.Errorf("%d invoices were handed out while Redis was away", n-10*atOnce)
		}
		<-one.done
		if one.err != nil || one.summary != (billing.Summary{Billed: invoices}) {
			t.Errorf("got %+v, %v; want all billed", one.summary, one.err)
		}
		held, resumed := b.of(event.RunHeld), b.of(event.RunResumed)
		if len(held) != 1 || held[0].Reason != "Redis" || held[0].Error == "" ||
			len(resumed) != 1 || resumed[0].Reason != "Redis" {
			t.Fatalf("held %+v, resumed %+v; want one of each", held, resumed)
		}
		if ms := *resumed[0].MS; ms < 168_000 || ms > 171_000 {
			t.Errorf("held for %g ms; want three minutes without a port's patience", ms)
		}
		// Each call that waits has a port's patience and a pause.
		most := invoices + atOnce*int(away/(portsPatience+triesEvery)+1)
		if o.asked.Load() > int64(most) {
			t.Errorf("asked Redis %d times, want at most %d", o.asked.Load(), most)
		}
	})
}

func TestAHoldHasAnEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		b := newBubble(t, 200, time.Minute)
		b.under(redisServer, &outage{until: began.Add(time.Hour)})
		one := b.start(t)
		<-one.done
		if !errors.Is(one.err, errHeldTooLong) || !errors.Is(one.err, errGone) {
			t.Errorf("got %v, want that it gave up, and why", one.err)
		}
		if n := b.handedOut(); n != atOnce {
			t.Errorf("handed out %d invoices, want %d", n, atOnce)
		}
		if took := time.Since(began); took != portsPatience+time.Minute {
			t.Errorf("the run took %v, want the patience and the limit", took)
		}
		// The next run begins anew.
		b.under(redisServer, &outage{})
		one = b.start(t)
		<-one.done
		if one.err != nil || one.summary.Billed != 200 {
			t.Errorf("the next run: %+v, %v", one.summary, one.err)
		}
	})
}

func TestWithoutAHoldEachInvoiceFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, 20, 0)
		b.under(redisServer, &outage{until: time.Now().Add(time.Hour)})
		one := b.start(t)
		<-one.done
		if one.err != nil || one.summary.Failed != 20 || len(b.of(event.RunHeld)) > 0 {
			t.Errorf("got %+v, %v; want all to fail", one.summary, one.err)
		}
	})
}

func TestSIGTERMEndsAHoldAtOnce(t *testing.T) {
	t.Parallel()
	for _, invoices := range []int{1, 200} {
		synctest.Test(t, func(t *testing.T) {
			b := newBubble(t, invoices, 5*time.Minute)
			b.under(redisServer, &outage{until: time.Now().Add(time.Hour)})
			one := b.start(t)
			time.Sleep(time.Minute)
			stopped := time.Now()
			b.stop()
			<-one.done
			if took := time.Since(stopped); took != 0 || !errors.Is(one.err, context.Canceled) {
				t.Errorf("it took %v, and the error is %v", took, one.err)
			}
			want := min(invoices, atOnce)
			if one.summary.Failed != want {
				t.Errorf("got %+v, want %d failed", one.summary, want)
			}
		})
	}
}

// While nothing is away, an invoice that has begun is finished.
func TestSIGTERMWithoutAHoldCallsNothingOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, atOnce, 5*time.Minute)
		b.under(redisServer, &outage{until: time.Now().Add(time.Second)})
		one := b.start(t)
		synctest.Wait()
		b.stop()
		<-one.done
		if one.summary.Billed != atOnce {
			t.Errorf("got %+v, want all billed", one.summary)
		}
	})
}

// awayList is a list that can't be read while its dependency is away.
type awayList struct {
	billing.Invoices
	*hold
	*outage
}

func (l awayList) Due(
	ctx context.Context, p billing.Period, after string, limit int,
) (page []billing.Invoice, err error) {
	return page, l.persist(postgresServer)(ctx, func(ctx context.Context) error {
		if err := l.call(ctx); err != nil {
			return err
		}
		page, err = l.Invoices.Due(ctx, p, after, limit)
		return err
	})
}

func TestARunIsHeldWhileItsListCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]time.Duration{"and goes on": 5 * time.Minute, "": 0} {
		synctest.Test(t, func(t *testing.T) {
			b := newBubble(t, 1200, limit)
			b.under(redisServer, &outage{})
			b.runs.worker.Invoices = awayList{b.runs.worker.Invoices, b.hold, &outage{
				from: time.Now().Add(time.Second), until: time.Now().Add(time.Minute),
			}}
			one := b.start(t)
			<-one.done
			if done := one.err == nil && one.summary.Billed == 1200; done != (name != "") {
				t.Errorf("%s: got %+v, %v", name, one.summary, one.err)
			}
		})
	}
}

// fakeLocker grants leases while its dependency is there; another server may hold them.
type fakeLocker struct {
	*outage
	held bool
}

func (l fakeLocker) Obtain(ctx context.Context, _ string) (billing.Lease, error) {
	if err := l.call(ctx); err != nil || !l.held {
		return nil, err
	}
	return nil, billing.ErrHeld
}

// A command that got no answer may have taken the lease, so it can't be told from another server's.
func TestALeaseThatIsHeldAfterAnOutageIsNotAnothers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, 1, 5*time.Minute)
		for away, want := range map[time.Duration]error{
			time.Second: billing.ErrHeld, time.Minute: billing.ErrUnavailable,
		} {
			var err error
			b.bill = func(ctx context.Context, _ billing.Invoice, _ int) (billing.Outcome, error) {
				o := &outage{until: time.Now().Add(away)}
				_, err = heldLocker{fakeLocker{o, true}, b.hold}.Obtain(ctx, "key")
				return billing.Billed, nil
			}
			<-b.start(t).done
			held := errors.Is(err, billing.ErrHeld)
			if !errors.Is(err, want) || held != (want == billing.ErrHeld) {
				t.Errorf("away for %v: got %v, want %v", away, err, want)
			}
		}
	})
}
