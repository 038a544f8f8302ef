package main

import (
	"slices"
	"strings"
	"testing"
)

func TestADashboardNeedsServersThatAreUp(t *testing.T) {
	t.Parallel()
	database := []string{"--database-url", "postgres://x/x"}
	servers := with(database, "--servers", "http://127.0.0.1:1")
	for name, tt := range map[string]struct {
		args   []string
		status int
		want   string
	}{
		"no servers":   {with(database, "--mode", "locked"), 2, "--servers"},
		"no such mode": {with(servers, "--mode", "magic"), 2, "exactly-once"},
		"no such server": {with(servers, "--mode", "locked", "--servers", "x"), 2,
			"http://127.0.0.1"},
		"no such port": {with(servers, "--mode", "locked", "--listen", "x"), 2, "--listen"},
	} {
		status, out, log := demo(t, with([]string{"dashboard"}, tt.args...)...)
		if status != tt.status || !strings.Contains(log, tt.want) || out != "" {
			t.Errorf("%s: exit status %d, %q and %q, want %d and something about %q", name, status,
				out, log, tt.status, tt.want)
		}
	}
}

// with returns a command line with more arguments.
func with(args []string, more ...string) []string { return slices.Concat(args, more) }
