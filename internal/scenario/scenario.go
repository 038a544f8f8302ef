package scenario

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/redislock"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/fleet"
	"example.com/triplecharge/internal/services"
	"example.com/triplecharge/internal/stripesim"
	"example.com/triplecharge/internal/stripesim/control"
	"example.com/triplecharge/ledger"
)

// Harness plays scenarios. It has what must exist before a server can start.
type Harness struct {
	Services  *services.Services
	Worker    []string // the command that starts a billing server, without its flags
	StripeKey string   // of Stripe's test mode; "" for a simulator
	Latency   time.Duration
	// Shared means that others use the same Redis. Then the locks of each play get a prefix.
	Shared bool
	// Tell is called for each event when it is read, one call at a time. It must not take long. It
	// may be nil.
	Tell func(event.Event)
	// ThirdParty describes what Worker runs in place of the mode; nil if it runs the mode.
	ThirdParty *ThirdParty
	// Webhooks: servers take Stripe's events, which come before the next server runs.
	Webhooks bool
}

// Scenario is a midnight of several servers in one mode.
type Scenario struct {
	Mode          string
	Fault         faults.Fault // "" for none, and no proxies
	Beside        string       // the mode that server-a runs instead; "" if it runs the same
	Servers       int
	Replicated    bool // the ledger is in a Postgres of its own, which has a standby
	Webhooks      bool // servers take Stripe's events
	Subscriptions []billing.Subscription
	At            time.Time // the logical due time, in UTC
	LockTTL       time.Duration
	Flags         []string // further flags of the servers
}

// Play plays the scenario: it sets up the customers, starts the servers, fires them all at the same
// instant, waits until their due runs have finished, stops them and reads both sides. It returns an
// error if the scenario could not be played; a wrong count is no error. The caller closes the
// Result, which keeps the simulator running.
func (h Harness) Play(ctx context.Context, s Scenario) (result Result, err error) {
	result = Result{Mode: s.Mode, Fault: faults.None, Servers: s.Servers}
	p, err := h.begin(ctx, s)
	if err == nil {
		err = p.midnight(ctx)
	}
	p.stopAll()
	if err == nil {
		err = p.disown(ctx)
	}
	if err == nil {
		err = p.judge(ctx, &result)
	}
	if err != nil {
		p.end()
		return result, fmt.Errorf("%s: %w", s.Mode, err)
	}
	result.close = p.end
	return result, nil
}

// begin brings a scenario to the moment before midnight. The caller ends the play, also after an
// error.
func (h Harness) begin(ctx context.Context, s Scenario) (p *play, err error) {
	p = &play{Harness: h, Scenario: s, events: fleet.NewEventLog(h.Tell), token: rand.Text()}
	if h.StripeKey == "" {
		p.simulator, err = fleet.StartSimulator(
			stripesim.Options{Latency: h.Latency}, fleet.Names(p.Servers))
		if err != nil {
			return p, err
		}
		// As if it were that day: reconcile looks for a month's charges from its week before on.
		if err := p.simulator.Control.SetClock(ctx, s.At); err != nil {
			return p, err
		}
		p.followCharges()
	}
	for _, step := range []func(context.Context) error{
		p.setUp, p.openInbox, p.startNodes, p.startProxies, p.startAll,
	} {
		if err := step(ctx); err != nil {
			return p, err
		}
	}
	return p, nil
}

// end stops what still runs.
func (p *play) end() {
	p.stopServers()
	p.sides.close()
	p.closePair()
	p.inbox.end()
	if p.simulator != nil {
		p.simulator.Close()
	}
}

// stopServers stops the servers, their proxies and the play's Redis nodes.
func (p *play) stopServers() {
	p.stopAll()
	for _, l := range p.proxies {
		for _, one := range l.all {
			_ = one.Close()
		}
	}
	for _, node := range p.started {
		_ = p.Services.Discard(context.Background(), node) // the services end what is left
	}
	p.proxies, p.started = nil, nil
}

type play struct {
	Harness
	Scenario
	sides      bothSides
	simulator  *fleet.Simulator // nil at the real Stripe
	database   string
	pair       *pair  // nil unless the ledger is in a Postgres of its own
	inbox      *inbox // nil without webhooks
	token      string
	nodes      []services.Server   // this play's own Redis nodes, if it has any
	quorum     int                 // how many of them belong to a quorum lock
	started    []services.Server   // these, and those that a fault replaced
	proxies    map[string]*proxies // by server; nil without a fault
	workers    []*fleet.Worker
	events     *fleet.EventLog
	charged    chan struct{} // closed after the last event of a charge; nil at the real Stripe
	lockPrefix string        // "" unless others use the same Redis
	working    atomic.Int32  // due runs in progress that were fired one by one
	gate       *control.Gate // holds server-a's charge at Stripe
	fired      <-chan error  // receives the result of that due run
	outlived   bool          // a third party's lock does not end while the cell lasts
}

// setUp opens both sides, the ledger in a new database.
func (p *play) setUp(ctx context.Context) (err error) {
	p.sides = bothSides{subscriptions: p.Subscriptions, period: billing.PeriodOf(p.At)}
	if p.simulator != nil {
		p.sides.began = p.At
	}
	if p.Shared {
		p.lockPrefix = "demo-" + strings.ToLower(rand.Text()[:8]) + ":"
	}
	p.sides.stripe, err = stripecharge.New(stripecharge.Options{
		Key: cmp.Or(p.StripeKey, stripecharge.SimulatorKey), URL: p.stripeURL(""),
	})
	if err != nil {
		return err
	}
	ours, err := p.newDatabase(ctx)
	if err == nil {
		p.sides.store, err = ledger.Open(ctx, ours, ledger.Options{Recorder: "demo"})
	}
	if err != nil {
		return err
	}
	p.sides.stripe = p.sides.stripe.ForLedger(p.sides.store.ID())
	return p.sides.open(ctx)
}

