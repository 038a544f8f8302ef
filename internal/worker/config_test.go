package worker

import (
	"bytes"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/cli"
	"example.com/triplecharge/ledger"
)

// usable returns a Config with which a server could start, if its services were up.
func usable() Config {
	return Config{
		Name: "server-a", Mode: "locked", At: "now", Timezone: "UTC",
		DatabaseURL: "postgres://alice:hunter2@127.0.0.1:1/billing",
		RedisURL:    "redis://:hunter2@127.0.0.1:1", StripeURL: "http://127.0.0.1:1",
		LockTTL: 5 * time.Second, ClaimTTL: time.Minute, StripeTimeout: time.Second, Concurrency: 1,
		LogFormat: "json",
	}
}

func TestTheUsableConfigIsUsable(t *testing.T) {
	t.Parallel()
	for _, mode := range billing.Modes() {
		c := usable()
		c.Mode = mode.Name
		c.RedisNodes = []string{"redis://1", "redis://2", "redis://3", "redis://4", "redis://5"}
		if _, err := c.check(Secrets{}, time.Now()); err != nil {
			t.Errorf("%s: got %v", mode.Name, err)
		}
	}
}

// Every flag can come from the environment, with the same meaning.
func TestFlagsComeFromTheEnvironment(t *testing.T) {
	samples := map[string]string{
		"at": "2026-12-01T00:00:00Z", "mode": "locked", "log-format": "text",
		"redis-nodes": "redis://one,redis://two",
	}
	sample := func(f *cli.Flag) string {
		if s, ok := samples[f.Name]; ok {
			return s
		}
		switch f.Target.Interface().(type) {
		case time.Duration:
			return "17s"
		case int, *float64:
			return "7"
		case bool:
			return "true"
		case string:
			if f.Name == "listen" {
				return "127.0.0.1:17"
			}
			return f.Name + "-sample"
		}
		t.Fatalf("--%s is of another type than all others: give it a sample", f.Name)
		return ""
	}
	required := map[string]string{"name": "n", "mode": "locked", "database-url": "postgres://d"}
	extra := map[string]string{
		"DATABASE_URL": "database-url", "REDIS_URL": "redis-url", "STRIPE_URL": "stripe-url",
	}
	seen := 0
	for _, f := range program().Commands(&Config{})[0].Flags {
		if f.Name == "help" || f.Name == "version" {
			continue
		}
		seen++
		variables := []string{"WORKER_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))}
		for variable, flag := range extra {
			if flag == f.Name {
				variables = append(variables, variable)
			}
		}
		for _, variable := range variables {
			t.Run(variable, func(t *testing.T) {
				for name := range extra {
					t.Setenv(name, "")
					unset(t, name)
				}
				var args []string
				for name, value := range required {
					if name != f.Name {
						args = append(args, "--"+name, value)
					}
				}
				want := parse(t, append(args, "--"+f.Name+"="+sample(f))...)
				t.Setenv(variable, sample(f))
				if got := parse(t, args...); !reflect.DeepEqual(got, want) {
					t.Errorf("got %+v\nwant %+v", got, want)
				}
			})
		}
	}
	if fields := reflect.TypeFor[Config]().NumField(); seen != fields {
		t.Errorf("looked at %d flags, want all %d", seen, fields)
	}
}

func parse(t *testing.T, args ...string) (c Config) {
	t.Helper()
	_, err := program().Parse(args, io.Discard, &c)
	must(t, err)
	return c
}

func TestSecretsComeFromTheEnvironmentOnly(t *testing.T) {
	t.Parallel()
	for _, f := range program().Commands(&Config{})[0].Flags {
		if strings.Contains(f.Name, "key") || strings.Contains(f.Name, "token") {
			t.Errorf("--%s would show a secret to everyone who can list processes", f.Name)
		}
	}
}

func TestARealKeyIsNeverSentToAnAddressThatWasGiven(t *testing.T) {
	t.Parallel()
	c := Config{StripeURL: "http://simulator", StripeTimeout: time.Second}
	if got := c.stripe(Secrets{StripeKey: "sk_test_mine"}); got.URL != "" {
		t.Errorf("the key goes to %s, want Stripe", got.URL)
	}
	if got := c.stripe(Secrets{}); got.URL != "http://simulator" || got.Key == "" {
		t.Errorf("got %+v, want the simulator with a key of its own", got)
	}
}

func TestTheScheduleIsKeptInItsZone(t *testing.T) {
	t.Parallel()
	at := func(s string) time.Time {
		parsed, err := time.Parse(time.RFC3339, s)
		must(t, err)
		return parsed
	}
	for _, test := range []struct {
		name, schedule, zone string
		last, now            string // last is "" at the first time
		due, period          string
	}{
		{"the next midnight", "0 0 1 * *", "UTC", "", "2026-11-30T23:59:59Z",
			"2026-12-01T00:00:00Z", "2026-12"},
		{"Tokyo's midnight is still November in UTC", "0 0 1 * *", "Asia/Tokyo", "",
			"2026-11-30T14:59:59Z", "2026-11-30T15:00:00Z", "2026-12"},
		{"New York's midnight has long been December in UTC", "0 0 1 * *", "America/New_York", "",
			"2026-12-01T04:59:59Z", "2026-12-01T05:00:00Z", "2026-12"},
		{"seconds", "30 0 0 1 * *", "UTC", "", "2026-12-01T00:00:29Z",
			"2026-12-01T00:00:30Z", "2026-12"},
		{"a timer that was early", "0 0 1 * *", "UTC", "2026-12-01T00:00:00Z",
			"2026-11-30T23:59:59Z", "2027-01-01T00:00:00Z", "2027-01"},
		{"a clock that was set back a month", "0 0 1 * *", "UTC", "2026-12-01T00:00:00Z",
			"2026-11-05T00:00:00Z", "2027-01-01T00:00:00Z", "2027-01"},
		{"a machine that slept through two", "0 0 1 * *", "UTC", "2026-12-01T00:00:00Z",
			"2027-02-10T00:00:00Z", "2027-03-01T00:00:00Z", "2027-03"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := usable()
			c.At, c.Schedule, c.Timezone = "", test.schedule, test.zone
			p, err := c.check(Secrets{}, at(test.now))
			must(t, err)
			var last time.Time
			if test.last != "" {
				last = at(test.last)
			}
			due := p.due(last, at(test.now))
			if !due.Equal(at(test.due)) {
				t.Errorf("got %v, want %s", due.UTC(), test.due)
			}
			if got := billing.PeriodOf(due.In(p.zone)).String(); got != test.period {
				t.Errorf("got the period %s, want %s", got, test.period)
			}
		})
	}
}

