package main

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"example.com/triplecharge/billing"
)

func TestALargeRunIsExactOnBothSides(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"locked", "redlock", "exactly-once"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			status, out, log := demo(t, "load", "--mode", mode, "--subscriptions", "2500",
				"--parts", "--closed-months", "2")
			if status != 0 {
				t.Fatalf("exit status %d: %s%s", status, out, log)
			}
			for _, want := range []string{"2,500 invoices", "2,500 charges", "2,500 entries",
				"overcharged 0, unbilled 0, unrecorded 0", "Exact: ", "server-c: "} {
				if !strings.Contains(out, want) {
					t.Errorf("%q is missing in:\n%s", want, out)
				}
			}
			if !strings.Contains(log, "2,500 charges, 100 %") {
				t.Errorf("no progress is shown: %s", log)
			}
		})
	}
}

// Servers are killed at any moment, and the last invoices wait until the claims of the dead servers
// expire.
func TestALargeRunIsExactAlthoughServersAreKilled(t *testing.T) {
	t.Parallel()
	status, out, log := demo(t, "load", "--mode", "exactly-once", "--subscriptions", "1000",
		"--kill-every", "500ms", "--latency", "50ms")
	if status != 0 || !strings.Contains(out, "Exact: ") {
		t.Fatalf("exit status %d: %s%s", status, out, log)
	}
	if !regexp.MustCompile(`\n  servers killed and restarted: [1-9]`).MatchString(out) {
		t.Errorf("no server was killed: %s", out)
	}
}

func TestALargeRunThatChargesTwiceSaysSo(t *testing.T) {
	t.Parallel()
	status, out, log := demo(t, "load", "--mode", "uncoordinated", "--subscriptions", "100",
		"--servers", "2")
	if status != 0 || !strings.Contains(out, "200 charges") ||
		!strings.Contains(out, "overcharged 100, unbilled 0") ||
		!strings.Contains(out, "NOT EXACT, as expected of uncoordinated: ") {
		t.Errorf("exit status %d: %s%s", status, out, log)
	}
}

// A mode is held to what it promises under what was done to it.
func TestALargeRunExpectsWhatTheModePromises(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		mode    string
		servers int
		kill    time.Duration
		exact   bool
	}{
		{"uncoordinated", 1, 0, true}, {"uncoordinated", 2, 0, false}, {"locked", 3, 0, true},
		{"locked", 3, time.Second, false}, {"exactly-once", 3, time.Second, true},
	} {
		mode, err := billing.ModeNamed(test.mode)
		if err != nil {
			t.Fatal(err)
		}
		c := largeRun{Mode: modeFlag{mode}, Servers: test.servers, KillEvery: test.kill}
		if e := c.expected(); e.Recovered.Right() != test.exact || e.Why == "" {
			t.Errorf("%+v: %+v is expected", test, e)
		}
	}
}
