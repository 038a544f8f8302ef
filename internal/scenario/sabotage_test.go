package scenario

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/worker"
)

// The guards that are not in a mode.
const (
	logWriter = "the log's writer" // events are written on the money path
	sigpipe   = "the ignored SIGPIPE"
)

// sabotagedOutput is where a server without the guard writes its events.
func sabotagedOutput(guard string) io.Writer {
	// Without its writer, a server that SIGPIPE ends dies before the charge's entry; with it,
	// perhaps after.
	if guard == logWriter || guard == sigpipe {
		return struct{ io.Writer }{os.Stdout} // no file, so written directly
	}
	return os.Stdout
}

// sabotaged takes a guard out of the mode that the server runs.
func sabotaged(guard string) worker.Change {
	return func(_ worker.Config, m billing.Mode) billing.Mode {
		if guard == sigpipe {
			signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // no longer ignored,
			signal.Reset(syscall.SIGPIPE)                           // but as at the start
			return m
		} else if guard == logWriter {
			return m
		}
		made := m.New
		m.New = func(p billing.Ports) billing.Biller { return made(sabotages()[guard](p)) }
		return m
	}
}

// sabotages returns how to take each guard out of the ports, by the guard's name.
func sabotages() map[string]func(billing.Ports) billing.Ports {
	return map[string]func(billing.Ports) billing.Ports{
		"the re-check": func(p billing.Ports) billing.Ports {
			p.Ledger = forgetful{p.Ledger}
			return p
		},
		"the lock": func(p billing.Ports) billing.Ports {
			p.Locker = noLock{}
			return p
		},
		"validity": func(p billing.Ports) billing.Ports {
			p.Locker = alwaysValidLocker{p.Locker}
			return p
		},
		"the claim": func(p billing.Ports) billing.Ports {
			p.Final = noClaims{p.Final}
			return p
		},
		"the fence": func(p billing.Ports) billing.Ports {
			p.Fence = noFence{p.Fence, p.Ledger}
			return p
		},
		"the key": func(p billing.Ports) billing.Ports {
			p.Charger = noKey{p.Charger}
			return p
		},
		"the registration": func(p billing.Ports) billing.Ports {
			p.Claims = noRegistration{p.Claims}
			return p
		},
	}
}

type forgetful struct{ billing.Ledger }

func (forgetful) Charged(
	_ context.Context, inv billing.Invoice,
) (billing.Invoice, bool, error) {
	return inv, false, nil
}

type noLock struct{}

func (noLock) Obtain(context.Context, string) (billing.Lease, error) { return noLock{}, nil }
func (noLock) Valid() error                                          { return nil }
func (noLock) Release(context.Context) error                         { return nil }

type alwaysValidLocker struct{ billing.Locker }

func (l alwaysValidLocker) Obtain(ctx context.Context, key string) (billing.Lease, error) {
	lease, err := l.Locker.Obtain(ctx, key)
	return alwaysValid{lease}, err
}

type alwaysValid struct{ billing.Lease }

func (alwaysValid) Valid() error { return nil }

type noClaims struct{ billing.Claims }

func (noClaims) Take(_ context.Context, inv billing.Invoice) (billing.Claim, error) {
	return billing.Claim{Invoice: inv, Generation: time.Now().UnixNano()}, nil
}

type noFence struct {
	billing.Fence
	ledger billing.Ledger
}

func (f noFence) Record(ctx context.Context, c billing.Charge, _ billing.Token) error {
	return f.ledger.Record(ctx, c)
}

type noKey struct{ billing.Charger }

func (k noKey) Charge(ctx context.Context, r billing.Request) (billing.Charge, error) {
	r.Key = ""
	return k.Charger.Charge(ctx, r)
}

type noRegistration struct{ billing.Claims }

func (noRegistration) Register(
	_ context.Context, _ billing.Claim, intent billing.Intent,
) (billing.Intent, error) {
	return intent, nil
}
