package main

import (
	"errors"
	"strings"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/faults"
)

// modeFlag is a flag that names a mode.
type modeFlag struct{ billing.Mode }

// UnmarshalText looks the mode up.
func (m *modeFlag) UnmarshalText(name []byte) (err error) {
	m.Mode, err = billing.ModeNamed(string(name))
	return err
}

// faultFlag is a flag that names a fault.
type faultFlag struct{ faults.Row }

// UnmarshalText looks the fault up.
func (f *faultFlag) UnmarshalText(name []byte) (err error) {
	f.Row, err = faults.Named(faults.Fault(name))
	return err
}

// dueTime is a flag with a logical due time, in UTC.
type dueTime struct{ time.Time }

// UnmarshalText parses it. It refuses Go's zero time, which programs send for none.
func (d *dueTime) UnmarshalText(text []byte) error {
	t, err := time.Parse(time.RFC3339, string(text))
	d.Time = t.UTC()
	if err != nil || d.IsZero() {
		return errors.New("want a time such as 2026-12-01T00:00:00Z")
	}
	return billing.PeriodOf(d.Time).Validate()
}

func modeNames() string {
	var names []string
	for _, m := range billing.Modes() {
		names = append(names, m.Name)
	}
	return strings.Join(names, ", ")
}

func faultNames() string {
	var names []string
	for _, row := range faults.All() {
		names = append(names, string(row.Fault))
	}
	return strings.Join(names, ", ")
}
