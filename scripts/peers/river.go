package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/scripts/faulttest"
)

// billArgs name the invoice, without anything that may change before the job is worked.
type billArgs struct {
	Subscription string `json:"subscription"`
	Period       string `json:"period"`
}

// Kind implements river.JobArgs.
func (billArgs) Kind() string { return "bill" }

// InsertOpts makes the job unique per invoice, as in River's example_unique_job_test.go. The
// example's ByPeriod would admit the job again each day. ByState keeps its default: a completed job
// counts for as long as River keeps it, 24 hours.
func (billArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true}}
}

// billWorker is README.md, "Job args and workers".
type billWorker struct {
	river.WorkerDefaults[billArgs]
	pool   *pgxpool.Pool
	charge faulttest.Charge
	atWork *atomic.Int32 // jobs being worked in this server
}

// Work implements river.Worker.
func (w *billWorker) Work(ctx context.Context, job *river.Job[billArgs]) error {
	w.atWork.Add(1)
	defer w.atWork.Add(-1)
	inv, err := job.Args.invoice(ctx, w.pool)
	if err != nil {
		return err
	}
	_, err = w.charge(ctx, inv)
	return err
}

// invoice looks up the subscription as it is when the job is worked.
func (args billArgs) invoice(
	ctx context.Context, pool *pgxpool.Pool,
) (inv billing.Invoice, err error) {
	inv.Subscription.ID = args.Subscription
	if inv.Period, err = billing.ParsePeriod(args.Period); err != nil {
		return inv, err
	}
	s := &inv.Subscription
	return inv, pool.QueryRow(ctx,
		`SELECT customer, payment_method, amount_minor, currency FROM subscriptions WHERE id = $1`,
		s.ID).Scan(&s.Customer, &s.PaymentMethod, &s.AmountMinor, &s.Currency)
}

// riverQueue is River in one server. Its due run inserts a job per invoice, and any server's client
// works it.
type riverQueue struct {
	faulttest.Server
	pool   *pgxpool.Pool
	client *river.Client[pgx.Tx]
	start  sync.Once
	atWork *atomic.Int32
}

// withRiver is README.md, "Starting a client" and "Inserting jobs", of River. The
// job's time-out (default: a minute) and the age at which it is rescued (default: an hour) are the
// scenario's TTL, short where the scenario waits for an expiry. Everything else is River's default.
func withRiver(c faulttest.Server, charge faulttest.Charge) (faulttest.Charge, func(), error) {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, c.DatabaseURL)
	if err != nil {
		return nil, nil, err
	}
	err = inTurn(ctx, pool, func() error { // its documentation asks for that before the start
		migrator, err := rivermigrate.New(riverpgxv5.New(pool), nil)
		if err == nil {
			_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	workers := river.NewWorkers()
	var atWork atomic.Int32
	river.AddWorker(workers, &billWorker{pool: pool, charge: charge, atWork: &atWork})
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		Queues:               map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 100}},
		Workers:              workers,
		JobTimeout:           c.LockTTL,
		RescueStuckJobsAfter: c.LockTTL,
		Logger:               slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return nil, nil, err
	}
	q := &riverQueue{Server: c, pool: pool, client: client, atWork: &atWork}
	return q.bill, q.stop, nil
}

// inTurn makes a library's tables, while other servers that start at the same time wait. Who waits
// has no statement open, for which DBOS' CREATE INDEX CONCURRENTLY would wait in its turn.
func inTurn(ctx context.Context, pool *pgxpool.Pool, migrate func() error) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Hijack().Close(ctx) }() // which ends the lock
	const lock = `SELECT pg_try_advisory_lock(hashtext('peers'), hashtext(current_schema()))`
	for mine := false; !mine; time.Sleep(lookEvery) {
		if err := conn.QueryRow(ctx, lock).Scan(&mine); err != nil {
			return err
		}
	}
	return migrate()
}

// bill inserts the invoice's job, and returns when any server has worked it, or when an attempt has
// failed and River will make another. This server may still be working a job that timed out and was
// rescued elsewhere; the due run waits for that, too.
func (q *riverQueue) bill(ctx context.Context, inv billing.Invoice) (billing.Outcome, error) {
	// The client starts with the first due run, so that this server does nothing before the
	// scenario fires it.
	var err error
	q.start.Do(func() { err = q.begin(ctx) })
	if err != nil {
		return "", err
	}
	inserted, err := q.client.Insert(ctx, billArgs{inv.Subscription.ID, inv.Period.String()}, nil)
	if err != nil {
		return "", err
	}
	q.Waiting(ctx, inv)
	return q.await(ctx, inserted.Job)
}

// lookEvery is the interval between looks at a job or at the leader.
const lookEvery = 20 * time.Millisecond

// begin starts the client and returns once the servers have a leader. A server that a scenario
// paused in the middle of the election would keep the others from being elected; in production, a
// server that makes a due run has finished its election long before.
func (q *riverQueue) begin(ctx context.Context) error {
	if err := q.client.Start(ctx); err != nil {
		return err
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for led := false; !led; <-tick.C {
		err := q.pool.QueryRow(ctx, `SELECT EXISTS (`+leader+`)`).Scan(&led)
		if err != nil {
			return err
		}
	}
	return nil
}

// leader selects the row of the current leader.
const leader = `SELECT FROM river_leader WHERE expires_at > clock_timestamp()`

func (q *riverQueue) await(ctx context.Context, job *rivertype.JobRow) (billing.Outcome, error) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for failed := len(job.Errors); ; <-tick.C {
		job, err := q.client.JobGet(ctx, job.ID)
		switch {
		case q.atWork.Load() > 0: // checked after the query: this process may have been paused
		case err != nil:
			return "", err
		case job.State == rivertype.JobStateCompleted:
			return billing.Skipped, nil // the server that worked it has logged the outcome
		case len(job.Errors) > failed:
			return "", errors.New(job.Errors[len(job.Errors)-1].Error)
		case job.State == rivertype.JobStateCancelled || job.State == rivertype.JobStateDiscarded:
			return "", fmt.Errorf("the job was given up by River: it is %s", job.State)
		}
	}
}

// stopLimit is the wait for running jobs, less than a server's own limit.
const stopLimit = 3 * time.Second

func (q *riverQueue) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
	defer cancel()
	_ = q.client.Stop(ctx)
	q.pool.Close()
}

// riverJobHeld reports whether one client still has the job to itself. It does until River has
// rescued it, or until no leader is left to do so; a server that starts next becomes the leader.
func riverJobHeld(ctx context.Context, databaseURL string, _ bool) (held bool, err error) {
	const query = `SELECT EXISTS (
		SELECT FROM river_job WHERE state = 'running' AND attempt = 1 AND (
			attempted_at > clock_timestamp() - interval '2 s'
			OR EXISTS (` + leader + `)))`
	err = ask(ctx, databaseURL, query, &held)
	return held, err
}
