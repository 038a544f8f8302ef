package scenario

import (
	"context"
	"errors"

	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/stripesim/control"
)

// logStalls: nobody reads a's log from its charge until b has run; then c runs. The verdict does
// not come from the log.
func (p *play) logStalls(ctx context.Context) error {
	a := p.worker(serverA)
	ended, err := p.unread(ctx, a.StopReading)
	if err != nil {
		return err
	}
	err = p.run(ctx, serverB)
	a.ReadOn()
	p.events.Happened(event.LinkHealed, serverA, logReader)
	<-ended
	return errors.Join(err, p.run(ctx, serverC))
}

// logGone: the reader of a's log goes away while a's charge is held; b and c run later. The rest of
// a's events comes through its API.
func (p *play) logGone(ctx context.Context) error {
	a := p.worker(serverA)
	var told <-chan struct{}
	ended, err := p.unread(ctx, func() (err error) {
		if err = a.CloseOutput(); err == nil {
			told, err = a.Follow(ctx, p.events.Add)
		}
		return err
	})
	if err != nil {
		return err
	}
	err = p.run(ctx, serverB, serverC)
	<-ended
	a.Stop()
	<-told
	return err
}

const logReader = "the reader of its log"

// unread makes a's log unreadable after Stripe committed a's charge, before a knows. It returns
// when a's run has ended, or when nothing of a's protects the invoice any more: a worker that waits
// for its log, or dies of it, renews no lease. ended is closed at the run's end, however it ends.
func (p *play) unread(ctx context.Context, stop func() error) (ended <-chan struct{}, err error) {
	if err := heldAt(control.Committed)(p, ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	protected, err := p.protection(ctx)
	if err := errors.Join(err, stop()); err != nil {
		return nil, err
	}
	p.events.Happened(event.LinkCut, serverA, logReader)
	over := make(chan struct{})
	go func() {
		defer close(over)
		<-p.fired // its error, if it has one, is part of the fault
	}()
	unprotected := make(chan error, 1)
	if protected.any() {
		go func() { // a releases, or its lease expires
			unprotected <- p.awaitNoProtection(ctx, func(_, _ protection) {})
		}()
	}
	if err := p.letGo(ctx); err != nil {
		return over, err
	}
	select {
	case <-over:
		return over, nil
	case err = <-unprotected:
		return over, err
	}
}
