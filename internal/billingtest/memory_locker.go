package billingtest

import (
	"context"
	"sync"

	"example.com/triplecharge/billing"
)

// MemoryLocker is a billing.Locker in memory. Its leases never expire: they end when released. Its
// zero value holds none. It is safe for concurrent use.
type MemoryLocker struct {
	mu      sync.Mutex
	held    map[string]*memoryLease
	granted map[string]billing.Token // by key: how many leases were fenced
}

// ObtainFenced implements billing.FencedLocker.
func (l *MemoryLocker) ObtainFenced(
	ctx context.Context, key string, floor billing.Token,
) (billing.Lease, billing.Token, error) {
	lease, err := l.Obtain(ctx, key)
	if err != nil {
		return nil, 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.granted == nil {
		l.granted = make(map[string]billing.Token)
	}
	l.granted[key] = max(l.granted[key], floor) + 1
	return lease, l.granted[key], nil
}

// Obtain implements billing.Locker.
func (l *MemoryLocker) Obtain(ctx context.Context, key string) (billing.Lease, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[key] != nil {
		return nil, billing.ErrHeld
	}
	if l.held == nil {
		l.held = make(map[string]*memoryLease)
	}
	l.held[key] = &memoryLease{locker: l, key: key}
	return l.held[key], nil
}

type memoryLease struct {
	locker *MemoryLocker
	key    string
}

// Valid returns ErrLeaseLost once the lease was released.
func (m *memoryLease) Valid() error {
	m.locker.mu.Lock()
	defer m.locker.mu.Unlock()
	if m.locker.held[m.key] != m {
		return billing.ErrLeaseLost
	}
	return nil
}

func (m *memoryLease) Release(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.locker.mu.Lock()
	defer m.locker.mu.Unlock()
	if m.locker.held[m.key] == m {
		delete(m.locker.held, m.key)
	}
	return nil
}
