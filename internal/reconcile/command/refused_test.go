package command

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhatCanNotBeUsedIsRefusedBeforeAnythingIsAsked(t *testing.T) {
	stripe := httptest.NewServer(nil)
	nobody := "postgres://nobody@127.0.0.1:1/nowhere"
	base := []string{"--period", "2026-12", "--database-url", nobody, "--stripe-url", stripe.URL}
	stripe.Close() // so that nobody answers at its address
	for name, tt := range map[string]struct {
		args   []string
		key    string
		status int
		want   string
	}{
		"nothing":        {nil, "", 2, "--period"},
		"no month":       {append([]string{"--period", "December"}, base[2:]...), "", 2, "2026-12"},
		"no Stripe":      {base[:4], "", 2, "--stripe-url"},
		"no time":        {append(base, "--since", "yesterday"), "", 2, "--since"},
		"no time either": {append(base, "--until", "12/1/2026"), "", 2, "--until"},
		"an end before its start": {
			append(base, "--since", "2027-01-02", "--until", "2027-01-02"), "", 2, "--until"},
		"a URL without its scheme": {append(base[:4:4], "--stripe-url", "127.0.0.1"),
			"", 2, "http://"},
		"an unknown flag": {append(base, "--aply"), "", 2, "--aply"},
		"something more":  {append(base, "please"), "", 2, "please"},
		"a live key":      {base, "sk_live_KEYMATERIAL", 2, "STRIPE_SECRET_KEY"},
		"a live key and --help": {[]string{"--help"}, "sk_live_KEYMATERIAL", 2,
			"STRIPE_SECRET_KEY"},
		"a live restricted key": {base, "rk_live_KEYMATERIAL", 2, "STRIPE_SECRET_KEY"},
		"no key":                {base, "KEYMATERIAL", 2, "STRIPE_SECRET_KEY"},
		"no Postgres":           {base, "", 1, "check that Postgres runs there"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("STRIPE_SECRET_KEY", tt.key)
			t.Setenv("DATABASE_URL", "")
			status, out, log := command(t, tt.args...)
			if status != tt.status || !strings.Contains(log, tt.want) || out != "" {
				t.Errorf("exit status %d, %q and %q; want %d and something about %q",
					status, out, log, tt.status, tt.want)
			}
			if strings.Contains(log, "KEYMATERIAL") {
				t.Errorf("the key is printed: %s", log)
			}
		})
	}
}

func TestAKeyComesFromAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("sk_live_KEYMATERIAL\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("STRIPE_SECRET_KEY", "")
	t.Setenv("STRIPE_SECRET_KEY_FILE", file)
	if status, _, log := command(t, "--help"); status == 0 || !strings.Contains(log, "sk_test_") {
		t.Errorf("exit status %d, %q", status, log)
	}
}

func TestHelp(t *testing.T) {
	for want, args := range map[string][]string{
		"settle --payment": nil, "--apply": {"compare"}, "give_back_minor": {"refund"},
	} {
		status, out, log := command(t, append(args, "--help")...)
		if status != 0 || log != "" || !strings.Contains(out, want) {
			t.Errorf("%v: exit status %d, %q, want 0 and %s: %s", args, status, log, want, out)
		}
	}
}

// A forgotten environment variable must not cause refunds.
func TestApplyIsAFlagAndNothingElse(t *testing.T) {
	w := newWorld(t, "alice")
	w.dueRun("server-a", "server-b")
	t.Setenv("RECONCILE_APPLY", "true")
	t.Setenv("RECONCILE_PERIOD", "2026-12")
	t.Setenv("DATABASE_URL", w.database)
	t.Setenv("STRIPE_URL", w.url)
	if status, out, log := command(t); status != 1 ||
		!strings.Contains(out, "Nothing was changed") {
		t.Errorf("exit status %d, %q, want 1 and nothing changed: %s", status, log, out)
	}
}
