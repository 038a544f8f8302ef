package services

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
)

// failure is an error from Start, written for a person: what was tried, the underlying error, and
// what to do next.
type failure struct {
	what  string // what failed; the cause follows after a colon
	cause error
	ways  []string
}

// fail returns a failure; after Ctrl-C it returns the bare cause, which needs no advice.
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

// badGiven reports that no usable server is at a given URL.
func badGiven(cause error, service, address, option string) error {
	return fail(cause, "the "+service+" that was given, "+address+", can't be used",
		"correct "+option,
		"leave it out, and one is started on this machine")
}

// badStart reports that a server program was found but did not start.
func badStart(cause error, service, program, dir, option string) error {
	return fail(cause, service+" ("+program+") did not start",
		"if "+filepath.Dir(dir)+" is full, or closed to other users, set TMPDIR to a folder"+
			" with 200 MB free",
		"give a running one with "+option)
}

// noPostgres reports that Postgres was not found, and why the download failed.
func noPostgres(cause error, m machine) error {
	return fail(cause, "no Postgres in PATH nor in "+strings.Join(m.postgresPlaces, ", ")+
		", and none could be downloaded",
		"install it: apt-get install postgresql, or brew install postgresql",
		"give a running one with "+databaseOption)
}
