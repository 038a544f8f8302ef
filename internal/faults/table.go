package faults

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"example.com/triplecharge/billing"
)

// table has a row for each fault. It says itself how it is read.
//
//go:embed table.txt
var table string

// all are the rows of the table, read once: a matrix asks for every cell.
var all = sync.OnceValue(func() []Row {
	rows, _ := parse(table) // a test holds that there is no error
	return rows
})

// parse reads a table.
func parse(table string) (rows []Row, err error) {
	number, kind, row := 0, "", &Row{}
	for line := range strings.Lines(table) {
		number++
		line = strings.TrimRight(line, "\n")
		heading, is := strings.CutPrefix(line, "== ")
		switch {
		case line == "", line[0] == '#':
		case is:
			kind = heading
		case line[0] != ' ':
			rows = append(rows, Row{
				Kind: kind, Cells: map[string]Cell{}, Told: map[string]Cell{},
				NotFor: map[billing.Lock]string{},
			})
			row = &rows[len(rows)-1]
			err = row.head(line)
		case row.Text == "":
			row.Text = strings.TrimSpace(line)
		default:
			err = row.add(line)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	return rows, nil
}

// head reads a line such as "none: lease long, servers 3".
func (r *Row) head(line string) (err error) {
	name, properties, _ := strings.Cut(line, ": ")
	r.Fault = Fault(name)
	flags := map[string]*bool{
		"declines": &r.Declines, "replicated": &r.Replicated, "clocks": &r.Clocks,
		"webhooks": &r.Webhooks,
	}
	for property := range strings.SplitSeq(properties, ", ") {
		switch name, value, _ := strings.Cut(property, " "); {
		case name == "lease":
			r.Lease = Lease(1 + slices.Index([]string{"short", "long"}, value))
		case name == "servers":
			r.Servers, err = strconv.Atoi(value)
		case name == "beside":
			r.Beside = value
		case flags[property] != nil:
			*flags[property] = true
		default:
			err = fmt.Errorf("no fault has %q", property)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

var cellLine = regexp.MustCompile(
	`^  (\+ |lock )?([a-z -]*[a-z]) +(n/a|\d+/\d+)(?:→(\d+/\d+))? +(\S.*)$`)

// add reads a line with a cell, or with the locks to which the fault does not apply.
func (r *Row) add(line string) error {
	part := cellLine.FindStringSubmatch(line)
	if part == nil {
		return fmt.Errorf("%q is no cell", line)
	}
	cells, names, cell := r.Cells, part[2], Cell{After: part[3], Recovered: part[4], Why: part[5]}
	switch part[1] {
	case "+ ":
		cells = r.Told
	case "lock ":
		for _, lock := range strings.Fields(names) {
			if lock == "none" {
				lock = string(billing.NoLock)
			}
			r.NotFor[billing.Lock(lock)] = cell.Why
		}
		return nil
	}
	if _, twice := cells[names]; twice {
		return fmt.Errorf("%s has two cells", names)
	}
	cells[names] = cell
	return nil
}
