package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"example.com/triplecharge/internal/load"
)

// The number of servers, and of charges that each has in flight.
const (
	servers = 3
	few     = 16
	many    = 256
)

// dueRun is one due run, by our worker in a mode or by another worker.
type dueRun struct {
	worker          []string
	mode            string
	invoices        int
	concurrency     int
	latency, jitter time.Duration
	everyone        bool // each server charges each invoice
	closedMonths    int  // that were billed before
}

func (b *bench) ours(mode string, invoices, concurrency int) dueRun {
	return dueRun{
		worker: []string{b.worker}, mode: mode, invoices: invoices, concurrency: concurrency,
	}
}

// limit is a run that only calls Stripe, as often as the mode does.
func (b *bench) limit(calls string, invoices, concurrency int) dueRun {
	return dueRun{worker: []string{b.self, workerArg, calls}, mode: "uncoordinated",
		invoices: invoices, concurrency: concurrency, everyone: true}
}

// make makes the run, and returns its seconds per charge.
func (b *bench) make(ctx context.Context, d dueRun) (load.Result, float64, error) {
	subscriptions := d.invoices
	if d.everyone {
		subscriptions /= servers
	}
	r, err := load.Options{
		Services: b.services, Worker: d.worker, Mode: d.mode, Servers: servers,
		Subscriptions: subscriptions, At: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC),
		Latency: d.latency, Jitter: d.jitter, ClosedMonths: d.closedMonths,
		Flags: []string{"--concurrency", strconv.Itoa(d.concurrency)},
	}.Run(ctx)
	if err != nil {
		return r, 0, err
	}
	if !d.everyone && !r.Exact() {
		return r, 0, fmt.Errorf("%s is not exact: %+v", d.mode, r.Audit)
	}
	if r.Total().Charges == 0 {
		return r, 0, fmt.Errorf("%s %s: it charged nothing", d.worker[len(d.worker)-1], d.mode)
	}
	each := r.Took.Seconds() / float64(r.Total().Charges)
	var cpu time.Duration
	for _, s := range r.Servers {
		cpu += s.CPU
	}
	fmt.Fprintf(b.log, "%s %s: %d charges in %v, %.0f/s; %.0f µs of each by the servers\n",
		d.worker[len(d.worker)-1], d.mode, r.Total().Charges, r.Took.Round(time.Millisecond),
		1/each, cpu.Seconds()*1e6/float64(r.Total().Charges))
	return r, each, nil
}

// against makes the two runs in turns, and returns the ratios of their times.
func (b *bench) against(
	ctx context.Context, one, other dueRun, rounds int,
) (ratios []float64, last load.Result, err error) {
	for range rounds {
		_, limit, err := b.make(ctx, other)
		if err != nil {
			return nil, last, err
		}
		var each float64
		if last, each, err = b.make(ctx, one); err != nil {
			return nil, last, err
		}
		ratios = append(ratios, each/limit)
	}
	return ratios, last, nil
}

const dueSection = "a due run, three servers, 16 charges in flight each, Stripe replying at once"

// due measures due runs against their limits.
func (b *bench) due(ctx context.Context) error {
	for _, d := range []struct {
		mode, calls string
		invoices    int
		most        float64
	}{
		{"locked", oneCall, b.Invoices / 10, 1.35},
		{"locked", oneCall, b.Invoices, 1.25},
		{"exactly-once", twoCalls, b.Invoices / 10, 1.35},
		{"exactly-once", twoCalls, b.Invoices, 1.25},
	} {
		ratios, last, err := b.against(ctx, b.ours(d.mode, d.invoices, few),
			b.limit(d.calls, d.invoices, few), b.Rounds)
		if err != nil {
			return err
		}
		b.report.add(figure{section: dueSection, values: ratios, most: d.most,
			what: fmt.Sprintf("%s, %d invoices ÷ limit", d.mode, d.invoices)})
		if d.invoices == b.Invoices {
			b.report.add(figure{section: dueSection, unit: "MB", values: []float64{memory(last)},
				what: d.mode + ": memory of a server", most: 40})
		}
	}
	return nil
}

