package fleet

import (
	"context"
	"errors"
	"slices"

	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/stripesim/control"
)

// midnight makes "all servers fire at the same instant" true on any machine, however busy. Stripe
// holds each charge until every server waits there for that invoice or has given it up, so that no
// clock decides the result.
type midnight struct {
	servers     []string
	concurrency int
	opened      map[string]bool // by invoice: its charges may pass
	left        map[part]bool   // has nothing more to do
	finished    map[string]bool // by server: has finished its due run
}

// part is what a server has to do for an invoice.
type part struct{ invoice, server string }

func (m *midnight) note(e event.Event) {
	switch e.Kind {
	case event.RunFinished:
		m.finished[e.Server] = true
	case event.InvoiceSkipped, event.InvoiceFailed, event.LedgerRecorded, event.LeaseWaiting:
		m.left[part{e.Invoice, e.Server}] = true
	}
}

// ready returns the IDs of the calls that may pass.
func (m *midnight) ready(waiting []control.Call) (ids []string) {
	there := map[part]bool{}
	held := map[string]int{} // by server
	for _, c := range waiting {
		there[part{invoiceOf(c), c.Server}] = true
		held[c.Server]++
	}
	// Servers bill a long list a few invoices at a time. When all charges that every server can
	// have in flight are held here, no more will come, and these must pass.
	full := !slices.ContainsFunc(m.servers, func(s string) bool {
		return !m.finished[s] && held[s] < m.concurrency
	})
	for _, c := range waiting {
		inv := invoiceOf(c)
		all := !slices.ContainsFunc(m.servers, func(s string) bool {
			return !there[part{inv, s}] && !m.left[part{inv, s}] && !m.finished[s]
		})
		if full || all || m.opened[inv] {
			m.opened[inv] = true
			ids = append(ids, c.ID)
		}
	}
	return ids
}

func invoiceOf(c control.Call) string { return c.Subscription + "/" + c.Period }

// Midnight calls fire, which fires all servers and returns when their due runs have finished. It
// holds each charge meanwhile, until every server waits for that invoice at Stripe, or has left it
// or finished, as log says. A server that bills a list has up to concurrency charges in flight.
func (s *Simulator) Midnight(
	ctx context.Context, log *EventLog, servers []string, concurrency int,
	fire func(context.Context) error,
) error {
	gate, err := s.Control.Hold(ctx, control.Rule{
		Point: control.Arriving, Operation: control.OperationCharge,
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	m := &midnight{
		servers: servers, concurrency: concurrency,
		opened: map[string]bool{}, left: map[part]bool{}, finished: map[string]bool{},
	}
	earlier, _ := log.Since(0)
	held := make(chan struct{})
	go func() {
		defer close(held)
		if err := m.hold(ctx, gate, log, len(earlier)); err != nil {
			cancel(err)
		}
	}()
	err = fire(ctx)
	if cause := context.Cause(ctx); cause != nil {
		err = cause // err would only say that the request was canceled
	}
	cancel(nil)
	<-held
	return errors.Join(err, gate.Remove(context.WithoutCancel(ctx)))
}

// hold opens the gate for each invoice when it is ready, until ctx ends. It skips the first read
// events of the log, which belong to earlier due runs.
func (m *midnight) hold(ctx context.Context, gate *control.Gate, log *EventLog, read int) error {
	type update struct {
		calls []control.Call
		err   error
	}
	updates := make(chan update)
	go func() {
		for rev := int64(0); ; {
			var u update
			u.calls, rev, u.err = gate.Waiting(ctx, rev)
			select {
			case updates <- u:
			case <-ctx.Done():
				return
			}
			if u.err != nil {
				return
			}
		}
	}()
	var waiting []control.Call
	for {
		news, more := log.Since(read)
		read += len(news)
		for _, e := range news {
			m.note(e)
		}
		if ids := m.ready(waiting); len(ids) > 0 {
			if err := gate.Open(ctx, ids...); err != nil {
				return err
			}
			waiting = slices.DeleteFunc(waiting, func(c control.Call) bool {
				return slices.Contains(ids, c.ID)
			})
		}
		select {
		case <-more:
		case u := <-updates:
			if u.err != nil {
				return u.err
			}
			waiting = u.calls
		case <-ctx.Done():
			return nil
		}
	}
}
