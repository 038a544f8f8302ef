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

var errPort = errors.New("no answer")

// Each row is a script for the ports, and what the mode makes of it: every call in its order, and
// the outcome.
func TestModes(t *testing.T) {
	t.Parallel()
	const (
		naive = "obtain lock:billing:alice"
		safe  = "obtain lock:billing:alice:2026-12"
	)
	lost := billing.ErrLeaseLost
	for _, c := range []struct {
		mode, behaviour string
		ports           script
		calls           string
		want            billing.Outcome
		err             error
	}{
		{"uncoordinated", "bills", script{},
			"charge, record", billing.Billed, nil},
		{"uncoordinated", "asks nobody whether the invoice is charged", script{charged: true},
			"charge, record", billing.Billed, nil},
		{"uncoordinated", "records nothing that wasn't charged", script{charge: billing.ErrDeclined},
			"charge", "", billing.ErrDeclined},
		{"uncoordinated", "says so if it can't record", script{record: errPort},
			"charge, record", "", errPort},
		{"uncoordinated", "records what was charged while it was stopped", script{stopped: true},
			"charge, record", billing.Billed, nil},

		{"naive-lock", "bills", script{},
			naive + ", charge, record, release", billing.Billed, nil},
		{"naive-lock", "skips what another server holds", script{obtain: billing.ErrHeld},
			naive, billing.Skipped, nil},
		{"naive-lock", "charges nobody without the lock", script{obtain: errPort},
			naive, "", errPort},
		{"naive-lock", "asks nobody: late, it charges again", script{charged: true},
			naive + ", charge, record, release", billing.Billed, nil},
		{"naive-lock", "watches nothing: slow, it charges again", script{trusted: []error{lost}},
			naive + ", charge, record, release", billing.Billed, nil},
		{"naive-lock", "releases if the charge fails", script{charge: billing.ErrUnknown},
			naive + ", charge, release", "", billing.ErrUnknown},
		{"naive-lock", "releases if it can't record", script{record: errPort},
			naive + ", charge, record, release", "", errPort},
		{"naive-lock", "finishes what it began when stopped", script{stopped: true},
			naive + ", charge, record, release", billing.Billed, nil},

		{"locked", "bills", script{},
			safe + ", trusted, charged, trusted, charge, record, release", billing.Billed, nil},
		{"locked", "skips what another server holds", script{obtain: billing.ErrHeld},
			safe, billing.Skipped, nil},
		{"locked", "charges nobody without the lease", script{obtain: errPort},
			safe, "", errPort},
		{"locked", "asks the ledger again: late, it charges nobody", script{charged: true},
			safe + ", trusted, charged, release", billing.AlreadyBilled, nil},
		{"locked", "asks and sends nothing if the lease is lost", script{trusted: []error{lost}},
			safe + ", trusted, release", "", billing.ErrLeaseLost},
		{"locked", "sends nothing if the ledger doesn't answer", script{recheck: errPort},
			safe + ", trusted, charged, release", "", errPort},
		{"locked", "sends nothing if the lease is lost meanwhile", script{trusted: []error{nil, lost}},
			safe + ", trusted, charged, trusted, release", "", billing.ErrLeaseLost},
		{"locked", "records also if the lease is lost behind the charge",
			script{trusted: []error{nil, nil, lost}},
			safe + ", trusted, charged, trusted, charge, record, release", billing.Billed, nil},
		{"locked", "releases if the charge fails", script{charge: billing.ErrDeclined},
			safe + ", trusted, charged, trusted, charge, release", "", billing.ErrDeclined},
		{"locked", "releases if it can't record", script{record: errPort},
			safe + ", trusted, charged, trusted, charge, record, release", "", errPort},
		{"locked", "has billed also if the release fails", script{release: errPort},
			safe + ", trusted, charged, trusted, charge, record, release", billing.Billed, nil},
		{"locked", "finishes what it began when stopped", script{stopped: true},
			safe + ", trusted, charged, trusted, charge, record, release", billing.Billed, nil},
	} {
		t.Run(c.mode+" "+c.behaviour, func(t *testing.T) {
			t.Parallel()
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			ports := c.ports
			ports.stop = stop
			mode := mustMode(t, c.mode, billing.Ports{Ledger: &ports, Charger: &ports, Locker: &ports})
			got, err := mode.Bill(ctx, billingtest.Invoice("alice"))
			if got != c.want || !errors.Is(err, c.err) {
				t.Errorf("got %q, %v; want %q, %v", got, err, c.want, c.err)
			}
			if calls := strings.Join(ports.calls, ", "); calls != c.calls {
				t.Errorf("called %s\nwant   %s", calls, c.calls)
			}
		})
	}
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
