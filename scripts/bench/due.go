package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"example.com/triplecharge/internal/load"
)

// How many servers there are, and how many charges each has under way.
const (
	servers = 3
	few     = 16
	many    = 256
)

// dueRun is one due run: of our worker in a mode, or of another in its place.
type dueRun struct {
	worker          []string
	mode            string
	invoices        int
	concurrency     int
	latency, jitter time.Duration
	everyone        bool // each server charges each invoice
}

func (b *bench) ours(mode string, invoices, concurrency int) dueRun {
	return dueRun{worker: []string{b.worker}, mode: mode, invoices: invoices, concurrency: concurrency}
}

// limit is the run that does nothing but call Stripe, as often.
func (b *bench) limit(calls string, invoices, concurrency int) dueRun {
	return dueRun{worker: []string{b.self, workerArg, calls}, mode: "uncoordinated",
		invoices: invoices, concurrency: concurrency, everyone: true}
}

// make makes the run, and returns its seconds for each charge.
func (b *bench) make(ctx context.Context, d dueRun) (load.Result, float64, error) {
	subscriptions := d.invoices
	if d.everyone {
		subscriptions /= servers
	}
	r, err := load.Options{
		Services: b.services, Worker: d.worker, Mode: d.mode, Servers: servers,
		Subscriptions: subscriptions, At: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC),
		Latency: d.latency, Jitter: d.jitter,
		Flags: []string{"--concurrency", strconv.Itoa(d.concurrency)},
	}.Run(ctx)
	if err != nil {
		return r, 0, err
	}
	if !d.everyone && !r.Audit.Exact() {
		return r, 0, fmt.Errorf("%s is not exact: %+v", d.mode, r.Audit)
	}
	each := r.Took.Seconds() / float64(r.Audit.Charges)
	fmt.Fprintf(b.log, "%s %s: %d charges in %v, %.0f/s\n", d.worker[len(d.worker)-1], d.mode,
		r.Audit.Charges, r.Took.Round(time.Millisecond), 1/each)
	return r, each, nil
}

// against makes two runs in turns, and returns the ratios of their times.
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

const dueSection = "a due run, three servers, 16 charges in flight each, Stripe answering at once"

// due measures due runs against their limits.
func (b *bench) due(ctx context.Context) error {
	for _, d := range []struct {
		mode, calls string
		invoices    int
		most        float64
	}{
		{"locked", oneCall, b.Invoices / 10, 1.40},
		{"locked", oneCall, b.Invoices, 1.25},
		{"exactly-once", twoCalls, b.Invoices / 10, 1.40},
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
				what: d.mode + ": memory of a server", most: 32})
		}
	}
	return nil
}

// memory is that of the largest server, in MB.
func memory(r load.Result) float64 {
	var most int64
	for _, s := range r.Servers {
		most = max(most, s.MemoryBytes)
	}
	return float64(most) / 1e6
}

// river measures the locked due run against River's unique jobs; with a tenth of the invoices, and
// without the time that it takes to insert them.
func (b *bench) river(ctx context.Context) error {
	for _, r := range []struct {
		how string
		riverOptions
		least float64
	}{
		{"16 workers, tuned", riverOptions{workers: 16, tuned: true}, 8},
		{"100 workers, tuned", riverOptions{workers: 100, tuned: true}, 6.5},
		{"100 workers, as it comes", riverOptions{workers: 100}, 13},
		{"16 workers, tuned, recording through our grouped ledger",
			riverOptions{workers: 16, tuned: true, grouped: true}, 0},
	} {
		jobs := dueRun{worker: []string{b.self, workerArg, riverPrefix + r.String()}, mode: "locked",
			invoices: b.Invoices / 10, concurrency: few}
		ratios, _, err := b.against(ctx, jobs, b.ours("locked", b.Invoices/10, few), b.Rounds)
		if err != nil {
			return err
		}
		b.report.add(figure{section: "River, a unique job for each invoice, ÷ locked",
			values: ratios, least: r.least, what: r.how})
	}
	return nil
}

// growth measures whether the time for each invoice, and the memory, grow with the list.
func (b *bench) growth(ctx context.Context) error {
	const section = "growth, one run each"
	for _, mode := range []string{"locked", "exactly-once"} {
		each, memories := map[int]float64{}, map[int]float64{}
		for _, invoices := range []int{b.Invoices / 10, b.Invoices, b.Growth} {
			r, seconds, err := b.make(ctx, b.ours(mode, invoices, few))
			if err != nil {
				return err
			}
			each[invoices], memories[invoices] = seconds, memory(r)
		}
		b.report.add(figure{section: section, values: []float64{each[b.Growth] / each[b.Invoices]},
			what: fmt.Sprintf("%s: an invoice of %d ÷ of %d", mode, b.Growth, b.Invoices), most: 1.05})
		b.report.add(figure{section: section, unit: "MB", most: 2,
			values: []float64{memories[b.Growth] - memories[b.Invoices/10]},
			what:   fmt.Sprintf("%s: memory, %d less %d", mode, b.Growth, b.Invoices/10)})
	}
	return nil
}

// latency measures due runs where Stripe takes 200 ms, give or take 100.
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
	b.report.add(figure{section: section, what: "locked ÷ limit", values: ratios, most: 1.08})
	b.report.add(figure{section: section, what: "memory of a server, 256 in flight", unit: "MB",
		values: []float64{memory(last)}, most: 64})
	return nil
}
