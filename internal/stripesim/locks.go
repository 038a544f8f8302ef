package stripesim

import (
	"sync"
	"time"
)

// objectLocks holds a lock for each object in use, and none for the rest.
type objectLocks struct {
	timeout time.Duration
	mu      sync.Mutex
	held    map[lockKey]*objectLock
}

type lockKey struct {
	kind kind
	ref  ref
}

// objectLock is held by the request that put the token into its channel.
type objectLock struct {
	token chan struct{}
	users int // holder and waiters; at zero the lock is deleted
}

// acquire waits up to the time-out for the object's lock, and returns the function that releases
// it. Stripe does the same: two confirmations of one PaymentIntent never run at the same time, and
// the one that waits too long gets lock_timeout
// (https://docs.stripe.com/rate-limits#object-lock-timeouts).
func (l *objectLocks) acquire(k kind, r ref) (release func(), err *apiError) {
	key := lockKey{k, r}
	l.mu.Lock()
	lock := l.held[key]
	if lock == nil {
		lock = &objectLock{token: make(chan struct{}, 1)}
		l.held[key] = lock
	}
	lock.users++
	l.mu.Unlock()

	release = func() {
		<-lock.token
		l.leave(key, lock)
	}
	select {
	case lock.token <- struct{}{}:
		return release, nil
	default:
	}
	timer := time.NewTimer(l.timeout)
	defer timer.Stop()
	select {
	case lock.token <- struct{}{}:
		return release, nil
	case <-timer.C:
		l.leave(key, lock)
		return nil, errLockTimeout()
	}
}

func (l *objectLocks) leave(key lockKey, lock *objectLock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lock.users--
	if lock.users == 0 {
		delete(l.held, key)
	}
}