func TestTheDueTimeNamesThePeriodInItsZone(t *testing.T) {
	t.Parallel()
	c := usable()
	c.At, c.ForceAt, c.Timezone = "2026-12-01T00:00:00+09:00", true, "Asia/Tokyo"
	p, err := c.check(Secrets{}, time.Now())
	must(t, err)
	if got := billing.PeriodOf(orNow(p.at).In(p.zone)).String(); got != "2026-12" {
		t.Errorf("got the period %s, want Tokyo's 2026-12", got)
	}
	c.At = "now"
	p, err = c.check(Secrets{}, time.Unix(0, 0))
	must(t, err)
	// "now" is when the run starts, not when the server does.
	if got := billing.PeriodOf(orNow(p.at).In(p.zone)).String(); got == "1970-01" {
		t.Errorf("got the period %s of the start", got)
	}
}

func TestExitStatus(t *testing.T) {
	good := []string{
		"--name", "server-a", "--mode", "uncoordinated", "--at", "now",
		"--database-url", "postgres://alice:hunter2@127.0.0.1:1/billing?connect_timeout=1",
		"--stripe-url", "http://127.0.0.1:1",
	}
	for _, test := range []struct {
		name string
		args []string
		key  string
		want int
	}{
		{"no flags", nil, "", 2},
		{"an unknown flag", append([]string{"--lucky"}, good...), "", 2},
		{"a flag of the wrong type", append([]string{"--concurrency", "many"}, good...), "", 2},
		{"a flag that can't be used", append([]string{"--concurrency", "0"}, good...), "", 2},
		{"no part", append([]string{"--part", "x"}, good...), "", 2},
		{"part zero", append([]string{"--part", "0/3"}, good...), "", 2},
		{"a part beyond the last", append([]string{"--part", "4/3"}, good...), "", 2},
		{"a live key", good, "sk_live_hunter2", 2},
		{"no Postgres there", good, "", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("STRIPE_SECRET_KEY", test.key)
			t.Setenv("DATABASE_URL", "")
			unset(t, "DATABASE_URL")
			var out, complaint bytes.Buffer
			if got := Main(test.args, &out, &complaint); got != test.want {
				t.Errorf("got %d, want %d: %s", got, test.want, complaint.String())
			}
			if complaint.Len() == 0 || strings.Contains(complaint.String(), "hunter2") {
				t.Errorf("got the complaint %q, want one without secrets", complaint.String())
			}
		})
	}
}

// Orchestrators kill a server after 30 s (Kubernetes' terminationGracePeriodSeconds).
func TestAServerEndsWithinThirtySecondsByDefault(t *testing.T) {
	t.Parallel()
	c := Config{StripeTimeout: stripecharge.DefaultTimeout}
	if limit := c.endLimit(); limit >= 30*time.Second {
		t.Errorf("it may take %v", limit)
	}
	c.StripeTimeout += time.Minute
	if limit := c.endLimit(); limit < c.StripeTimeout+ledger.DefaultTimeout {
		t.Errorf("it may take %v only, with %v for a request", limit, c.StripeTimeout)
	}
}

// A container has no zone of its own; time.Local is then called UTC.
func TestUTCIsAZoneInAContainer(t *testing.T) {
	local := time.Local
	time.Local = time.UTC
	defer func() { time.Local = local }()
	if _, err := parseZone("UTC"); err != nil {
		t.Error(err)
	}
}
