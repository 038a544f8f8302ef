package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What a server or Stripe would find is found before anything starts: the mode is not to blame.
func TestWhatOnlyAServerWouldFindIsRefusedBeforeAnythingStarts(t *testing.T) {
	t.Parallel()
	list := func(row string) []string {
		file := filepath.Join(t.TempDir(), "list.csv")
		err := os.WriteFile(file, []byte("a,Alice,1000,usd,pm_card_visa\n"+row), 0o600)
		if err != nil {
			t.Fatal(err)
		}
		return []string{"--subscriptions", file}
	}
	for want, all := range map[string][][]string{
		"line 2: amount": {
			list("b,Bob,100000000,usd,pm_card_visa"), list("b,Bob,49,usd,pm_card_visa"),
			list("b,Bob,150,isk,pm_card_visa"), list("b,Bob,1001,kwd,pm_card_visa"),
		},
		"line 2: currency": {list("b,Bob,1000,xyz,pm_card_visa")},
		"line 2: field 2": {
			list("b,\x1b]0;Bob,1000,usd,pm_card_visa"), list("b,\"Bo\nb\",1000,usd,pm_card_visa"),
			list("b,B\xffb,1000,usd,pm_card_visa"), list("b,B\x00b,1000,usd,pm_card_visa"),
			list("b," + strings.Repeat("Bob", 1<<19) + ",1000,usd,pm_card_visa"),
		},
		"--lock-ttl": {{"--lock-ttl", "10ms"}},
		"--redis-url": {
			{"--redis-url", "redis://127.0.0.1:99999"},
			{"--redis-url", "redis://127.0.0.1/nonsense"},
		},
		"--database-url": {{"--database-url", "postgres://127.0.0.1:0/d"}},
	} {
		for _, args := range all {
			status, out, log := demo(t, args...)
			if status != 2 || !strings.Contains(log, want) || strings.Count(log, "\n") != 1 ||
				out != "" {
				t.Errorf("%q: exit status %d, %q; want 2 and a line about %s", args, status, log,
					want)
			}
		}
	}
}
