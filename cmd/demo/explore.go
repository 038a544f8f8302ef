package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime/debug"
	"strings"
	"time"

	"example.com/triplecharge/internal/cli"
	"example.com/triplecharge/internal/explore"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/money"
	"example.com/triplecharge/internal/report"
	"example.com/triplecharge/internal/site/player"
	"example.com/triplecharge/internal/timeline"
)

// exploration goes through every order in which the servers' calls can interleave.
type exploration struct {
	Mode    modeFlag     `xor:"what" placeholder:"MODE" help:"Mode: ${modes}."`
	Servers int          `default:"3" min:"1" max:"5" help:"Number of servers (1–5)."`
	Faults  *int         `xor:"number" max:"5" placeholder:"N" help:"Maximum faults per schedule (0–5; default 3, or as --fault requires)."`
	Fault   []faultFlag  `xor:"which" placeholder:"FAULT" help:"Only these faults of the matrix, instead of any fault at any point: ${faults}."`
	Each    bool         `xor:"which,number" help:"Search once for each fault of the matrix."`
	Replay  scheduleFlag `xor:"what" placeholder:"SCHEDULE" help:"Instead of searching, play a schedule that explore has printed, or a known one such as locked/pause/overcharged."`
	Memory  int          `default:"8" min:"1" max:"1024" placeholder:"GB" help:"Gigabytes of memory that a search may use (default 8). It ends when it needs more."`
	JSON    bool         `name:"json" help:"Print the result as JSON."`
	Record  string       `placeholder:"FILE" help:"Also record the shortest schedules that end wrong in this file, for demo replay."`
}

// Run explores, or plays a schedule.
func (x exploration) Run(ctx context.Context, o output) (err error) {
	files, discard, err := newFiles("--record", x.Record)
	if err != nil {
		return err
	}
	defer discard(&err)
	var found []explore.Schedule
	switch {
	case x.Replay.given:
		found = append(found, x.Replay.Schedule)
		err = cli.Usage(printStory(o.out, x.Replay.Schedule))
	case x.Mode.Name == "":
		return cli.Usage(errors.New("--mode or --replay is missing"))
	default:
		found, err = x.search(ctx, o)
	}
	if x.Record == "" || err != nil && !errors.Is(err, errBroken) {
		return err
	}
	if len(found) == 0 {
		fmt.Fprintln(o.log, "--record: nothing is wrong in any schedule, so none is recorded")
		return err
	}
	var runs []timeline.Run
	for _, s := range found {
		story, err := explore.Narrate(s)
		if err != nil {
			return err
		}
		run := player.Told(story)
		run.Title = s.Mode.Name + ": " + run.Verdict
		run.About = "In the terminal: demo explore --replay " + quoted(s)
		runs = append(runs, run)
	}
	return cmp.Or(files[0].finish(recordingOf(runs...)), err)
}

// search makes all searches, and returns the shortest schedules that end wrong.
func (x exploration) search(ctx context.Context, o output) (all []explore.Schedule, err error) {
	searches, err := x.searches()
	if err != nil {
		return nil, cli.Usage(err)
	}
	table := x.Each && !x.JSON
	if table {
		fmt.Fprintf(o.out, "%s, %s, with each fault of the matrix by itself:\n\n", x.Mode.Name,
			money.Count(x.Servers, "server"))
	}
	debug.SetMemoryLimit(int64(x.Memory) << 30) // collects garbage before the limit is reached
	var broken error
	found := []exploredJSON{}
	for _, options := range searches {
		options.MaxBytes = uint64(x.Memory) << 30
		if err := x.announce(ctx, o.log, options); err != nil {
			return all, err
		}
		result, err := explore.Explore(ctx, options, progress(o.log))
		if errors.Is(err, explore.ErrTooLarge) {
			return all, fmt.Errorf("%w: it needs more than %d GB; try fewer --servers or "+
				"--faults, or give it more --memory", err, x.Memory)
		}
		if err != nil {
			return all, err
		}
		if _, breaks := options.Broken(result.Shortest); breaks {
			broken = errBroken
		}
		found = append(found, explored(options, result))
		all = append(all, result.Shortest...)
		switch {
		case table:
			printRow(o.out, options, result)
		case !x.JSON:
			err = printResult(o.out, options, result)
		case !x.Each:
			err = report.JSON(o.out, found[0])
		}
		if err != nil {
			return all, err
		}
	}
	switch {
	case table:
		fmt.Fprintln(o.out, "\nTo follow a schedule step by step: demo explore --replay SCHEDULE")
	case x.Each:
		err = report.JSON(o.out, found)
	}
	return all, cmp.Or(err, broken)
}

// searches returns the options of each search to make.
func (x exploration) searches() (all []explore.Options, err error) {
	o := explore.Options{Mode: x.Mode.Mode, Servers: x.Servers, Faults: 3}
	if x.Each {
		if err := o.Validate(); err != nil {
			return nil, err
		}
		for _, f := range faults.Faults() {
			o.Only, o.Faults = []faults.Fault{f}, explore.Need(f)
			if o.Validate() == nil { // the fault can meet the mode
				all = append(all, o)
			}
		}
		return all, nil
	}
	need := 0
	for _, f := range x.Fault {
		o.Only = append(o.Only, f.Fault)
		need += explore.Need(f.Fault)
	}
	if o.Only != nil {
		o.Faults = min(need, explore.MaxFaults)
	}
	if x.Faults != nil {
		o.Faults = *x.Faults
	}
	return []explore.Options{o}, o.Validate()
}

