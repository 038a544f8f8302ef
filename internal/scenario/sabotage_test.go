package scenario

import (
	"context"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/server"
)

// sabotaged takes a guard out of whatever mode the server runs.
func sabotaged(guard string) server.Change {
	return func(_ server.Config, m billing.Mode) billing.Mode {
		made := m.New
		m.New = func(p billing.Ports) billing.Biller { return made(sabotages()[guard](p)) }
		return m
	}
}

// sabotages are the ports without a guard, by the guard's name.
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
		"trust": func(p billing.Ports) billing.Ports {
			p.Locker = trusting{p.Locker}
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

func (forgetful) Charged(context.Context, billing.Invoice) (bool, error) { return false, nil }

type noLock struct{}

func (noLock) Obtain(context.Context, string) (billing.Lease, error) { return noLock{}, nil }
func (noLock) Trusted() error                                        { return nil }
func (noLock) Release(context.Context) error                         { return nil }

type trusting struct{ billing.Locker }

func (l trusting) Obtain(ctx context.Context, key string) (billing.Lease, error) {
	lease, err := l.Locker.Obtain(ctx, key)
	return trusted{lease}, err
}

type trusted struct{ billing.Lease }

func (trusted) Trusted() error { return nil }

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

func (noRegistration) Register(_ context.Context, _ billing.Claim, intent string) (string, error) {
	return intent, nil
}
