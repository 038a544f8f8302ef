package report

import (
	_ "embed"
	"encoding/json"
	"html/template"
	"io"

	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/screen"
	"example.com/triplecharge/internal/verdict"
)

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
