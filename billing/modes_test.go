package billing_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
)

var (
	errPort = errors.New("no answer")
	lost    = billing.ErrLeaseLost
)

// row is a script for the ports, and what the mode makes of it: every call in its order, and the
// outcome.
type row struct {
	behaviour string
	ports     script
	calls     string
	want      billing.Outcome
	err       error
}

func testMode(t *testing.T, mode string, rows []row) {
	t.Helper()
	for _, r := range rows {
		t.Run(r.behaviour, func(t *testing.T) {
			t.Parallel()
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			r.ports.stop = stop
			ports := billing.Ports{Ledger: &r.ports, Charger: &r.ports, Locker: &r.ports}
			got, err := mustMode(t, mode, ports).Bill(ctx, billingtest.Invoice("alice"))
			if got != r.want || !errors.Is(err, r.err) {
				t.Errorf("got %q, %v; want %q, %v", got, err, r.want, r.err)
			}
			if calls := strings.Join(r.ports.calls, ", "); calls != r.calls {
				t.Errorf("called %s\nwant   %s", calls, r.calls)
			}
		})
	}
}

func TestUncoordinated(t *testing.T) {
	t.Parallel()
	testMode(t, "uncoordinated", []row{
		{"bills", script{},
			"charge, record", billing.Billed, nil},
		{"asks nobody whether the invoice is charged", script{charged: true},
			"charge, record", billing.Billed, nil},
		{"records nothing that wasn't charged", script{charge: billing.ErrDeclined},
			"charge", "", billing.ErrDeclined},
		{"says so if it can't record", script{record: errPort},
			"charge, record", "", errPort},
		{"records what was charged while it was stopped", script{stopped: true},
			"charge, record", billing.Billed, nil},
	})
}

func TestNaiveLock(t *testing.T) {
	t.Parallel()
	const obtain = "obtain lock:billing:alice"
	testMode(t, "naive-lock", []row{
		{"bills", script{},
			obtain + ", charge, record, release", billing.Billed, nil},
		{"skips what another server holds", script{obtain: billing.ErrHeld},
			obtain, billing.Skipped, nil},
		{"charges nobody without the lock", script{obtain: errPort},
			obtain, "", errPort},
		{"asks nobody: late, it charges again", script{charged: true},
			obtain + ", charge, record, release", billing.Billed, nil},
		{"watches nothing: slow, it charges again", script{trusted: []error{lost}},
			obtain + ", charge, record, release", billing.Billed, nil},
		{"releases if the charge fails", script{charge: billing.ErrUnknown},
			obtain + ", charge, release", "", billing.ErrUnknown},
		{"releases if it can't record", script{record: errPort},
			obtain + ", charge, record, release", "", errPort},
		{"finishes what it began when stopped", script{stopped: true},
			obtain + ", charge, record, release", billing.Billed, nil},
	})
}

func TestLocked(t *testing.T) {
	t.Parallel()
	const obtain = "obtain lock:billing:alice:2026-12"
	testMode(t, "locked", []row{
		{"bills", script{},
			obtain + ", trusted, charged, trusted, charge, record, release", billing.Billed, nil},
		{"skips what another server holds", script{obtain: billing.ErrHeld},
			obtain, billing.Skipped, nil},
		{"charges nobody without the lease", script{obtain: errPort},
			obtain, "", errPort},
		{"asks the ledger again: late, it charges nobody", script{charged: true},
			obtain + ", trusted, charged, release", billing.AlreadyBilled, nil},
		{"asks and sends nothing if the lease is lost", script{trusted: []error{lost}},
			obtain + ", trusted, release", "", billing.ErrLeaseLost},
		{"sends nothing if the ledger doesn't answer", script{recheck: errPort},
			obtain + ", trusted, charged, release", "", errPort},
		{"sends nothing if the lease is lost meanwhile", script{trusted: []error{nil, lost}},
			obtain + ", trusted, charged, trusted, release", "", billing.ErrLeaseLost},
		{"records also if the lease is lost behind the charge",
			script{trusted: []error{nil, nil, lost}},
			obtain + ", trusted, charged, trusted, charge, record, release", billing.Billed, nil},
		{"releases if the charge fails", script{charge: billing.ErrDeclined},
			obtain + ", trusted, charged, trusted, charge, release", "", billing.ErrDeclined},
		{"releases if it can't record", script{record: errPort},
			obtain + ", trusted, charged, trusted, charge, record, release", "", errPort},
		{"has billed also if the release fails", script{release: errPort},
			obtain + ", trusted, charged, trusted, charge, record, release", billing.Billed, nil},
		{"finishes what it began when stopped", script{stopped: true},
			obtain + ", trusted, charged, trusted, charge, record, release", billing.Billed, nil},
	})
}

