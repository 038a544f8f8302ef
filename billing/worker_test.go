package billing_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
)

// Around the size of a page, a run might lose an invoice or visit one twice.
func pageBoundaries() []int { return []int{0, 1, 499, 500, 501, 1000, 1001} }

func TestDueRunVisitsEachInvoiceOnceFromAnyStart(t *testing.T) {
	t.Parallel()
	for _, size := range pageBoundaries() {
		subs := subscriptions(size)
		for _, begin := range append(pageBoundaries(), size-1, size/2) {
			if begin < 0 || begin > size {
				continue
			}
			list := listFrom{billingtest.NewMemoryInvoices(subs...), ""}
			if begin > 0 {
				list.begin = subs[begin-1].ID
			}
			wantEachOnce(t, visit(t, "server-a", list), subs)
		}
	}
}

func TestDueRunVisitsEachInvoiceOnceWhateverTheServersName(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		subs := subscriptions(rapid.SampledFrom(pageBoundaries()).Draw(t, "size"))
		name := rapid.String().Draw(t, "server")
		wantEachOnce(t, visit(t, name, billingtest.NewMemoryInvoices(subs...)), subs)
	})
}

// The subscription after which a run began may be gone when the run comes round to it.
func TestDueRunEndsWhereItBeganAlsoIfThatIsGone(t *testing.T) {
	t.Parallel()
	subs := subscriptions(1001)
	for _, gone := range []int{0, 1, 499, 500, 1000} {
		list := listFrom{
			billingtest.NewMemoryInvoices(slices.Delete(slices.Clone(subs), gone, gone+1)...),
			subs[gone].ID,
		}
		wantEachOnce(t, visit(t, "server-a", list), slices.Delete(slices.Clone(subs), gone, gone+1))
	}
}

func TestServersBeginAtDifferentPlaces(t *testing.T) {
	t.Parallel()
	list := billingtest.NewMemoryInvoices(subscriptions(1000)...)
	first := make(map[string]bool)
	for _, server := range []string{"server-a", "server-b", "server-c"} {
		first[visit(t, server, list)[0]] = true
	}
	if len(first) != 3 {
		t.Errorf("three servers began at %d places", len(first))
	}
}

func TestDueRunHandlesNoMoreThanItsConcurrencyAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		mode := newHeldMode()
		done := make(chan billing.Summary)
		go func() {
			summary, _ := worker("server-a", subscriptions(10), mode, 3).
				DueRun(t.Context(), billingtest.December())
			done <- summary
		}()
		for finished := range 10 {
			synctest.Wait()
			if got, want := mode.inFlight(), min(3, 10-finished); got != want {
				t.Errorf("after %d: %d in flight, want %d", finished, got, want)
			}
			mode.letGo <- struct{}{}
		}
		if summary := <-done; summary.Billed != 10 {
			t.Errorf("got %+v", summary)
		}
	})
}

func TestDueRunThatIsStoppedFinishesWhatItBegan(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		mode := newHeldMode()
		type result struct {
			billing.Summary
			err error
		}
		done := make(chan result)
		go func() {
			summary, err := worker("server-a", subscriptions(10), mode, 2).
				DueRun(ctx, billingtest.December())
			done <- result{summary, err}
		}()
		synctest.Wait()
		cancel()
		synctest.Wait()
		mode.letGo <- struct{}{}
		mode.letGo <- struct{}{}
		got := <-done
		if !errors.Is(got.err, context.Canceled) || got.Summary != (billing.Summary{Billed: 2}) {
			t.Errorf("got %+v, %v; want 2 billed and the context's error", got.Summary, got.err)
		}
	})
}

func TestDueRunEndsIfTheListCannotBeRead(t *testing.T) {
	t.Parallel()
	errList := errors.New("no answer")
	for name, c := range map[string]struct {
		list   brokenList
		billed int
	}{
		"at once":            {brokenList{err: errList, pages: 0}, 0},
		"at the second page": {brokenList{err: errList, pages: 1}, 500},
		"at the start":       {brokenList{err: errList, noSeek: true}, 0},
	} {
		c.list.Invoices = billingtest.NewMemoryInvoices(subscriptions(600)...)
		w := worker("server-a", nil, billerFunc(billed), 1)
		w.Invoices = &c.list
		summary, err := w.DueRun(t.Context(), billingtest.December())
		if !errors.Is(err, errList) || summary.Billed != c.billed {
			t.Errorf("%s: got %+v, %v; want %d billed", name, summary, err, c.billed)
		}
	}
}

func TestDueRunRefusesWhatIsNoMonth(t *testing.T) {
	t.Parallel()
	w := worker("server-a", subscriptions(1), billerFunc(
		func(_ context.Context, inv billing.Invoice) (billing.Outcome, error) {
			t.Errorf("billed %s", inv)
			return billing.Billed, nil
		}), 1)
	for _, year := range []int{0, 10000} {
		at := time.Date(year, time.January, 1, 0, 0, 0, 0, time.UTC)
		if _, err := w.DueRun(t.Context(), billing.PeriodOf(at)); err == nil {
			t.Errorf("the year %d: got no error", year)
		}
	}
}

