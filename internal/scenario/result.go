package scenario

import (
	"fmt"
	"slices"

	"example.com/triplecharge/internal/timeline"
	"example.com/triplecharge/internal/verdicts"
)

// Result is what came of a scenario.
type Result struct {
	Mode     string
	Fault    verdicts.Fault
	Servers  int
	Expected verdicts.Verdict
	Accounts []Account        // in the order in which the subscriptions were given
	Picture  timeline.Picture // of the first one's invoice
	Lock     Lock

	DatabaseURL, StripeURL string

	close func() // may be nil
}

// Close stops what the result kept up.
func (r Result) Close() {
	if r.close != nil {
		r.close()
	}
}

// OK reports whether every invoice has what the mode promises.
func (r Result) OK() bool {
	return !slices.ContainsFunc(r.Accounts, func(a Account) bool {
		return a.Counts() != r.Expected.After
	})
}

// expect looks up what the mode promises.
func (r *Result) expect() error {
	var ok bool
	if r.Expected, ok = verdicts.Expected(r.Mode, r.Fault, r.Servers); !ok {
		return fmt.Errorf("no verdict is expected of %s under %s: internal/verdicts lacks it",
			r.Mode, r.Fault)
	}
	return nil
}

// Account is what one invoice's customer owed and paid, read from both sides. Amounts are in the
// currency's smallest unit.
type Account struct {
	Subscription string `json:"subscription"`
	Period       string `json:"period"`
	Currency     string `json:"currency"`
	DueMinor     int64  `json:"due_minor"`
	Charges      int    `json:"charges"` // at Stripe
	ChargedMinor int64  `json:"charged_minor"`
	Entries      int    `json:"entries"` // in the ledger
	EnteredMinor int64  `json:"entered_minor"`
}

// Counts returns the account's charges and entries.
func (a Account) Counts() verdicts.Counts {
	return verdicts.Counts{Charges: a.Charges, Entries: a.Entries}
}

// Lock is what the lock or the claim cost, beside what it protects: medians in milliseconds, zero
// where there was nothing to measure.
type Lock struct {
	AcquireMS float64 `json:"acquire_ms"` // to obtain it, or to learn that another has it
	ReleaseMS float64 `json:"release_ms"`
	ChargeMS  float64 `json:"charge_ms"`
	Obtained  int     `json:"obtained"`
	Held      int     `json:"held"`
	Claims    bool    `json:"claims"` // it is a claim in Postgres, which nobody releases
}

func measure(events []timeline.Event) Lock {
	took := map[string][]float64{}
	for _, e := range events {
		took[e.Name] = append(took[e.Name], e.MS)
	}
	obtained := slices.Concat(took["lease.obtained"], took["claim.taken"])
	held := slices.Concat(took["lease.held"], took["claim.held"])
	return Lock{
		AcquireMS: median(slices.Concat(obtained, held)),
		ReleaseMS: median(took["lease.released"]),
		ChargeMS:  median(took["charge.succeeded"]),
		Obtained:  len(obtained),
		Held:      len(held),
		Claims:    len(took["claim.taken"]) > 0,
	}
}

func median(ms []float64) float64 {
	if len(ms) == 0 {
		return 0
	}
	slices.Sort(ms)
	return ms[len(ms)/2]
}