// Whether servers meet or follow each other decides what a mode is worth.
func TestModesOnThreeServers(t *testing.T) {
	t.Parallel()
	atOnce := func(bill func(meanwhile func())) {
		bill(func() { bill(func() { bill(nil) }) })
	}
	oneByOne := func(bill func(meanwhile func())) {
		bill(nil)
		bill(nil)
		bill(nil)
	}
	for _, c := range []struct {
		mode    string
		servers string
		run     func(bill func(meanwhile func()))
		want    int
	}{
		{"uncoordinated", "at once", atOnce, 3},
		{"uncoordinated", "one by one", oneByOne, 3},
		{"naive-lock", "at once", atOnce, 1},
		{"naive-lock", "one by one", oneByOne, 3},
		{"locked", "at once", atOnce, 1},
		{"locked", "one by one", oneByOne, 1},
	} {
		t.Run(c.mode+" "+c.servers, func(t *testing.T) {
			t.Parallel()
			var (
				alice  = billingtest.Invoice("alice")
				stripe billingtest.MemoryStripe
				ledger billingtest.MemoryLedger
				locker billingtest.MemoryLocker
			)
			c.run(func(meanwhile func()) {
				mode := mustMode(t, c.mode, billing.Ports{
					Ledger: &ledger, Locker: &locker, Charger: slowCharger{&stripe, meanwhile},
				})
				if _, err := mode.Bill(t.Context(), alice); err != nil {
					t.Error(err)
				}
			})
			charges, entries := len(stripe.Charges(alice)), len(ledger.Charges(alice))
			if charges != c.want || entries != c.want {
				t.Errorf("got %d charges and %d entries, want %d", charges, entries, c.want)
			}
		})
	}
}

func mustMode(t *testing.T, name string, ports billing.Ports) billing.Biller {
	t.Helper()
	mode, err := billing.ModeNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	return mode.New(ports)
}

// slowCharger does something, if not nil, while a charge is on its way.
type slowCharger struct {
	billing.Charger
	meanwhile func()
}

func (c slowCharger) Charge(ctx context.Context, r billing.Request) (billing.Charge, error) {
	if c.meanwhile != nil {
		c.meanwhile()
	}
	return c.Charger.Charge(ctx, r)
}

// script is the ports of a mode: they answer what the fields say, and remember the calls.
type script struct {
	obtain, recheck, charge, record, release error

	charged bool
	trusted []error // the first answers; nil then
	stopped bool    // the context ends while Stripe is at the charge
	stop    func()

	calls []string
}

// call remembers a call, but for one under a context that ended: such a call does nothing.
func (s *script) call(ctx context.Context, name string, answer error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.calls = append(s.calls, name)
	return answer
}

func (s *script) Obtain(ctx context.Context, key string) (billing.Lease, error) {
	return scriptLease{s}, s.call(ctx, "obtain "+key, s.obtain)
}

func (s *script) Charged(ctx context.Context, _ billing.Invoice) (bool, error) {
	return s.charged, s.call(ctx, "charged", s.recheck)
}

func (s *script) Charge(ctx context.Context, r billing.Request) (billing.Charge, error) {
	if r.Trusted != nil {
		if err := r.Trusted(); err != nil {
			return billing.Charge{}, fmt.Errorf("%w: %w", billing.ErrNotSent, err)
		}
	}
	err := s.call(ctx, "charge"+r.Key, s.charge) // a key would make another call of it
	if s.stopped {
		s.stop()
	}
	return billing.Charge{Invoice: r.Invoice, PaymentIntent: "pi_1"}, err
}

func (s *script) Record(ctx context.Context, c billing.Charge) error {
	return s.call(ctx, strings.TrimSuffix("record "+c.PaymentIntent, " pi_1"), s.record)
}

type scriptLease struct{ *script }

func (l scriptLease) Trusted() (answer error) {
	l.calls = append(l.calls, "trusted")
	if len(l.trusted) > 0 {
		answer, l.trusted = l.trusted[0], l.trusted[1:]
	}
	return answer
}

func (l scriptLease) Release(ctx context.Context) error {
	return l.call(ctx, "release", l.release)
}
