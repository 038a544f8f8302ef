package main

import (
	"fmt"
	"text/tabwriter"

	"example.com/triplecharge/billing"
)

// modesTable prints the table of modes.
type modesTable struct{}

// Run prints it.
func (modesTable) Run(o output) error {
	w := tabwriter.NewWriter(o.out, 0, 0, 2, ' ', 0)
	for _, m := range billing.Modes() {
		fmt.Fprintf(w, "%s\t%s\n", m.Name, m.Promise)
	}
	return w.Flush()
}
