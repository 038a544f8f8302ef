package worker

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/ledger"
)

// Config is a server's command line, as cli.Flag describes it. Each flag can also come from the
// environment as WORKER_<FLAG>, and the URLs under their usual names.
type Config struct {
	Name string `required:"" word:"" placeholder:"NAME" help:"This server's name, such as server-a."`
	Mode string `required:"" placeholder:"MODE" help:"How to protect an invoice before charging it: ${modes}."`

	At       string `placeholder:"TIME" help:"The due time of one due run, which names the billing period: RFC 3339, such as 2026-12-01T00:00:00Z, or now. The run starts at once; with --listen, when it is triggered."`
	ForceAt  bool   `name:"force-at" help:"Accept due times more than a year from today, in --at and POST /runs."`
	Schedule string `placeholder:"CRON" help:"Start due runs on this schedule, such as \"0 0 1 * *\"; an optional sixth field in front is for seconds."`
	CatchUp  int    `name:"catch-up" default:"2" max:"12" help:"How many earlier billing periods a due run looks through for open invoices, too, in modes that ask the ledger: cards that were declined, and months that were missed. 0 to 12."`
	Timezone string `default:"UTC" placeholder:"ZONE" help:"The time zone of --schedule and of the billing period."`
	Listen   string `placeholder:"ADDRESS" address:"" help:"Serve /healthz, /readyz (503 while Redis or Postgres is away), /metrics, POST /runs, GET /events (new events, as JSON) and, with STRIPE_WEBHOOK_SECRET, POST /stripe/events (records the charges that Stripe reports) on this address, such as 127.0.0.1:8081. Runs and events require the bearer token in WORKER_TOKEN."`

	DatabaseURL string `name:"database-url" required:"" env:"WORKER_DATABASE_URL,DATABASE_URL" placeholder:"URL" help:"The ledger's Postgres."`
	RedisURL    string `name:"redis-url" env:"WORKER_REDIS_URL,REDIS_URL" placeholder:"URL" help:"Redis, for modes that lock: redis://host, with ?master_name= for Sentinel or ?addr= for Cluster."`
	StripeURL   string `name:"stripe-url" env:"WORKER_STRIPE_URL,STRIPE_URL" placeholder:"URL" help:"A Stripe simulator, used unless STRIPE_SECRET_KEY holds a test-mode key for Stripe itself."`

	RedisNodes []string `name:"redis-nodes" placeholder:"URL" help:"The independent Redis nodes for redlock: an odd number, three or more."`

	LockPrefix    string        `name:"lock-prefix" placeholder:"TEXT" help:"Put before the name of each lock. Each ledger needs one of its own if several use the same Redis."`
	LockTTL       time.Duration `name:"lock-ttl" default:"5s" help:"How long a lease lasts without renewal."`
	LockPatience  time.Duration `name:"lock-patience" default:"${lock_patience}" help:"How long to retry while Redis is away, as during a failover; 0: a call is made once."`
	ClaimTTL      time.Duration `name:"claim-ttl" default:"1m" min:"1ms" help:"How long after a server takes a claim another server may take it over (exactly-once)."`
	DunningPause  time.Duration `name:"dunning-pause" default:"20h" help:"The wait between a decline and the next attempt with the same card; less than a day, so that a daily run retries (claimed, exactly-once)."`
	DunningLimit  int           `name:"dunning-limit" default:"4" help:"Stop retrying an invoice after this many declines of its card; 0: never stop."`
	StripeTimeout time.Duration `name:"stripe-timeout" min:"1ms" default:"${stripe_timeout}" help:"Time limit of one request to Stripe."`
	Hold          time.Duration `default:"5m" help:"How long a due run waits for Redis, Postgres or Stripe when one is away; then it fails. 0: it does not wait, and each invoice fails."`
	Concurrency   int           `default:"${concurrency}" min:"1" max:"10000" help:"Maximum charges in flight at Stripe."`
	StripeRPS     *float64      `name:"stripe-rps" placeholder:"N" help:"Maximum charge requests per second to Stripe, of all servers together; 0: no limit. Backs off automatically on 429. Default: ${test_mode_rps} with a test-mode key, which is Stripe's limit for an account; no limit with a simulator."`
	EndpointRPS   *float64      `name:"stripe-endpoint-rps" placeholder:"N" help:"The same for each of Stripe's endpoints by itself; raise it with --stripe-rps if Stripe raised your limits."`
	Servers       int           `default:"1" min:"1" max:"10000" help:"How many servers share the Stripe account: this one sends its part of --stripe-rps."`
	Part          string        `placeholder:"K/N" help:"Begin each due run at part K of N of the list, such as 7/30. A hint that keeps many servers apart: each still bills the whole list."`
	LogFormat     string        `name:"log-format" enum:"auto,json,text" default:"auto" help:"Format of the events: json, text (sentences), or auto (text on a terminal, otherwise json)."`
	Quiet         bool          `help:"Log only problems per invoice; metrics still count everything."`
}

// DefaultConcurrency is how many charges a server has in flight. At a second or less for a charge
// it makes a server's share of testModeRPS.
const DefaultConcurrency = 16

// testModeRPS is the number of requests per second that Stripe accepts from an account in test
// mode, and of each endpoint in either mode: https://docs.stripe.com/rate-limits.
const testModeRPS = 25

// maxLockPrefix is far more than anybody needs: every key has the prefix.
const maxLockPrefix = 100

