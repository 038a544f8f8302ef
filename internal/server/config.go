package server

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	_ "time/tzdata" // so that --timezone works where no zones are installed, as in small containers

	"github.com/robfig/cron/v3"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
)

// Config is the command line of a server. kong fills it; each flag can also come from the
// environment as WORKER_<FLAG>, the URLs also under their usual names.
type Config struct {
	Name string `required:"" placeholder:"NAME" help:"This server's name, such as server-a."`
	Mode string `required:"" placeholder:"MODE" help:"How an invoice is protected before it is charged: ${modes}."`

	At       string `placeholder:"TIME" help:"The logical due time of one due run; it names the billing period: RFC 3339, such as 2026-12-01T00:00:00Z, or now. The run starts at once, or with --listen when it is triggered."`
	Schedule string `placeholder:"CRON" help:"Make a due run at these times, such as \"0 0 1 * *\"; an optional sixth field in front is for seconds."`
	Timezone string `default:"UTC" placeholder:"ZONE" help:"The time zone of --schedule, and of the calendar month that is billed."`
	Listen   string `placeholder:"ADDRESS" help:"Serve /healthz, /metrics, POST /runs and GET /events (what happens from then on, as JSON) here, such as 127.0.0.1:8081. The last two want the bearer token in WORKER_TOKEN."`

	DatabaseURL string `name:"database-url" required:"" env:"WORKER_DATABASE_URL,DATABASE_URL" placeholder:"URL" help:"The ledger's Postgres."`
	RedisURL    string `name:"redis-url" env:"WORKER_REDIS_URL,REDIS_URL" placeholder:"URL" help:"The Redis of the modes with a lock: redis://host, ?master_name= for Sentinel, ?addr= for Cluster."`
	StripeURL   string `name:"stripe-url" env:"WORKER_STRIPE_URL,STRIPE_URL" placeholder:"URL" help:"A Stripe simulator, charged as long as STRIPE_SECRET_KEY is not set; with a test mode key in it Stripe itself is charged."`

	RedisNodes []string `name:"redis-nodes" placeholder:"URL" help:"The independent Redis nodes of redlock: three or more, an odd number."`

	LockTTL       time.Duration `name:"lock-ttl" default:"5s" help:"How long a lease lasts unless it is renewed."`
	ClaimTTL      time.Duration `name:"claim-ttl" default:"1m" help:"How long after a server took a claim another may take it over (exactly-once)."`
	DunningPause  time.Duration `name:"dunning-pause" default:"20h" help:"From a decline to the next attempt with the same card, short enough for a daily run to make it (claimed, exactly-once)."`
	DunningLimit  int           `name:"dunning-limit" default:"4" help:"How many declines of an invoice there may be before its card is left alone; 0 for any number."`
	StripeTimeout time.Duration `name:"stripe-timeout" default:"${stripe_timeout}" help:"How long one request to Stripe is waited for."`
	Concurrency   int           `default:"${concurrency}" help:"How many charges are under way at Stripe at a time."`
	StripeRPS     *float64      `name:"stripe-rps" placeholder:"N" help:"How many requests for charges this server sends to Stripe in a second at the most; 0 for no limit. When Stripe says that it is too many it sends fewer by itself. Without it: ${test_mode_rps} with a test mode key, which is what Stripe takes from an account, and no limit with a simulator."`
	LogFormat     string        `name:"log-format" enum:"auto,json,text" default:"auto" help:"The events' format: json, text, or auto: text on a terminal, else json."`
	Quiet         bool          `help:"Leave out the events of invoices with which nothing is wrong: a large due run has several of each. The metrics count them all the same."`
}

// DefaultConcurrency is how many charges a server has under way at a time: at Stripe's usual second
// or less for a charge, as many in a second as a server's share of what Stripe's test mode takes.
const DefaultConcurrency = 16

// testModeRPS is how many requests a second Stripe takes in test mode:
// https://docs.stripe.com/rate-limits.
const testModeRPS = 25

// Secrets come from the environment only: a flag would show them to everyone who can list the
// processes.
type Secrets struct {
	StripeKey string // STRIPE_SECRET_KEY
	Token     string // WORKER_TOKEN: what POST /runs wants
}

// plan is a Config that was found right.
type plan struct {
	mode     billing.Mode
	zone     *time.Location
	at       time.Time     // of --at; zero: none given, or now, which is when the run starts
	schedule cron.Schedule // nil: none given
}

// due is the next time that the schedule names after both the last one and now: if the clock was
// set back, or the timer was early, no time comes twice.
func (p plan) due(last, now time.Time) time.Time {
	if last.After(now) {
		now = last
	}
	return p.schedule.Next(now.In(p.zone))
}

// errUsage marks what is wrong with what the server was given, not with what it did.
var errUsage = errors.New("")

