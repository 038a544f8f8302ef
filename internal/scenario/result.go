package scenario

import (
	"slices"

	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/reconcile"
	"example.com/triplecharge/internal/timeline"
	"example.com/triplecharge/internal/verdict"
)

// Result is the result of a scenario.
type Result struct {
	Mode     string
	Fault    faults.Fault
	Servers  int
	Expected faults.Expectation
	Invoices []reconcile.Invoice // in the order in which the subscriptions were given
	Declined map[string]bool     // by subscription: the card was declined, and nothing charged
	Picture  timeline.Picture    // of the first one's invoice
	Lock     Lock

	DatabaseURL, StripeURL string

	close func() // may be nil
}

// Close stops the simulator, which the result keeps running.
func (r Result) Close() {
	if r.close != nil {
		r.close()
	}
}

// OK reports whether every invoice is as expected of the mode, true if nothing is expected. Of a
// card that was declined, no charge is expected.
func (r Result) OK() bool {
	return !slices.ContainsFunc(r.Invoices, func(i reconcile.Invoice) bool {
		return r.Expected.Known && i.Counts() != r.Expected.After && !r.Declined[i.Subscription]
	})
}

// declined finds the invoices whose card was declined, and that have no charge and no entry.
func declined(invoices []reconcile.Invoice, events []event.Event) map[string]bool {
	cards, found := map[string]bool{}, map[string]bool{}
	for _, e := range events {
		if e.Kind == event.ChargeDeclined {
			cards[e.Invoice] = true
		}
	}
	for _, i := range invoices {
		if cards[i.String()] && i.Counts() == (verdict.Counts{}) {
			found[i.Subscription] = true
		}
	}
	return found
}

// Lock is the cost of the lock or the claim, and of the charge that it protects: medians in
// milliseconds, zero if there was nothing to measure.
type Lock struct {
	AcquireMS float64 `json:"acquire_ms"` // to obtain it, or to learn that another server has it
	ReleaseMS float64 `json:"release_ms"`
	ChargeMS  float64 `json:"charge_ms"`
	Obtained  int     `json:"obtained"`
	Held      int     `json:"held"`
	Claims    bool    `json:"claims"` // it is a claim in Postgres, which is never released
}

func measure(events []event.Event) Lock {
	took := map[event.Kind][]float64{}
	for _, e := range events {
		took[e.Kind] = append(took[e.Kind], e.MS)
	}
	obtained := slices.Concat(took[event.LeaseObtained], took[event.ClaimTaken])
	held := slices.Concat(took[event.LeaseHeld], took[event.ClaimHeld])
	return Lock{
		AcquireMS: median(slices.Concat(obtained, held)),
		ReleaseMS: median(took[event.LeaseReleased]),
		ChargeMS:  median(took[event.ChargeSucceeded]),
		Obtained:  len(obtained),
		Held:      len(held),
		Claims:    len(took[event.ClaimTaken]) > 0,
	}
}

func median(ms []float64) float64 {
	if len(ms) == 0 {
		return 0
	}
	slices.Sort(ms)
	return ms[len(ms)/2]
}
