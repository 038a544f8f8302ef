package main

import (
	"context"
	"errors"

	redislocker "github.com/go-co-op/gocron-redis-lock/v2"
	"github.com/go-co-op/gocron/v2"
	"github.com/google/uuid"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/scripts/faulttest"
)

// withGocron is README.md, "usage", of gocron-redis-lock v2: NewRedisLocker with one try, a
// scheduler with that as its distributed locker, a job. As gocron documents Locker, the job's name
// is the lock's key, and the lock is held while the job runs; redsync gives it a TTL of 8 s. The
// scenario fires instead of gocron's clock, so each invoice is a job that runs at once.
func withGocron(c faulttest.Server, charge faulttest.Charge) (faulttest.Charge, func(), error) {
	client, err := openRedis(c)
	if err != nil {
		return nil, nil, err
	}
	locker, err := redislocker.NewRedisLocker(client, redislocker.WithTries(1))
	if err != nil {
		return nil, nil, err
	}
	s, err := gocron.NewScheduler(gocron.WithDistributedLocker(locker))
	if err != nil {
		return nil, nil, err
	}
	s.Start()
	return func(ctx context.Context, inv billing.Invoice) (billing.Outcome, error) {
		run := jobRun{Locker: locker, over: make(chan struct{})}
		_, err := s.NewJob(
			gocron.OneTimeJob(gocron.OneTimeJobStartImmediately()),
			gocron.NewTask(func() { run.outcome, run.err = charge(ctx, inv) }),
			gocron.WithName(lockName(inv)),
			// The same locker, which also tells when the lock is released.
			gocron.WithDistributedJobLocker(&run),
			gocron.WithEventListeners(gocron.AfterLockError(func(uuid.UUID, string, error) {
				run.outcome = billing.Skipped
				close(run.over)
			})),
		)
		if err != nil {
			return "", err
		}
		<-run.over
		return run.outcome, run.err
	}, func() { _ = s.Shutdown() }, nil
}

// jobRun is one run of a job; it is over when its lock is released.
type jobRun struct {
	gocron.Locker
	outcome billing.Outcome
	err     error
	over    chan struct{}
}

// Lock implements gocron.Locker.
func (r *jobRun) Lock(ctx context.Context, key string) (gocron.Lock, error) {
	lock, err := r.Locker.Lock(ctx, key)
	if err != nil {
		return nil, err
	}
	return &heldLock{Lock: lock, run: r}, nil
}

type heldLock struct {
	gocron.Lock
	run *jobRun
}

// Unlock implements gocron.Lock.
func (l *heldLock) Unlock(ctx context.Context) error {
	err := l.Lock.Unlock(ctx)
	l.run.err = errors.Join(l.run.err, err)
	close(l.run.over)
	return err
}
