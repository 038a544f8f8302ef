package main

import (
	"example.com/triplecharge/internal/scenario"
	"example.com/triplecharge/internal/verdicts"
)

// cellJSON is a cell as --json prints it. Charges and entries are those after the fault. One that
// does not apply is ok, and one that was not played is not.
type cellJSON struct {
	Mode      string          `json:"mode"`
	Fault     verdicts.Fault  `json:"fault"`
	Charges   int             `json:"charges"`
	Entries   int             `json:"entries"`
	Recovered verdicts.Counts `json:"recovered"`
	Expected  expectedJSON    `json:"expected"`
	OK        bool            `json:"ok"`
	Applies   bool            `json:"applies"`
	Needs     string          `json:"needs,omitempty"` // a program that this machine lacks
	Error     string          `json:"error,omitempty"` // why it could not be played
	Why       string          `json:"why"`
	Seconds   float64         `json:"seconds"`
}

type expectedJSON struct {
	verdicts.Counts
	Recovered verdicts.Counts `json:"recovered"`
}

func cellsJSON(ids []scenario.CellID, played playedCells) []cellJSON {
	cells := []cellJSON{}
	for _, id := range ids {
		c := played[id]
		one := cellJSON{
			Mode: c.Mode, Fault: c.Fault, Charges: c.After.Charges, Entries: c.After.Entries,
			Recovered: c.Recovered, Expected: expectedJSON{c.Expected.After, c.Expected.Recovered},
			OK: c.OK(), Applies: c.Expected.Applies, Needs: c.Needs(), Why: c.Expected.Why,
			Seconds: c.Took.Seconds(),
		}
		if c.Err != nil {
			one.Error = c.Err.Error()
		}
		cells = append(cells, one)
	}
	return cells
}
