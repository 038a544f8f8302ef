package main

import (
	"context"
	"errors"

	redislocker "github.com/go-co-op/gocron-redis-lock/v2"
	"github.com/go-co-op/gocron/v2"
	"github.com/google/uuid"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/server"
)

// withGocron is README.md, "usage", of gocron-redis-lock v2: NewRedisLocker with one try, a
// scheduler with that as its distributed locker, a job. By gocron's own documentation of Locker, the
// name of the job is the key of the lock, and the lock is held for the job's run; redsync makes it
// one of 8 s. What fires here is not gocron's clock but the scenario, so each invoice is a job
// that runs at once.
func withGocron(c server.Config, charge bill) (bill, func(), error) {
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
			// The same locker, and word of when it is unlocked.
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

// jobRun is one run of a job, over when its lock is unlocked.
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
