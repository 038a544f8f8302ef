// Package trial holds a billing worker that is not ours, in any language, to the faults that can be
// made from outside: it runs the command once per server against a simulated Stripe, and counts
// what Stripe was made to take for each invoice.
package trial

import (
	"context"
	"fmt"
	"slices"
	"time"

	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/services"
	"example.com/triplecharge/internal/timeline"
	"example.com/triplecharge/internal/verdict"
)

// Options are what is put on trial, and how.
type Options struct {
	Services *services.Services // with a Postgres if Postgres is set
	Command  []string           // the worker: one due run, unless there is a Trigger
	Setup    string             // a shell command that prepares each row; "" for none
	Trigger  string             // a shell command that makes a due run of a worker that stays up
	Invoice  string             // the metadata key that names an invoice; "" if none does
	Expect   int                // charges of an invoice
	Servers  int                // at least two
	LockTTL  time.Duration      // how long the worker's own locks and claims last
	Timeout  time.Duration      // of one due run, while nothing holds it
	// Postgres and Redis name variables that get the URL of an empty database, and of an empty
	// Redis, for each row; "" for none.
	Postgres, Redis string
}

// Row is a fault and what the worker made of it.
type Row struct {
	Fault     faults.Fault     `json:"fault"`
	Text      string           `json:"text"`      // what happens, in a sentence
	After     []Invoice        `json:"after"`     // what Stripe took, after the fault
	Recovered []Invoice        `json:"recovered"` // the same after a recovery run
	Verdict   string           `json:"verdict"`   // in package verdict's words; "" if not played
	OK        bool             `json:"ok"`        // right, and without problems, or not applicable
	Advice    string           `json:"advice,omitempty"`
	NA        string           `json:"not_applicable,omitempty"` // why the fault could not be made
	Problems  []string         `json:"problems,omitempty"`       // a line each
	Seconds   float64          `json:"seconds"`
	Picture   timeline.Picture `json:"-"`
}

// alone is the row of one server, without a fault.
const alone faults.Fault = "alone"

// Run plays one server alone without a fault, to see what is due, then each fault, and passes the
// rows to done as they end. Unless the worker bills by itself, no fault is played. When ctx ends,
// Run leaves nothing behind and returns ctx's error.
func (o Options) Run(ctx context.Context, fs []faults.Fault, done func(Row)) error {
	single := o
	single.Servers = 1
	first, err := single.row(ctx, alone, nil)
	if err != nil {
		return err
	}
	done(first)
	for _, f := range fs {
		if !first.OK {
			break
		}
		row, err := o.row(ctx, f, first.After)
		if err != nil {
			return err
		}
		done(row)
	}
	return nil
}

// row plays a fault. due is what one server alone has billed. An error is ours, or ctx's.
func (o Options) row(ctx context.Context, f faults.Fault, due []Invoice) (row Row, err error) {
	began := time.Now()
	row = Row{Fault: f, Text: "One server runs alone, without a fault.", OK: true}
	card := visa
	if f != alone {
		known, err := faults.Named(f)
		if err != nil {
			return row, err
		}
		row.Text = known.Text
		if known.Declines {
			card = declines
		}
	}
	p, err := o.begin(ctx, card)
	defer p.end()
	p.due = due
	if err == nil {
		err = o.scripts()[f](ctx, p)
	}
	row.After = p.invoices()
	row.Picture = p.picture()
	if err == nil && p.na == "" && f != alone {
		err = p.recover(ctx)
	}
	row.Recovered = p.invoices()
	p.stop()
	row.Problems, row.NA, row.Seconds = p.problems, p.na, time.Since(began).Seconds()
	switch {
	case ctx.Err() != nil:
		return row, ctx.Err()
	case err != nil:
		row.fail(err.Error())
	case p.na != "":
	case f == alone:
		row.judgeAlone(p)
	default:
		row.judge(due, o)
	}
	return row, nil
}

// fail makes the row wrong, whatever its verdict.
func (r *Row) fail(problem string) {
	r.OK = false
	if !slices.Contains(r.Problems, problem) {
		r.Problems = append(r.Problems, problem)
	}
}

// judgeAlone says what is wrong with a worker that has nothing against it.
func (r *Row) judgeAlone(p *play) {
	if len(r.After) == 0 {
		if r.OK = false; len(r.Problems) == 0 { // they say why
			r.fail(p.silence())
		}
		return
	}
	r.Verdict = string(verdict.Right)
	for _, i := range r.After {
		if i.Charges != p.Expect {
			r.fail(fmt.Sprintf("alone, it took %s for %s: --invoice metadata.KEY says which "+
				"charges belong together, --expect how many an invoice has", i, i.Name))
		}
	}
}

// judge compares what was taken with what one server alone takes, and fills in the verdict.
func (r *Row) judge(due []Invoice, o Options) {
	r.After, _ = match(due, r.After, o.Invoice != "")
	var problems []string
	r.Recovered, problems = match(due, r.Recovered, o.Invoice != "")
	for _, problem := range problems {
		r.fail(problem)
	}
	words := verdict.Words{}
	if slices.ContainsFunc(r.Recovered, func(i Invoice) bool { return i.Charges > o.Expect }) {
		words, r.Advice = append(words, verdict.Overcharged), overcharged(r.Fault)
	}
	if slices.ContainsFunc(r.Recovered, func(i Invoice) bool { return i.Charges < o.Expect }) {
		words = append(words, verdict.Unbilled)
		if r.Advice == "" {
			r.Advice = unbilled(r.Fault)
		}
	}
	if len(words) == 0 {
		words = verdict.Words{verdict.Right}
	}
	r.Verdict, r.OK = words.String(), r.OK && words.Has(verdict.Right)
}
