package report

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/screen"
	"example.com/triplecharge/internal/verdict"
)

// Cell is one mode under one fault.
type Cell struct {
	Mode             string
	Fault            faults.Fault
	Expected         faults.Expectation
	After, Recovered verdict.Counts // after the fault, and after a recovery run
	Took             time.Duration
	Needs            string // the program that this machine lacks to play the cell; "" if none
	Err              error  // why the cell could not be played
}

// OK reports whether the cell was played and met its expectation, where it has one.
func (c Cell) OK() bool { return c.Err == nil && c.Expected.Met(c.After, c.Recovered) }

// Short fits the cell into a table, such as "OX 2/1" or "U 0/0→R 1/1".
func (c Cell) Short() string {
	switch {
	case c.Needs != "":
		return "needs " + c.Needs
	case c.Err != nil:
		return "not played !"
	case !c.Expected.Applies:
		return faults.NotApplicable
	}
	s := faults.Short(c.After, c.Recovered)
	if !c.OK() {
		s += " !"
	}
	return s
}

// Problem describes in one line what is wrong with the cell. It is "" if nothing is wrong, or if
// only a program is missing.
func (c Cell) Problem() string {
	switch {
	case c.OK(), c.Needs != "":
		return ""
	case c.Err != nil:
		return c.Err.Error()
	}
	return fmt.Sprintf("%s: %s, then %s; expected %s, then %s", faults.Under(c.Mode, c.Fault),
		c.After, c.Recovered, c.Expected.After, c.Expected.Recovered)
}

// word returns the worst word of the verdict after the recovery run, which decides the colour of
// the cell; "" if there is no verdict.
func (c Cell) word() verdict.Word {
	if c.Err != nil || !c.Expected.Applies {
		return ""
	}
	return verdict.Judge(c.Recovered)[0]
}

func (c Cell) style() lipgloss.Style {
	word := c.word()
	if word == "" {
		return lipgloss.NewStyle().Bold(!c.OK()).Faint(c.OK())
	}
	return Colour(verdict.Words{word}).Bold(!c.OK())
}

// outcome names the result of the cell in the summary.
func (c Cell) outcome() string {
	switch {
	case c.Needs != "":
		return "need " + c.Needs
	case c.Err != nil:
		return "not played"
	case !c.Expected.Applies:
		return faults.NotApplicable
	case !c.Expected.Known:
		return "no expectation"
	case c.OK():
		return "as expected"
	}
	return "not as expected"
}

// Matrix has a cell for each mode under each fault: all of the first fault, then all of the next,
// each with the same modes in the same order.
type Matrix []Cell

func (m Matrix) rows() [][]Cell {
	return slices.Collect(slices.Chunk([]Cell(m), max(1, len(m.modes()))))
}

func (m Matrix) modes() (modes []string) {
	for _, c := range m {
		if c.Fault == m[0].Fault {
			modes = append(modes, c.Mode)
		}
	}
	return modes
}

func legend() []string {
	return []string{
		"R right, O overcharged, U unbilled, X unrecorded: charges at Stripe/entries in the ledger",
		"After the arrow: the result of a recovery run, if it differs",
		"n/a: not applicable, e.g. losing three Redis nodes when the mode uses one",
		"!: not as expected",
	}
}

// Summary counts the cells by outcome.
func (m Matrix) Summary() string {
	counts := map[string]int{}
	for _, c := range m {
		counts[c.outcome()]++
	}
	var parts []string
	for _, o := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[o], o))
	}
	return strings.Join(parts, ", ")
}

// Text prints the table, in several parts if its lines would be too long.
func (m Matrix) Text(w io.Writer) error {
	columns := screen.Columns(w)
	for from, modes := 0, len(m.modes()); from < modes; {
		to := modes
		part := m.part(from, to)
		for columns > 0 && to > from+1 && lipgloss.Width(part.draw()) > columns {
			to--
			part = m.part(from, to)
		}
		fmt.Fprintln(w)
		part.Print(w)
		from = to
	}
	fmt.Fprintf(w, "\n%s\n\n", strings.Join(legend(), "\n"))
	for _, c := range m {
		if problem := c.Problem(); problem != "" {
			fmt.Fprintln(w, problem)
		}
	}
	_, err := fmt.Fprintln(w, m.Summary())
	return err
}

