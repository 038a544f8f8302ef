package scenario

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/reconcile"
	"example.com/triplecharge/internal/timeline"
)

// DeployedLive is a midnight of servers that are up already, to be watched. Its Play may be called
// once; its other methods may be called meanwhile, and from several goroutines.
type DeployedLive struct {
	servers []remote
	books   books
	at      time.Time // the first month in which nobody was charged yet
	tell    func(timeline.Event)
}

// Names finds the servers and returns what they are called in the events.
func (d Deployed) Names(ctx context.Context) ([]string, error) {
	servers, err := d.resolve(ctx)
	var names []string
	for _, s := range servers {
		names = append(names, s.name)
	}
	return names, err
}

// Begin sets the customers up and finds a month that was not billed yet. tell is told of each event
// of the first customer's invoice, and of the due runs, one at a time. An error leaves nothing
// behind.
func (d Deployed) Begin(
	ctx context.Context, tell func(timeline.Event),
) (l *DeployedLive, err error) {
	l = &DeployedLive{tell: tell, at: d.At}
	if l.servers, err = d.resolve(ctx); err != nil {
		return nil, err
	}
	if l.books, err = d.books(ctx); err != nil {
		return nil, err
	}
	err = l.books.open(ctx)
	for billed := true; billed && err == nil; {
		if billed, err = l.billed(ctx); billed {
			l.at = l.at.AddDate(0, 1, 0)
			l.books.period = billing.PeriodOf(l.at)
		}
	}
	if err != nil {
		l.books.close()
		return nil, err
	}
	return l, nil
}

// billed reports whether the month has a charge or an entry already.
func (l *DeployedLive) billed(ctx context.Context) (bool, error) {
	invoices, err := l.books.invoices(ctx)
	for _, i := range invoices {
		if i.Charges > 0 || i.Entries > 0 {
			return true, err
		}
	}
	return false, err
}

// Play fires all servers at once and returns when all their due runs are over, and all that they
// said of them was told.
func (l *DeployedLive) Play(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, cellLimit,
		fmt.Errorf("the due runs did not end within %v", cellLimit))
	defer cancel()
	invoices, err := l.books.invoices(ctx)
	if err != nil {
		return err
	}
	// The servers are followed from before they are fired until they say that they have finished.
	var finished errgroup.Group
	following, leave := context.WithCancel(ctx)
	err = l.follow(following, invoices[0].String(), &finished)
	if err == nil {
		err = fireAt(ctx, l.servers, l.at.Format(time.RFC3339))
	}
	if err != nil {
		leave() // nobody will finish
	}
	defer leave()
	return errors.Join(err, finished.Wait())
}

// follow tells of what the servers say of an invoice and of their due runs. The group waits for
// each to have finished one.
func (l *DeployedLive) follow(
	ctx context.Context, invoice string, finished *errgroup.Group,
) error {
	var mu sync.Mutex
	for _, s := range l.servers {
		done := make(chan struct{})
		finish := sync.OnceFunc(func() { close(done) })
		ended, err := s.follow(ctx, func(e timeline.Event) {
			if e.Invoice == invoice || e.Invoice == "" {
				mu.Lock()
				defer mu.Unlock()
				l.tell(e)
			}
			if e.Name == "run.finished" {
				finish()
			}
		})
		if err != nil {
			return err
		}
		finished.Go(func() error {
			select {
			case <-done:
				return nil
			case <-ended:
				return fmt.Errorf("%s can't be followed any longer", s.name)
			}
		})
	}
	return nil
}

// Invoices reads both sides and changes nothing.
func (l *DeployedLive) Invoices(ctx context.Context) ([]Invoice, error) {
	return l.books.invoices(ctx)
}

// Reconcile records what is missing and refunds what is too much, and tells what it has done.
func (l *DeployedLive) Reconcile(ctx context.Context) ([]reconcile.Done, error) {
	return l.books.reconcile(ctx)
}

// Close ends what was opened for the run. What it has charged stays.
func (l *DeployedLive) Close() error {
	l.books.close()
	return nil
}
