package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/golden"
)

// TestMain lets this test binary be the servers, as the command's own is.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == workerArg {
		os.Exit(serve(os.Args[2], os.Args[3:]))
	}
	os.Exit(m.Run())
}

func TestWhatCanNotBeUsedIsRefused(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"redsync, redislock":   {"--peer", "prayer"},
		"redis-failover":       {"--fault", "flood"},
		"--runs 0":             {"--runs", "0"},
		"--parallel 0":         {"--parallel", "0"},
		"unknown flag --modes": {"--modes", "locked"},
		"unexpected argument":  {"redsync"},
	} {
		var out, log bytes.Buffer
		status := run(args, &out, &log)
		if status != 2 || !strings.Contains(log.String(), want) || out.Len() > 0 {
			t.Errorf("%v: status %d, %s%s; want 2 and something about %q",
				args, status, log.String(), out.String(), want)
		}
		if strings.Contains(log.String(), "Postgres") {
			t.Errorf("%v: something was started: %s", args, log.String())
		}
	}
}

// The cells in which a lock that is used as its README says, and a queue that remembers, differ.
func TestCellsArePlayed(t *testing.T) {
	t.Parallel()
	var out, log bytes.Buffer
	status := run([]string{"--peer", "redislock,advisory-lock,river", "--fault", "none,late",
		"--runs", "1", "--parallel", "3"}, &out, &log)
	if status != 0 {
		t.Fatalf("exit status %d: %s", status, log.String())
	}
	for _, want := range [][]string{
		{"none", "R", "1/1→O", "2/2", "R", "1/1→O", "2/2", "R", "1/1", "R", "1/1", "R", "1/1"},
		{"late", "O", "3/3→4/4", "O", "3/3→4/4", "R", "1/1", "R", "1/1", "R", "1/1"},
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

func TestTheTableIsPrinted(t *testing.T) {
	t.Parallel()
	ids, err := cli{Peer: []string{"redsync", "river"}, Runs: 1, Parallel: 1,
		Fault: []string{"none", "pause", "redis-failover", "redlock-minority"}}.cells()
	if err != nil {
		t.Fatal(err)
	}
	m := measured{}
	for _, run := range []struct {
		id   cellID
		word string
	}{
		{cellID{"redsync", faults.None}, "O 3/3→4/4"},
		{cellID{"redsync", faults.Pause}, "O 3/3→4/4"},
		{cellID{"redsync", faults.RedisFailover}, "needs redis-server"},
		{cellID{"river", faults.None}, "R 1/1"},
		{cellID{"river", faults.None}, "R 1/1"},
		{cellID{"river", faults.Pause}, "OX 2/1"},
		{cellID{"river", faults.Pause}, "O 2/2"},
	} {
		m.add(run.id, run.word)
	}
	for name, markdown := range map[string]bool{"table.txt": false, "table.md": true} {
		var got strings.Builder
		if err := printTable(&got, ids, m, markdown); err != nil {
			t.Fatal(err)
		}
		golden.Check(t, name, got.String())
	}
}
