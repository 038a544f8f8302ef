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
	return joined(billing.Modes(), func(m billing.Mode) string { return m.Name })
}

func faultNames() string {
	return joined(faults.All(), func(r faults.Row) string { return string(r.Fault) })
}

func joined[T any](all []T, name func(T) string) string {
	var names []string
	for _, one := range all {
		names = append(names, name(one))
	}
	return strings.Join(names, ", ")
}
