package main

import (
	"context"
	"fmt"

	"example.com/triplecharge/billing"
)

// modesTable prints the table of modes.
type modesTable struct{}

// Run prints it.
func (modesTable) Run(_ context.Context, o output) error {
	for _, m := range billing.Modes() {
		fmt.Fprintf(o.out, "%-13s  %s\n", m.Name, m.Promise)
	}
	return nil
}
