package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/worker"
)

// billArgs are the arguments of a job: one unique job per invoice.
type billArgs struct {
	Subscription billing.Subscription `json:"subscription"`
	Period       string               `json:"period"`
}

// Kind implements river.JobArgs.
func (billArgs) Kind() string { return "bill" }

// InsertOpts makes the job unique.
func (billArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true}}
}

// billWorker charges and records.
type billWorker struct {
	river.WorkerDefaults[billArgs]
	ports billing.Ports
	// pool, if not nil, takes the entry and the end of the job in one transaction, as in
	// https://riverqueue.com/docs/transactional-job-completion. If nil, our ledger records, in
	// batches.
	pool *pgxpool.Pool
}

// Work implements river.Worker.
func (w *billWorker) Work(ctx context.Context, job *river.Job[billArgs]) error {
	period, err := billing.ParsePeriod(job.Args.Period)
	if err != nil {
		return err
	}
	inv := billing.Invoice{Subscription: job.Args.Subscription, Period: period}
	charge, err := w.ports.Charger.Charge(ctx, billing.Request{Invoice: inv, Key: inv.String()})
	if err != nil {
		return err
	}
	if w.pool == nil {
		return w.ports.Ledger.Record(ctx, charge)
	}
	return w.record(ctx, job, charge)
}

func (w *billWorker) record(
	ctx context.Context, job *river.Job[billArgs], c billing.Charge,
) error {
	tx, err := w.pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	const entry = `
		INSERT INTO entries (kind, payment_intent, subscription, period,
			amount_minor, currency, recorded_by)
		VALUES ('charge', $1, $2, $3, $4, $5, 'river')
		ON CONFLICT (payment_intent) WHERE kind = 'charge' DO NOTHING`
	if _, err := tx.Exec(ctx, entry, c.PaymentIntent, c.Invoice.Subscription.ID,
		c.Invoice.Period.String(), c.AmountMinor, c.Currency); err != nil {
		return err
	}
	if _, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// riverQueue is River in one server. The first invoice of its due run waits until no job is left,
// the others are skipped.
type riverQueue struct {
	pool   *pgxpool.Pool
	client *river.Client[pgx.Tx]
	start  sync.Once
}

// riverOptions configure River.
type riverOptions struct {
	workers int
	tuned   bool // polls the queue as often as River allows
	batched bool // records through our ledger
}

// parse reads the result of String.
func (o *riverOptions) parse(s string) error {
	_, err := fmt.Sscanf(s, riverFormat, &o.workers, &o.tuned, &o.batched)
	return err
}

func (o riverOptions) String() string {
	return fmt.Sprintf(riverFormat, o.workers, o.tuned, o.batched)
}

const riverFormat = "%d/%t/%t"

// newRiver makes River's tables and, as server-a, a job for each subscription. The server doesn't
// listen yet, so the time isn't counted.
func newRiver(c worker.Config, p billing.Ports, o riverOptions) (*riverQueue, error) {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, c.DatabaseURL)
	if err != nil {
		return nil, err
	}
	if err := migrateRiver(ctx, pool); err != nil {
		return nil, err
	}
	all := river.NewWorkers()
	w := &billWorker{ports: p, pool: pool}
	if o.batched {
		w.pool = nil
	}
	river.AddWorker(all, w)
	config := &river.Config{
		Queues:  map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: o.workers}},
		Workers: all, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	if o.tuned {
		// The least that River accepts; its default pause between two fetches is 100 ms.
		config.FetchCooldown, config.FetchPollInterval = time.Millisecond, 10*time.Millisecond
	}
	client, err := river.NewClient(riverpgxv5.New(pool), config)
	if err != nil {
		return nil, err
	}
	if c.Name == "server-a" {
		err = insertJobs(ctx, pool, client)
	}
	return &riverQueue{pool: pool, client: client}, err
}

// migrateRiver makes River's tables; servers that start together take turns.
func migrateRiver(ctx context.Context, pool *pgxpool.Pool) error {
	tx, err := pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	const lock = `SELECT pg_advisory_xact_lock(hashtext('river'), hashtext(current_schema()))`
	if _, err := tx.Exec(ctx, lock); err != nil {
		return err
	}
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	if err != nil {
		return err
	}
	_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return err
}

// month is the period that package load bills.
const month = "2026-12"

func insertJobs(ctx context.Context, pool *pgxpool.Pool, client *river.Client[pgx.Tx]) error {
	rows, err := pool.Query(ctx,
		`SELECT id, customer, payment_method, amount_minor, currency FROM subscriptions`)
	if err != nil {
		return err
	}
	var jobs []river.InsertManyParams
	var s billing.Subscription
	_, err = pgx.ForEachRow(rows,
		[]any{&s.ID, &s.Customer, &s.PaymentMethod, &s.AmountMinor, &s.Currency}, func() error {
			jobs = append(jobs, river.InsertManyParams{Args: billArgs{s, month}})
			return nil
		})
	const atOnce = 5000
	for len(jobs) > 0 && err == nil {
		n := min(atOnce, len(jobs))
		_, err = client.InsertManyFast(ctx, jobs[:n])
		jobs = jobs[n:]
	}
	return err
}

// Bill implements billing.Biller.
func (q *riverQueue) Bill(ctx context.Context, _ billing.Invoice) (billing.Outcome, error) {
	var err error
	q.start.Do(func() { err = q.work(ctx) })
	return billing.Skipped, err
}

// lookEvery is the interval between checks for unfinished jobs: short compared with a run.
const lookEvery = 50 * time.Millisecond

func (q *riverQueue) work(ctx context.Context) error {
	if err := q.client.Start(ctx); err != nil {
		return err
	}
	for {
		var left bool
		err := q.pool.QueryRow(ctx,
			`SELECT EXISTS (SELECT FROM river_job WHERE finalized_at IS NULL)`).Scan(&left)
		if err != nil {
			return err
		}
		if !left {
			return q.client.Stop(ctx)
		}
		time.Sleep(lookEvery)
	}
}
