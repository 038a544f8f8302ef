package services

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
)

// failure is an error of Start. A person reads it who wanted to see something run: so it names
// what was tried, what the program underneath said, and the ways out.
type failure struct {
	what  string // as the start of a sentence that the cause ends
	cause error
	ways  []string
}

// fail returns the failure, but for Ctrl-C: whoever pressed it needs no advice.
func fail(cause error, what string, ways ...string) error {
	if errors.Is(cause, context.Canceled) {
		return cause
	}
	return &failure{what: what, cause: cause, ways: ways}
}

func (f *failure) Error() string {
	text := f.what + ": " + strings.TrimSuffix(f.cause.Error(), ".") + ".\nWays out:"
	for _, way := range append(f.ways, "run everything in containers: docker compose up") {
		text += "\n  - " + way
	}
	return text
}

func (f *failure) Unwrap() error { return f.cause }

// badGiven says that a URL somebody gave leads nowhere.
func badGiven(cause error, service, address, option string) error {
	return fail(cause, "the "+service+" that was given, "+address+", can't be used",
		"correct "+option,
		"leave it out, and one is started on this machine")
}

// badStart says that a program was found, and did not come up.
func badStart(cause error, service, program, dir, option string) error {
	return fail(cause, service+" ("+program+") did not start",
		"if "+filepath.Dir(dir)+" is full, or closed to other users, set TMPDIR to a folder"+
			" with 200 MB free",
		"give a running one with "+option)
}

// noPostgres says that none was found, and why none could be downloaded.
func noPostgres(cause error, m machine) error {
	return fail(cause, "no Postgres in PATH nor in "+strings.Join(m.postgresPlaces, ", ")+
		", and none could be downloaded",
		"install it: apt-get install postgresql, or brew install postgresql",
		"give a running one with "+databaseOption)
}