// announce says how large a search is going to be, if it is larger than those of the docs.
func (x exploration) announce(ctx context.Context, w io.Writer, o explore.Options) error {
	const large = 5_000_000
	states, err := o.Estimate(ctx)
	if states < large || err != nil {
		return err
	}
	gigabytes := states * explore.BytesPerState / (1 << 30)
	fmt.Fprintf(w, "A large search: expect up to %s million states, and %s GB of memory.\n",
		money.Number(int64(states/1e6)), money.Number(int64(math.Ceil(gigabytes))))
	if gigabytes > float64(x.Memory) {
		fmt.Fprintf(w, "It ends without a result when it needs more than %d GB (--memory).\n",
			x.Memory)
	}
	return nil
}

// progress prints every two seconds how far a search is. Most searches end before the first line.
func progress(w io.Writer) func(explore.Progress) {
	const pause = 2 * time.Second
	var last time.Duration
	return func(p explore.Progress) {
		if p.Elapsed-last < pause {
			return
		}
		last = p.Elapsed
		fmt.Fprintf(w, "  %s: %s, %s a second, %s deep\n", p.Elapsed.Round(time.Second),
			money.Count(p.States, "state"),
			money.Number(int64(float64(p.States)/p.Elapsed.Seconds())),
			money.Count(p.Depth, "move"))
	}
}

func printResult(w io.Writer, o explore.Options, r explore.Result) error {
	fmt.Fprintf(w, "%s\n  %s\n", o, r)
	if len(r.Shortest) == 0 {
		fmt.Fprintf(w, "  %s\n", o.Judge(r))
		return nil
	}
	for _, s := range r.Shortest {
		fmt.Fprintf(w, "\nThe shortest schedule that ends %s:\n\n", s.Wrong)
		if err := printStory(w, s); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "\n%s\n", o.Judge(r))
	return err
}

// printRow prints a fault's row in the table of --each.
func printRow(w io.Writer, o explore.Options, r explore.Result) {
	var wrong []string
	for _, s := range r.Shortest {
		wrong = append(wrong, fmt.Sprintf("%s: %s", s.Wrong, quoted(s)))
	}
	found := cmp.Or(strings.Join(wrong, "\n"+strings.Repeat(" ", 48)), "nothing is wrong")
	if _, broken := o.Broken(r.Shortest); broken {
		found += "  BREAKS ITS PROMISE"
	}
	fmt.Fprintf(w, "%-24s  %12s states  %s\n", o.Only[0], money.Number(r.States), found)
}

// printStory prints a schedule step by step, then draws it.
func printStory(w io.Writer, s explore.Schedule) error {
	story, err := explore.Narrate(s)
	if err != nil {
		return err
	}
	for i, step := range story.Steps {
		if i == story.Shown {
			fmt.Fprintln(w, "\n  and then:")
		}
		mark := " "
		if step.Fault {
			mark = "!"
		}
		fmt.Fprintf(w, "  %s %3d  %-12s  %s\n", mark, i+1, step.Server, step.Text)
	}
	fmt.Fprintln(w)
	r := player.Told(story)
	r.Picture().Text(w, r.Customer)
	fmt.Fprintf(w, "\n  %s\n  Replay it: demo explore --replay %s\n", r.Verdict, quoted(s))
	return nil
}

// quoted returns a schedule for a command line, with spaces at which a line may break.
func quoted(s explore.Schedule) string {
	return "'" + strings.ReplaceAll(s.String(), ",", ", ") + "'"
}

// scheduleFlag is a flag with a schedule, or with the name of a known one.
type scheduleFlag struct {
	explore.Schedule
	given bool
}

// UnmarshalText parses it. White space may be anywhere, as in a schedule that was copied.
func (f *scheduleFlag) UnmarshalText(text []byte) (err error) {
	schedule := strings.Join(strings.Fields(string(text)), "")
	if f.Schedule, f.given = explore.Counterexamples()[schedule]; !f.given {
		f.Schedule, err = explore.ParseSchedule(schedule)
	}
	f.given = true
	return err
}

// exploredJSON is a search as --json prints it.
type exploredJSON struct {
	Mode       string         `json:"mode"`
	Servers    int            `json:"servers"`
	Faults     int            `json:"faults"`
	Only       []faults.Fault `json:"only,omitempty"`
	States     int            `json:"states"`
	Schedules  float64        `json:"schedules"` // 0: too many to count
	Violations int            `json:"violations"`
	Shortest   []shortestJSON `json:"shortest"` // one for each kind of wrong result
	OK         bool           `json:"ok"`       // the mode keeps what it promises
	Seconds    float64        `json:"seconds"`
}

type shortestJSON struct {
	Wrong    string `json:"wrong"`
	Moves    int    `json:"moves"`
	Schedule string `json:"schedule"`
}

func explored(o explore.Options, r explore.Result) exploredJSON {
	_, broken := o.Broken(r.Shortest)
	e := exploredJSON{
		Mode: o.Mode.Name, Servers: o.Servers, Faults: o.Faults, Only: o.Only, States: r.States,
		Schedules: r.Schedules, Violations: r.Violations, Shortest: []shortestJSON{}, OK: !broken,
		Seconds: r.Took.Seconds(),
	}
	for _, s := range r.Shortest {
		e.Shortest = append(e.Shortest, shortestJSON{s.Wrong, s.Len(), s.String()})
	}
	return e
}
