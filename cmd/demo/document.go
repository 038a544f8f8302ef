package main

import (
	"encoding/json"

	"example.com/triplecharge/internal/scenario"
)

// document is what --json prints.
type document struct{ results []scenario.Result }

// MarshalJSON writes {"runs":[…]}: a run a mode.
func (d document) MarshalJSON() ([]byte, error) {
	type counts struct {
		Charges int `json:"charges"`
		Entries int `json:"entries"`
	}
	type run struct {
		Mode     string             `json:"mode"`
		Fault    string             `json:"fault"`
		Servers  int                `json:"servers"`
		Expected counts             `json:"expected"`
		OK       bool               `json:"ok"`
		Invoices []scenario.Account `json:"invoices"`
		Lock     scenario.Lock      `json:"lock"`
	}
	runs := []run{}
	for _, r := range d.results {
		runs = append(runs, run{
			r.Mode, string(r.Fault), r.Servers, counts(r.Expected.After), r.OK(), r.Accounts, r.Lock,
		})
	}
	return json.Marshal(map[string]any{"runs": runs})
}
