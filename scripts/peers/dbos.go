package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/dbos-inc/dbos-transact-golang/dbos"
	"github.com/jackc/pgx/v5/pgxpool"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/scripts/faulttest"
)

// How long a due run waits for a workflow. Another server may have left it behind; othersLimit is
// longer than the interval at which a queue is looked at. This server may have lost its Postgres, of
// which DBOS asks again for ever; ownLimit is longer than any scenario holds a charge.
const (
	othersLimit = 5 * time.Second
	ownLimit    = 30 * time.Second
)

// withDBOS is README.md of DBOS Transact for Go: a workflow that charges in a step, started under
// the invoice as its workflow ID, which makes it idempotent. The executor has the server's name, so
// that a server that restarts recovers its own workflows; for others' DBOS has Conductor, a
// service. The step has no retries, which is the default.
func withDBOS(c faulttest.Server, charge faulttest.Charge) (faulttest.Charge, func(), error) {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, c.DatabaseURL)
	if err != nil {
		return nil, nil, err
	}
	var schema string
	if err := pool.QueryRow(ctx, `SELECT current_schema()`).Scan(&schema); err != nil {
		return nil, nil, err
	}
	var executor dbos.Context
	err = inTurn(ctx, pool, func() (err error) {
		executor, err = dbos.NewContext(ctx, dbos.Config{
			AppName: "billing", DatabaseURL: c.DatabaseURL, DatabaseSchema: schema,
			ExecutorID: c.Name, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		})
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	bill := func(ctx dbos.Context, args billArgs) (billing.Outcome, error) {
		return dbos.RunAsStep(ctx, func(ctx context.Context) (billing.Outcome, error) {
			inv, err := args.invoice(ctx, pool)
			if err != nil {
				return "", err
			}
			return charge(ctx, inv)
		})
	}
	dbos.RegisterWorkflow(executor, bill, dbos.WithWorkflowName("bill"))
	launch := sync.OnceValue(func() error { return dbos.Launch(executor) })
	return func(ctx context.Context, inv billing.Invoice) (billing.Outcome, error) {
		// With the first due run, so that the server does nothing before the scenario fires it.
		if err := launch(); err != nil {
			return "", err
		}
		handle, err := dbos.RunWorkflow(executor, bill,
			billArgs{inv.Subscription.ID, inv.Period.String()}, dbos.WithWorkflowID(lockName(inv)))
		if err != nil {
			return "", err
		}
		status, err := handle.GetStatus()
		if err != nil {
			return "", err
		}
		if status.ExecutorID == c.Name {
			return handle.GetResult(dbos.WithHandleTimeout(ownLimit))
		}
		c.Waiting(ctx, inv)
		outcome, err := handle.GetResult(dbos.WithHandleTimeout(othersLimit))
		if errors.Is(err, context.DeadlineExceeded) {
			return billing.Skipped, nil
		}
		return outcome, err
	}, func() { dbos.Shutdown(executor, stopLimit); pool.Close() }, nil
}
