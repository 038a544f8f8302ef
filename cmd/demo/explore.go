package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/explore"
	"example.com/triplecharge/internal/timeline"
	"example.com/triplecharge/internal/verdicts"
)

// exploration goes through every order in which the servers' calls can interleave.
type exploration struct {
	Mode    string   `xor:"what" placeholder:"MODE" help:"The mode: ${modes}."`
	Servers int      `default:"3" help:"How many servers, up to 5."`
	Faults  *int     `xor:"number" placeholder:"N" help:"How many things may go wrong in one schedule, up to 5: 3, or what --fault needs."`
	Fault   []string `xor:"which" placeholder:"FAULT" help:"Only these faults of the matrix, instead of all that can go wrong, anywhere: ${faults}."`
	Each    bool     `xor:"which,number" help:"Search once for each fault of the matrix."`
	Replay  string   `xor:"what" placeholder:"SCHEDULE" help:"Instead of searching, tell a schedule that explore has printed, or a known one, such as locked/pause/overcharged."`
	JSON    bool     `name:"json" help:"Print the result for a program."`
}

// Run explores, or tells a schedule.
func (x exploration) Run(ctx context.Context, o output) error {
	switch {
	case x.Replay != "":
		return x.replay(o)
	case x.Mode == "":
		return fmt.Errorf("%w--mode or --replay is missing", errUsage)
	}
	searches, err := x.searches()
	if err != nil {
		return fmt.Errorf("%w%w", errUsage, err)
	}
	broken := false
	found := []exploredJSON{}
	if x.Each && !x.JSON {
		fmt.Fprintf(o.out, "%s, %d %s, with each fault of the matrix by itself:\n\n", x.Mode, x.Servers,
			plural(x.Servers, "server"))
	}
	for _, options := range searches {
		result, err := explore.Explore(ctx, options, progress(o.log))
		if err != nil {
			return err
		}
		_, breaks := options.Broken(result.Shortest)
		broken = broken || breaks
		found = append(found, explored(options, result))
		switch {
		case x.JSON:
		case x.Each:
			printRow(o.out, options, result)
		default:
			if err := printResult(o.out, options, result); err != nil {
				return err
			}
		}
	}
	if x.JSON {
		if err := printJSON(o.out, found, x.Each); err != nil {
			return err
		}
	}
	if x.Each && !x.JSON {
		fmt.Fprintln(o.out, "\nWhat a schedule tells: demo explore --replay SCHEDULE")
	}
	if broken {
		return errBroken
	}
	return nil
}

// searches are the explorations that were asked for.
func (x exploration) searches() (all []explore.Options, err error) {
	mode, err := billing.ModeNamed(x.Mode)
	if err != nil {
		return nil, fmt.Errorf("--mode: %w", err)
	}
	o := explore.Options{Mode: mode, Servers: x.Servers, Faults: 3}
	if x.Each {
		if err := o.Validate(); err != nil {
			return nil, err
		}
		for _, f := range verdicts.Faults() {
			if v, _ := verdicts.Expected(x.Mode, f, x.Servers); v.Applies {
				o.Only, o.Faults = []verdicts.Fault{f}, explore.Need(f)
				all = append(all, o)
			}
		}
		return all, nil
	}
	need := 0
	for _, f := range x.Fault {
		o.Only = append(o.Only, verdicts.Fault(f))
		need += explore.Need(verdicts.Fault(f))
	}
	if o.Only != nil {
		o.Faults = min(need, explore.MaxFaults)
	}
	if x.Faults != nil {
		o.Faults = *x.Faults
	}
	return []explore.Options{o}, o.Validate()
}

// progress prints how far a search is, every other second: most are over before.
func progress(w io.Writer) func(explore.Progress) {
	const pause = 2 * time.Second
	var last time.Duration
	return func(p explore.Progress) {
		if p.Elapsed-last < pause {
			return
		}
		last = p.Elapsed
		english(w, "  %s: %d states, %.0f a second, %d moves deep\n",
			p.Elapsed.Round(time.Second), p.States, float64(p.States)/p.Elapsed.Seconds(), p.Depth)
	}
}

// english prints numbers so that they can be read.
func english(w io.Writer, format string, args ...any) {
	_, _ = message.NewPrinter(language.English).Fprintf(w, format, args...)
}