// stripeURL is the simulator's address for a server, "" at the real Stripe.
func (p *play) stripeURL(server string) string {
	if p.simulator == nil {
		return ""
	}
	return p.simulator.URL(server)
}

// startNodes starts this play's own Redis nodes, if it needs any.
func (p *play) startNodes(ctx context.Context) (err error) {
	if p.quorum, err = fleet.NodesOf(p.Mode); err != nil {
		return err
	}
	n := p.quorum
	if p.Beside != "" || p.Fault != "" && n == 0 {
		n++ // for the modes with one node, which the fault may kill
	}
	start := p.Services.StartRedis
	if row, _ := faults.Named(p.Fault); row.Clocks {
		start = p.Services.StartClockedRedis
	}
	p.nodes, err = fleet.StartNodes(ctx, start, n)
	p.started = slices.Clone(p.nodes)
	return err
}

// maxConcurrency limits the charges that a server has in flight; a shorter list is billed at once.
const maxConcurrency = 64

func (p *play) concurrency() int { return max(1, min(len(p.Subscriptions), maxConcurrency)) }

// startAll starts the servers and returns when all of them listen.
func (p *play) startAll(ctx context.Context) error {
	p.workers = make([]*fleet.Worker, p.Servers)
	group, groupCtx := errgroup.WithContext(ctx)
	for i, name := range fleet.Names(p.Servers) {
		group.Go(func() (err error) {
			p.workers[i], err = p.spawn(groupCtx, name)
			return err
		})
	}
	return group.Wait()
}

// lockPatience is short: no script brings Redis back while a server waits for it.
const lockPatience = "200ms"

// spawn starts a server, which reaches its services through its proxies if it has any.
func (p *play) spawn(ctx context.Context, name string) (*fleet.Worker, error) {
	through := p.proxies[name]
	spec := fleet.Spec{
		Services: p.Services, Command: p.Worker, Name: name, Mode: p.mode(name), At: p.At,
		LockTTL: p.LockTTL,
		Flags: append([]string{ // no server holds, so that a run ends while the fault lasts
			"--lock-patience", lockPatience, "--hold", "0s", "--servers", strconv.Itoa(p.Servers),
		}, p.Flags...),

		DatabaseURL: p.database, RedisURL: p.Services.RedisURL(),
		StripeURL: p.stripeURL(name), StripeKey: p.StripeKey, Token: p.token,
		Tell: func(_ string, e event.Event, err error) {
			if err == nil {
				p.events.Add(e)
			}
		},
	}
	if !slices.Contains(p.Flags, "--concurrency") {
		spec.Flags = append(spec.Flags, "--concurrency", strconv.Itoa(p.concurrency()))
	}
	if p.lockPrefix != "" {
		spec.Flags = append(spec.Flags, "--lock-prefix", p.lockPrefix)
	}
	if through != nil {
		spec.DatabaseURL, spec.StripeURL = through.postgres.URL(), through.stripe.URL()
	}
	for i, node := range p.nodes {
		spec.RedisURL = node.URL() // the last is the node of modes that use a single one
		if through != nil {
			spec.RedisURL = through.redis[i].URL()
		}
		if p.ThirdParty == nil {
			spec.RedisURL += redisPatience()
		}
		if i < p.quorum {
			spec.RedisNodes = append(spec.RedisNodes, spec.RedisURL)
		}
	}
	return p.inbox.start(ctx, spec)
}

// disown leaves the services' Redis, if this play used it, to the next play, which has another
// ledger.
func (p *play) disown(ctx context.Context) error {
	if len(p.nodes) > 0 || p.Services.RedisURL() == "" {
		return nil
	}
	return redislock.Disown(ctx, p.Services.RedisURL(), p.lockPrefix)
}

// midnight fires all servers at the same instant and returns when all their due runs have finished.
func (p *play) midnight(ctx context.Context) error {
	if p.simulator == nil {
		return p.fireAll(ctx)
	}
	return p.simulator.Midnight(ctx, p.events, fleet.Names(p.Servers), p.concurrency(), p.fireAll)
}

func (p *play) fireAll(ctx context.Context) error {
	var servers []fleet.Server
	for _, w := range p.workers {
		servers = append(servers, w.Server)
	}
	done := make(chan error, 1)
	go func() { done <- fleet.Fire(ctx, time.Time{}, servers...) }()
	return p.over(ctx, done, p.workers...)
}

func (p *play) stopAll() {
	var group errgroup.Group
	for _, w := range p.workers {
		if w != nil {
			group.Go(func() error { w.Stop(); return nil })
		}
	}
	_ = group.Wait()
}

func (p *play) judge(ctx context.Context, r *Result) (err error) {
	if r.Expected, err = faults.Expected(r.Mode, r.Fault, r.Servers); err != nil {
		return err
	}
	if r.Invoices, err = p.sides.accounts(ctx); err != nil {
		return err
	}
	if r.Picture, err = p.picture(ctx); err != nil {
		return err
	}
	events, _ := p.events.Since(0)
	r.Lock, r.Declined = measure(events), declined(r.Invoices, events)
	r.DatabaseURL, r.StripeURL = p.database, p.stripeURL("")
	return nil
}
