package stripesim

import (
	"sync"
	"time"
)

// lockShards spreads the locks, so requests for different objects seldom share a mutex.
const lockShards = 64

// objectLocks holds a lock for each object in use, and none for the rest.
type objectLocks struct {
	timeout time.Duration
	shards  [lockShards]lockShard
}

type lockShard struct {
	mu   sync.Mutex
	held map[lockKey]*objectLock
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
	shard := &l.shards[uint64(r)%lockShards]
	key := lockKey{k, r}
	shard.mu.Lock()
	lock := shard.held[key]
	if lock == nil {
		if shard.held == nil {
			shard.held = make(map[lockKey]*objectLock)
		}
		lock = &objectLock{token: make(chan struct{}, 1)}
		shard.held[key] = lock
	}
	lock.users++
	shard.mu.Unlock()

	release = func() {
		<-lock.token
		shard.leave(key, lock)
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
		shard.leave(key, lock)
		return nil, errLockTimeout()
	}
}

func (s *lockShard) leave(key lockKey, lock *objectLock) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lock.users--
	if lock.users == 0 {
		delete(s.held, key)
	}
}