// about says what is explored.
func about(o explore.Options) string {
	what := fmt.Sprintf("%s, %d %s, ", o.Mode.Name, o.Servers, plural(o.Servers, "server"))
	some := fmt.Sprintf("up to %d %s", o.Faults, plural(o.Faults, "fault"))
	switch {
	case slices.Equal(o.Only, []verdicts.Fault{verdicts.Late}):
		return what + "one after another:"
	case o.Only == nil && o.Faults == 0, slices.Equal(o.Only, []verdicts.Fault{verdicts.None}):
		return what + "nothing goes wrong:"
	case o.Only == nil:
		return what + some + " of any kind, at any point:"
	case len(o.Only) == 1:
		what += "with this, at any point:"
	default:
		what += some + " of these, at any point:"
	}
	for _, f := range o.Only {
		what += fmt.Sprintf("\n  %s: %s", f, verdicts.About(f))
	}
	return what
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

func printResult(w io.Writer, o explore.Options, r explore.Result) error {
	fmt.Fprintln(w, about(o))
	english(w, "  %d states, %d moves, %s, in %.1f s", r.States, r.Moves, schedules(r),
		r.Took.Seconds())
	if len(r.Shortest) == 0 {
		fmt.Fprintf(w, ": nothing is wrong in any.\n")
		fmt.Fprintf(w, "  Never two charges, never an entry without one; and in the end one of each.\n")
		return nil
	}
	english(w, ": something is wrong in %d.\n", r.Violations)
	for _, s := range r.Shortest {
		fmt.Fprintf(w, "\nThe shortest schedule that ends %s:\n\n", s.Wrong)
		if err := printStory(w, s); err != nil {
			return err
		}
	}
	if s, broken := o.Broken(r.Shortest); broken {
		fmt.Fprintf(w, "\n%s PROMISES THAT IT IS NEVER %s.\n", o.Mode.Name, s.Wrong)
		return nil
	}
	fmt.Fprintf(w, "\n%s does not promise to survive that.\n", o.Mode.Name)
	return nil
}

func schedules(r explore.Result) string {
	if r.Schedules == 0 {
		return "more schedules than were counted"
	}
	const exact = 1e15 // what a float64 counts by ones, and people read
	if r.Schedules < exact {
		return message.NewPrinter(language.English).Sprintf("%.0f schedules", r.Schedules)
	}
	return fmt.Sprintf("%.1e schedules", r.Schedules)
}

// printRow is a fault in the table of --each.
func printRow(w io.Writer, o explore.Options, r explore.Result) {
	verdict := "nothing is wrong"
	if len(r.Shortest) > 0 {
		verdict = ""
		for i, s := range r.Shortest {
			if i > 0 {
				verdict += "\n" + fmt.Sprintf("%48s", "")
			}
			verdict += fmt.Sprintf("%s: %s", s.Wrong, s)
		}
	}
	if _, broken := o.Broken(r.Shortest); broken {
		verdict += "  BREAKS ITS PROMISE"
	}
	english(w, "%-24s  %12d states  %s\n", string(o.Only[0]), r.States, verdict)
}

// printStory tells a schedule, then draws it.
func printStory(w io.Writer, s explore.Schedule) error {
	story, err := explore.Tell(s)
	if err != nil {
		return err
	}
	for i, step := range story.Steps {
		if i == story.Shown {
			fmt.Fprintln(w, "\n  and how it ends:")
		}
		mark := " "
		if step.Fault {
			mark = "!"
		}
		fmt.Fprintf(w, "  %s %3d  %-12s  %s\n", mark, i+1, step.Server, step.Text)
	}
	fmt.Fprintln(w)
	p := timeline.Draw("alice/2026-12", story.Servers, story.Events())
	p.Text(w, "Alice")
	wrong := story.Wrong
	if wrong == "" {
		wrong = verdicts.Judge(story.Counts)
	}
	fmt.Fprintf(w, "\n  %s: %s.\n  Replay it: demo explore --replay %s\n", story.Counts, wrong, s)
	return nil
}

func (x exploration) replay(o output) error {
	s, known := explore.Known()[x.Replay]
	if !known {
		var err error
		if s, err = explore.ParseSchedule(x.Replay); err != nil {
			return fmt.Errorf("%w--replay: %w", errUsage, err)
		}
	}
	if err := printStory(o.out, s); err != nil {
		return fmt.Errorf("%w--replay: %w", errUsage, err)
	}
	return nil
}

// exploredJSON is a search as --json prints it.
type exploredJSON struct {
	Mode       string           `json:"mode"`
	Servers    int              `json:"servers"`
	Faults     int              `json:"faults"`
	Only       []verdicts.Fault `json:"only,omitempty"`
	States     int              `json:"states"`
	Schedules  float64          `json:"schedules"` // 0: more than were counted
	Violations int              `json:"violations"`
	Shortest   []shortestJSON   `json:"shortest"` // one for each thing that is wrong
	OK         bool             `json:"ok"`       // the mode keeps what it promises
	Seconds    float64          `json:"seconds"`
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

// printJSON prints one search, or all of --each as an array.
func printJSON(w io.Writer, found []exploredJSON, each bool) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if !each {
		return e.Encode(found[0])
	}
	return e.Encode(found)
}