// part returns the table of modes[from:to].
func (m Matrix) part(from, to int) Table {
	rows := m.rows()
	t := Table{Headers: append([]string{"fault"}, m.modes()[from:to]...)}
	t.Style = func(row, col int) lipgloss.Style {
		if col == 0 {
			return lipgloss.NewStyle()
		}
		return rows[row][from+col-1].style()
	}
	for _, row := range rows {
		line := []string{string(row[0].Fault)}
		for _, c := range row[from:to] {
			line = append(line, c.Short())
		}
		t.Rows = append(t.Rows, line)
	}
	return t
}

// Markdown prints the table and its legend.
func (m Matrix) Markdown(w io.Writer) error {
	modes := m.modes()
	w = screen.Unlimited(w)
	fmt.Fprintf(w, "| fault | %s |\n|---|%s\n", strings.Join(modes, " | "),
		strings.Repeat("---|", len(modes)))
	for _, row := range m.rows() {
		fmt.Fprintf(w, "| %s |", row[0].Fault)
		for _, c := range row {
			fmt.Fprintf(w, " %s |", c.Short())
		}
		fmt.Fprintln(w)
	}
	_, err := fmt.Fprintf(w, "\n%s\n", strings.Join(legend(), "\n"))
	return err
}

//go:embed matrix.html
var page string

// Class returns the CSS classes of the cell: its colour, and wrong if it is not as expected.
func (c Cell) Class() string {
	class := string(c.word())
	if class == "" {
		class = "unknown"
	}
	if !c.OK() {
		class += " wrong"
	}
	return class
}

// Why explains the cell: what is wrong with it, or the reason for what is expected.
func (c Cell) Why() string {
	if c.Err != nil {
		return c.Err.Error()
	}
	if problem := c.Problem(); problem != "" {
		return problem
	}
	return c.Expected.Why
}

// About says what the fault is.
func (c Cell) About() string {
	row, _ := faults.Named(c.Fault) // the cell was played
	return row.Text
}

// HTML prints the table as a page, with the reasons below it.
func (m Matrix) HTML(w io.Writer) error {
	parsed, err := template.New("matrix").Parse(page)
	if err != nil {
		return err
	}
	return parsed.Execute(screen.Unlimited(w), map[string]any{
		"Modes": m.modes(), "Rows": m.rows(), "Legend": legend(), "Summary": m.Summary(),
	})
}

// cellJSON is a cell as JSON prints it. Its charges and entries are those after the fault. A cell
// that does not apply is ok; a cell that was not played is not.
type cellJSON struct {
	Mode  string       `json:"mode"`
	Fault faults.Fault `json:"fault"`
	verdict.Counts
	Recovered     verdict.Counts `json:"recovered"`
	Expected      expectedJSON   `json:"expected"`
	OK            bool           `json:"ok"`
	NoExpectation bool           `json:"no_expectation,omitempty"`
	Applies       bool           `json:"applies"`
	Needs         string         `json:"needs,omitempty"`
	Error         string         `json:"error,omitempty"`
	Why           string         `json:"why"`
	Seconds       float64        `json:"seconds"`
}

type expectedJSON struct {
	verdict.Counts
	Recovered verdict.Counts `json:"recovered"`
}

// JSON prints the cells as JSON.
func (m Matrix) JSON(w io.Writer) error {
	cells := []cellJSON{}
	for _, c := range m {
		one := cellJSON{
			Mode: c.Mode, Fault: c.Fault, Counts: c.After, Recovered: c.Recovered,
			Expected:      expectedJSON{c.Expected.After, c.Expected.Recovered},
			NoExpectation: c.Err == nil && c.Expected.Applies && !c.Expected.Known,
			OK:            c.OK(), Applies: c.Expected.Applies, Needs: c.Needs, Why: c.Expected.Why,
			Seconds: c.Took.Seconds(),
		}
		if c.Err != nil {
			one.Error = c.Err.Error()
		}
		cells = append(cells, one)
	}
	return JSON(w, cells)
}

// JSON writes a value as indented JSON.
func JSON(w io.Writer, value any) error {
	e := json.NewEncoder(screen.Unlimited(w))
	e.SetIndent("", "  ")
	return e.Encode(value)
}