// check reads what kong can't: all that could be wrong is found before anything is opened.
func (c Config) check(s Secrets, now time.Time) (plan, error) {
	var p plan
	var err error
	if p.mode, err = billing.ModeNamed(c.Mode); err != nil {
		return p, fmt.Errorf("--mode: %w", err)
	}
	if p.zone, err = time.LoadLocation(c.Timezone); err != nil {
		return p, fmt.Errorf("--timezone: %w: use a name such as UTC or Europe/Berlin", err)
	}
	if c.At != "" {
		if p.at, err = parseAt(c.At); err != nil {
			return p, fmt.Errorf("--at: %w", err)
		}
	}
	if c.Schedule != "" {
		if p.schedule, err = parseSchedule(c.Schedule, now); err != nil {
			return p, fmt.Errorf("--schedule: %w", err)
		}
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

// stripe says which Stripe is charged, and how fast. A real key is never sent to an address that
// was given.
func (c Config) stripe(s Secrets) stripecharge.Options {
	o := stripecharge.Options{
		Key: s.StripeKey, Timeout: c.StripeTimeout, AtOnce: c.Concurrency, PerSecond: testModeRPS,
	}
	if s.StripeKey == "" {
		o.Key, o.URL, o.PerSecond = stripecharge.SimulatorKey, c.StripeURL, 0
	}
	if c.StripeRPS != nil {
		o.PerSecond = *c.StripeRPS
	}
	return o
}

// Beside those that are being charged, invoices are handled that wait for the ledger or for their
// turn at Stripe: the more wait for the ledger, the more share a statement. They are so many times
// as many as those being charged, so that a server that is asked to stop is done in a few seconds;
// and no more than this, which is a good statement for each of an invoice's steps.
const (
	waitingPerCharge = 3
	waitingAtMost    = 256
)

// atOnce is how many invoices are handled at a time. Where Stripe takes few no more are begun than
// it takes in a second: what waits for its turn has a lease or a claim.
func (c Config) atOnce(o stripecharge.Options) int {
	waiting := min(waitingPerCharge*o.AtOnce, waitingAtMost)
	if o.PerSecond > 0 {
		waiting = min(waiting, int(math.Ceil(o.PerSecond)))
	}
	return o.AtOnce + waiting
}

func (c Config) checkRest(s Secrets, p plan) error {
	switch {
	case c.At == "" && c.Schedule == "" && c.Listen == "":
		return errors.New("nothing would start a due run: " +
			"give --at now for one at once, --schedule for a timetable, or --listen for POST /runs")
	case c.At != "" && c.Schedule != "":
		return errors.New("--at is the due time of one run, --schedule names many: give one of them")
	case c.Listen != "" && c.Schedule == "" && s.Token == "":
		return errors.New("--listen without --schedule waits for POST /runs, " +
			"and that wants a bearer token: set WORKER_TOKEN in the environment")
	case p.mode.Lock == billing.QuorumLock && (len(c.RedisNodes) < 3 || len(c.RedisNodes)%2 == 0):
		return fmt.Errorf("mode %s locks on an odd number of Redis nodes, three or more: "+
			"give them as --redis-nodes", c.Mode)
	case p.mode.Lock != billing.NoLock && p.mode.Lock != billing.QuorumLock && c.RedisURL == "":
		return fmt.Errorf("mode %s locks in Redis: give --redis-url or REDIS_URL", c.Mode)
	case c.Concurrency < 1:
		return fmt.Errorf("--concurrency %d: want 1 or more", c.Concurrency)
	case c.StripeRPS != nil && *c.StripeRPS < 0:
		return fmt.Errorf("--stripe-rps %g: want a number of requests, or 0 for no limit", *c.StripeRPS)
	case c.ClaimTTL <= 0 || c.DunningPause < 0 || c.DunningLimit < 0:
		return errors.New("--claim-ttl, --dunning-pause and --dunning-limit can't be negative, " +
			"and --claim-ttl must be more than nothing")
	case c.StripeTimeout <= 0:
		return fmt.Errorf("--stripe-timeout %s: want more than nothing", c.StripeTimeout)
	case strings.ContainsAny(c.Name, " \t\n") || c.Name == "":
		return fmt.Errorf("--name %q: want a name without blanks", c.Name)
	}
	return nil
}

// parseAt reads a due time; now is the zero time.
func parseAt(s string) (time.Time, error) {
	if s == "now" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, fmt.Errorf("%q: want a time such as 2026-12-01T00:00:00Z, or now", s)
	}
	return t, nil
}

func parseSchedule(s string, now time.Time) (cron.Schedule, error) {
	if strings.Contains(s, "TZ=") {
		return nil, fmt.Errorf("%q: give the time zone as --timezone, which also says what month "+
			"it is", s)
	}
	schedule, err := cron.NewParser(cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom |
		cron.Month | cron.Dow | cron.Descriptor).Parse(s)
	if err != nil {
		return nil, fmt.Errorf("%q: %w: want minute, hour, day, month and weekday, "+
			"such as \"0 0 1 * *\"", s, err)
	}
	if schedule.Next(now).IsZero() { // cron looks five years ahead
		return nil, fmt.Errorf("%q: no such time ever comes", s)
	}
	return schedule, nil
}