// memory returns the memory of the largest server, in MB.
func memory(r load.Result) float64 {
	var most int64
	for _, s := range r.Servers {
		most = max(most, s.MemoryBytes)
	}
	return float64(most) / 1e6
}

// river measures an invoice of the locked due run against one of River's unique jobs, a tenth as
// many, in each of its settings in turn. The time to insert the jobs is not counted.
func (b *bench) river(ctx context.Context) error {
	settings := []struct {
		how string
		riverOptions
		least float64
	}{
		{"16 workers, tuned", riverOptions{workers: 16, tuned: true}, 7},
		{"100 workers, tuned", riverOptions{workers: 100, tuned: true}, 6},
		{"100 workers, default settings", riverOptions{workers: 100}, 7},
		{"16 workers, tuned, recording through our batched ledger",
			riverOptions{workers: 16, tuned: true, batched: true}, 0},
	}
	ratios := make([][]float64, len(settings))
	for range b.Rounds {
		_, locked, err := b.make(ctx, b.ours("locked", b.Invoices, few))
		if err != nil {
			return err
		}
		for i, r := range settings {
			jobs := b.ours("locked", b.Invoices/10, few)
			jobs.worker = []string{b.self, workerArg, riverPrefix + r.String()}
			_, each, err := b.make(ctx, jobs)
			if err != nil {
				return err
			}
			ratios[i] = append(ratios[i], each/locked)
		}
	}
	for i, r := range settings {
		b.report.add(figure{section: "River, a unique job for each invoice, ÷ locked",
			values: ratios[i], least: r.least, what: r.how})
	}
	return nil
}

// closedMonths is how many months are in the ledger before the tenth.
const closedMonths = 9

// growth measures whether the time per invoice and the memory grow with the number of invoices, and
// with the months billed before.
func (b *bench) growth(ctx context.Context) error {
	const section = "growth, one run each"
	for _, mode := range []string{"locked", "exactly-once"} {
		tenth := b.ours(mode, b.Growth, few)
		tenth.closedMonths = closedMonths
		_, tenthEach, err := b.make(ctx, tenth)
		if err != nil {
			return err
		}
		each, memories := map[int]float64{}, map[int]float64{}
		for _, invoices := range []int{b.Growth, b.Invoices, b.Invoices / 10} {
			r, seconds, err := b.make(ctx, b.ours(mode, invoices, few))
			if err != nil {
				return err
			}
			each[invoices], memories[invoices] = seconds, memory(r)
		}
		b.report.add(figure{section: section, values: []float64{each[b.Growth] / each[b.Invoices]},
			most: 1.03,
			what: fmt.Sprintf("%s: an invoice of %d ÷ of %d", mode, b.Growth, b.Invoices)})
		b.report.add(figure{section: section, values: []float64{tenthEach / each[b.Growth]},
			most: 1.10, what: fmt.Sprintf("%s: the tenth month of %d ÷ the first", mode, b.Growth)})
		b.report.add(figure{section: section, unit: "MB", most: 2,
			values: []float64{memories[b.Growth] - memories[b.Invoices/10]},
			what:   fmt.Sprintf("%s: memory, %d less %d", mode, b.Growth, b.Invoices/10)})
	}
	return nil
}

// latency measures due runs where Stripe takes 200 ± 100 ms.
func (b *bench) latency(ctx context.Context) error {
	const section = "Stripe takes 200 ± 100 ms, 768 charges in flight"
	slow := func(d dueRun) dueRun {
		d.latency, d.jitter = 100*time.Millisecond, 200*time.Millisecond
		return d
	}
	ratios, last, err := b.against(ctx, slow(b.ours("locked", b.Invoices, many)),
		slow(b.limit(oneCall, b.Invoices, many)), min(b.Rounds, 3))
	if err != nil {
		return err
	}
	b.report.add(figure{section: section, what: "locked ÷ limit", values: ratios, most: 1.05})
	b.report.add(figure{section: section, what: "memory of a server, 256 in flight", unit: "MB",
		values: []float64{memory(last)}, most: 64})
	return nil
}