// Secrets come from the environment only: everyone who can list processes could see them in a flag.
type Secrets struct {
	StripeKey string // STRIPE_SECRET_KEY
	Token     string // WORKER_TOKEN, which POST /runs requires
	Webhook   string // STRIPE_WEBHOOK_SECRET, which signs Stripe's events; "": none are taken
}

// plan is what a valid Config means.
type plan struct {
	mode     billing.Mode
	zone     *time.Location
	at       *time.Time    // of --at; nil: not given, or the time at which the run starts
	schedule cron.Schedule // nil: not given
	begin    *float64      // of --part, where in the list due runs begin; nil: by the name
}

// check parses what the flags' tags can't describe, and finds all errors before anything is opened.
func (c Config) check(s Secrets, now time.Time) (plan, error) {
	var p plan
	var err error
	if p.mode, err = billing.ModeNamed(c.Mode); err != nil {
		return p, fmt.Errorf("--mode: %w", err)
	}
	if p.zone, err = parseZone(c.Timezone); err != nil {
		return p, fmt.Errorf("--timezone: %w: use a name such as UTC or Europe/Berlin", err)
	}
	if c.At != "" {
		if p.at, err = parseAt(c.At, p.zone, now, c.ForceAt); err != nil {
			return p, fmt.Errorf("--at: %w", err)
		}
	}
	if c.Schedule != "" {
		if p.schedule, err = parseSchedule(c.Schedule, now); err != nil {
			return p, fmt.Errorf("--schedule: %w", err)
		}
	}
	if p.begin, err = parsePart(c.Part); err != nil {
		return p, fmt.Errorf("--part: %w", err)
	}
	if err := ledger.CheckURL(c.DatabaseURL); err != nil {
		return p, fmt.Errorf("--database-url: %w", err)
	}
	if s.StripeKey == "" && c.StripeURL == "" {
		return p, errors.New("no Stripe: set STRIPE_SECRET_KEY to a test mode key (sk_test_…), " +
			"or give --stripe-url for a simulator")
	}
	if s.StripeKey != "" {
		if err := stripecharge.CheckKey(s.StripeKey); err != nil {
			return p, err
		}
	}
	return p, c.checkRest(s, p)
}

// parsePart returns the share of the list that is before part K of N; nil for "".
func parsePart(part string) (*float64, error) {
	if part == "" {
		return nil, nil
	}
	first, second, _ := strings.Cut(part, "/")
	k, errK := strconv.Atoi(first)
	n, errN := strconv.Atoi(second)
	if errK != nil || errN != nil || k < 1 || k > n {
		return nil, fmt.Errorf("%q: want K/N, with K from 1 to N, such as 7/30", part)
	}
	return new(float64(k-1) / float64(n)), nil
}

// stripe returns which Stripe to charge, and how fast. It never sends a real key to --stripe-url.
func (c Config) stripe(s Secrets) stripecharge.Options {
	o := stripecharge.Options{
		Key: s.StripeKey, Timeout: c.StripeTimeout, AtOnce: c.Concurrency,
		PerSecond: testModeRPS, EndpointPerSecond: testModeRPS,
	}
	if s.StripeKey == "" {
		o.Key, o.URL = stripecharge.SimulatorKey, c.StripeURL
		o.PerSecond, o.EndpointPerSecond = 0, 0
	}
	if c.StripeRPS != nil {
		o.PerSecond = *c.StripeRPS
	}
	if c.EndpointRPS != nil {
		o.EndpointPerSecond = *c.EndpointRPS
	}
	servers := float64(max(1, c.Servers))
	o.PerSecond /= servers
	o.EndpointPerSecond /= servers
	return o
}

func (c Config) checkRest(s Secrets, p plan) error {
	switch {
	case c.At == "" && c.Schedule == "" && c.Listen == "":
		return errors.New("nothing would start a due run: " +
			"give --at now for one run, --schedule for regular ones, or --listen for POST /runs")
	case c.At != "" && c.Schedule != "":
		return errors.New("--at starts one run, --schedule starts many: give one of them")
	case c.Listen != "" && c.Schedule == "" && s.Token == "":
		return errors.New("--listen without --schedule waits for POST /runs, " +
			"which requires a bearer token: set WORKER_TOKEN in the environment")
	case s.Webhook != "" && (!strings.HasPrefix(s.Webhook, "whsec_") || s.Webhook == "whsec_"):
		return errors.New("STRIPE_WEBHOOK_SECRET is not the secret of a webhook endpoint, " +
			"which begins with whsec_: copy it from the Dashboard")
	case p.mode.Lock == billing.QuorumLock && (len(c.RedisNodes) < 3 || len(c.RedisNodes)%2 == 0):
		return fmt.Errorf("mode %s locks on an odd number of Redis nodes, three or more: "+
			"give them as --redis-nodes", c.Mode)
	case p.mode.Lock != billing.NoLock && p.mode.Lock != billing.QuorumLock && c.RedisURL == "":
		return fmt.Errorf("mode %s locks in Redis: give --redis-url or REDIS_URL", c.Mode)
	case strings.ContainsFunc(c.LockPrefix, func(r rune) bool { return r <= ' ' || r > '~' }) ||
		len(c.LockPrefix) > maxLockPrefix:
		return fmt.Errorf("--lock-prefix %q: want at most %d printable ASCII characters, no spaces",
			c.LockPrefix, maxLockPrefix)
	}
	return nil
}
