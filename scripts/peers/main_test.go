package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"example.com/triplecharge/scripts/faulttest"
)

// TestMain lets this test binary be the servers, as the command's own is.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "worker" {
		os.Exit(faulttest.Run(os.Args[1:], os.Stdout, os.Stderr, peers()...))
	}
	os.Exit(m.Run())
}

// The cells in which a lock that is used as its README says, and a queue that remembers, differ.
func TestCellsArePlayed(t *testing.T) {
	t.Parallel()
	var out, log bytes.Buffer
	status := faulttest.Run([]string{"--peer", "redislock,advisory-lock,river,etcd,dbos", "--fault", "none,late",
		"--runs", "1", "--parallel", "4"}, &out, &log, peers()...)
	if status != 1 || strings.Contains(log.String(), "not played") {
		t.Fatalf("exit status %d, want 1: three charge twice: %s", status, log.String())
	}
	for _, want := range [][]string{
		{"none", "R 1/1→O 2/2 R 1/1→O 2/2 R 1/1 O 3/3→4/4 R 1/1", "R 1/1 R 1/1"},
		{"late", "O 3/3→4/4 O 3/3→4/4 R 1/1 O 3/3→4/4 R 1/1", "R 1/1 R 1/1"},
	} {
		found := false
		for line := range strings.Lines(out.String()) {
			found = found || strings.Join(strings.Fields(line), " ") == strings.Join(want, " ")
		}
		if !found {
			t.Errorf("no row says %q in\n%s", want, out.String())
		}
	}
}