func TestDueRunCountsAndReportsEachInvoice(t *testing.T) {
	t.Parallel()
	outcomes := map[string]struct {
		outcome billing.Outcome
		err     error
	}{
		"0-billed":   {billing.Billed, nil},
		"1-already":  {billing.AlreadyBilled, nil},
		"2-skipped":  {billing.Skipped, nil},
		"3-declined": {"", fmt.Errorf("charge: %w", billing.ErrDeclined)},
		"4-unknown":  {"", billing.ErrUnknown},
		"5-lost":     {"", billing.ErrLeaseLost},
	}
	var subs []billing.Subscription
	for id := range outcomes {
		subs = append(subs, billingtest.Subscription(id))
	}
	w := worker("server-a", subs, billerFunc(
		func(_ context.Context, inv billing.Invoice) (billing.Outcome, error) {
			o := outcomes[inv.Subscription.ID]
			return o.outcome, o.err
		}), 2)
	var reports sync.Map
	w.Report = func(inv billing.Invoice, outcome billing.Outcome, err error) {
		if o := outcomes[inv.Subscription.ID]; outcome != o.outcome || err != o.err {
			t.Errorf("%s: reported as %s, %v", inv, outcome, err)
		}
		reports.Store(inv.Subscription.ID, true)
	}
	got, err := w.DueRun(t.Context(), billingtest.December())
	want := billing.Summary{Billed: 1, AlreadyBilled: 1, Skipped: 1, Declined: 1, Failed: 2}
	if err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	for id := range outcomes {
		if _, ok := reports.Load(id); !ok {
			t.Errorf("%s was not reported", id)
		}
	}
}

// billerFunc is a function as a mode.
type billerFunc func(context.Context, billing.Invoice) (billing.Outcome, error)

func (f billerFunc) Bill(ctx context.Context, inv billing.Invoice) (billing.Outcome, error) {
	return f(ctx, inv)
}

func billed(context.Context, billing.Invoice) (billing.Outcome, error) {
	return billing.Billed, nil
}

// heldMode bills each invoice when the test lets it go, unless its context ends first.
type heldMode struct {
	letGo chan struct{}
	mu    sync.Mutex
	n     int
}

func newHeldMode() *heldMode { return &heldMode{letGo: make(chan struct{})} }

func (m *heldMode) inFlight() int { return m.add(0) }

func (m *heldMode) add(n int) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.n += n
	return m.n
}

func (m *heldMode) Bill(ctx context.Context, _ billing.Invoice) (billing.Outcome, error) {
	m.add(1)
	defer m.add(-1)
	select {
	case <-m.letGo:
		return billing.Billed, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// listFrom is a list in which every run begins at the same place.
type listFrom struct {
	billing.Invoices
	begin string
}

func (l listFrom) Seek(context.Context, float64) (string, error) { return l.begin, nil }

// brokenList fails after some pages, or in Seek.
type brokenList struct {
	billing.Invoices
	err    error
	pages  int
	noSeek bool
}

func (l *brokenList) Seek(context.Context, float64) (string, error) {
	if l.noSeek {
		return "", l.err
	}
	return "", nil
}

func (l *brokenList) Due(
	ctx context.Context, p billing.Period, after string, limit int,
) ([]billing.Invoice, error) {
	if l.pages == 0 {
		return nil, l.err
	}
	l.pages--
	return l.Invoices.Due(ctx, p, after, limit)
}

func worker(
	server string, subs []billing.Subscription, mode billing.Biller, concurrency int,
) billing.Worker {
	return billing.Worker{
		Server:      server,
		Invoices:    billingtest.NewMemoryInvoices(subs...),
		Mode:        mode,
		Concurrency: concurrency,
		Report:      func(billing.Invoice, billing.Outcome, error) {},
	}
}

func subscriptions(n int) []billing.Subscription {
	subs := make([]billing.Subscription, n)
	for i := range subs {
		subs[i] = billingtest.Subscription(fmt.Sprintf("%05d", i))
	}
	return subs
}

// failer is what *testing.T and *rapid.T have in common.
type failer interface {
	Helper()
	Errorf(format string, args ...any)
}

// visit makes a due run, and returns the subscriptions that it visited, in order.
func visit(t failer, server string, list billing.Invoices) (ids []string) {
	t.Helper()
	w := worker(server, nil, billerFunc(
		func(_ context.Context, inv billing.Invoice) (billing.Outcome, error) {
			if inv.Period != billingtest.December() {
				t.Errorf("got an invoice of %s", inv.Period)
			}
			ids = append(ids, inv.Subscription.ID)
			return billing.Billed, nil
		}), 1)
	w.Invoices = list
	if _, err := w.DueRun(context.Background(), billingtest.December()); err != nil {
		t.Errorf("got %v", err)
	}
	return ids
}

func wantEachOnce(t failer, visited []string, subs []billing.Subscription) {
	t.Helper()
	slices.Sort(visited)
	same := slices.EqualFunc(visited, subs, func(id string, s billing.Subscription) bool {
		return id == s.ID
	})
	if !same {
		t.Errorf("visited %d invoices, want each of %d once: %s",
			len(visited), len(subs), strings.Join(visited, " "))
	}
}
