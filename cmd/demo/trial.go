package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/cli"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/services"
	"example.com/triplecharge/internal/trial"
)

// theirTrial puts somebody else's worker on trial.
type theirTrial struct {
	Command  []string      `arg:"" optional:"" raw:"" help:"The worker's command, after --. Each run of it is a due run. It finds STRIPE_API_BASE, STRIPE_SECRET_KEY, SERVER_NAME, PAYMENT_METHOD (a card), PORT (a free one) and TRIAL_DIR (a folder that is empty for each fault) in its environment."`
	Setup    string        `placeholder:"COMMAND" help:"Shell command that prepares customers before each fault. It runs again when they have a new card, in PAYMENT_METHOD."`
	Trigger  string        `placeholder:"COMMAND" help:"Shell command that starts a due run of a worker that stays up and listens on PORT, and ends with that run."`
	Invoice  string        `placeholder:"metadata.KEY" help:"Metadata of a charge that names its invoice. Default: customer, amount and currency."`
	Expect   int           `default:"1" min:"1" max:"1000" help:"Charges that each invoice should have."`
	Servers  int           `default:"3" min:"2" max:"20" help:"Servers that run the worker."`
	Fault    []faultFlag   `placeholder:"FAULT" help:"Faults to play; default all that can be made from outside."`
	LockTTL  time.Duration `name:"lock-ttl" help:"How long the worker's own locks and claims last. Where a server is paused or killed, the others run after this."`
	Timeout  time.Duration `default:"30s" min:"1ms" help:"Time limit of one due run."`
	Postgres string        `placeholder:"NAME" help:"Put the URL of a Postgres database, empty for each fault, into this environment variable, and play the faults of Postgres, too."`
	Redis    string        `placeholder:"NAME" help:"Likewise, the URL of a Redis."`
	JSON     bool          `name:"json" help:"Print the result as JSON."`
	JUnit    string        `name:"junit" placeholder:"FILE" help:"Also write a JUnit report to this file."`
	HTML     string        `name:"html" placeholder:"FILE" help:"Also write a page with pictures to this file."`
	Record   string        `placeholder:"FILE" help:"Also record the rows in this file, for demo replay."`
}

// Run plays the faults and prints the rows.
func (c theirTrial) Run(ctx context.Context, o output) (err error) {
	options, chosen, err := c.check()
	if err != nil {
		return cli.Usage(err)
	}
	files, discard, err := newFiles("--junit", c.JUnit, "--html", c.HTML, "--record", c.Record)
	if err != nil {
		return err
	}
	defer discard(&err)
	svc, err := services.Start(ctx, services.Options{
		SkipPostgres: c.Postgres == "", SkipRedis: true,
		Log: func(line string) { fmt.Fprintln(o.log, line) },
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, svc.Close()) }()
	options.Services = svc
	var r trial.Report
	bar := newProgressBar(o.bar, len(chosen)+1, "rows")
	err = options.Run(ctx, chosen, func(row trial.Row) {
		r = append(r, row)
		bar.step(string(row.Fault)+": "+row.Outcome(), "")
	})
	bar.clear()
	if err != nil {
		return err
	}
	if c.JSON {
		err = r.JSON(o.out)
	} else {
		r.Text(o.out, len(c.Fault) == 1)
	}
	err = errors.Join(err, files[0].finish(r.JUnit), files[1].finish(r.HTML),
		files[2].finish(recordingOf(r.Runs()...)))
	if err == nil && r.Wrong() > 0 {
		err = cli.ErrSaid
	}
	return err
}

// check finds what is wrong with the command line and the environment, before anything is started,
// and returns the faults that are chosen.
func (c theirTrial) check() (o trial.Options, chosen []faults.Fault, err error) {
	if len(c.Command) == 0 {
		return o, nil, errors.New("no worker: give its command after --, such as " +
			"demo trial -- python3 worker.py")
	}
	if _, err := exec.LookPath(c.Command[0]); err != nil {
		return o, nil, fmt.Errorf("the worker can't be run: %w", err)
	}
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		if stripecharge.IsLive(value) {
			return o, nil, fmt.Errorf("%s in the environment is a live key: unset it", name)
		}
	}
	key, ok := strings.CutPrefix(c.Invoice, "metadata.")
	if c.Invoice != "" && (!ok || key == "") {
		return o, nil, fmt.Errorf("--invoice: want metadata.KEY, got %q", c.Invoice)
	}
	o = trial.Options{
		Command: c.Command, Setup: c.Setup, Trigger: c.Trigger, Invoice: key, Expect: c.Expect,
		Servers: c.Servers, LockTTL: c.LockTTL, Timeout: c.Timeout,
		Postgres: c.Postgres, Redis: c.Redis,
	}
	possible := o.Faults()
	if len(c.Fault) == 0 {
		return o, possible, nil
	}
	for _, f := range c.Fault {
		if !slices.Contains(possible, f.Fault) {
			return o, nil, fmt.Errorf("--fault: %s can't be made from outside here: use one of %v",
				f.Fault, possible)
		}
		chosen = append(chosen, f.Fault)
	}
	return o, chosen, nil
}
