// Command lock puts a lock of one's own through every fault: one that is never released after a
// charge, and lasts for 40 days.
package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/scripts/faulttest"
)

func main() {
	os.Exit(faulttest.Run(os.Args[1:], os.Stdout, os.Stderr, faulttest.Protection{
		Name: "mylock", Redis: true, Guard: withMyLock,
	}))
}

// month is longer than any billing period.
const month = 40 * 24 * time.Hour

// withMyLock puts the lock around a charge, as in our own worker.
func withMyLock(
	s faulttest.Server, charge faulttest.Charge,
) (faulttest.Charge, func(), error) {
	options, err := redis.ParseURL(s.RedisURL)
	if err != nil {
		return nil, nil, err
	}
	client := redis.NewClient(options)
	lock := Lock{client, month}
	return func(ctx context.Context, inv billing.Invoice) (billing.Outcome, error) {
		lease, err := lock.Obtain(ctx, "paid:"+inv.String())
		if errors.Is(err, billing.ErrHeld) {
			return billing.Skipped, nil
		} else if err != nil {
			return "", err
		}
		outcome, err := charge(ctx, inv)
		if err != nil {
			err = errors.Join(err, lease.Release(ctx))
		}
		return outcome, err
	}, func() { _ = client.Close() }, nil
}
