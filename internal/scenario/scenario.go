package scenario

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
	"example.com/triplecharge/internal/services"
	"example.com/triplecharge/internal/stripesim/control"
	"example.com/triplecharge/internal/timeline"
	"example.com/triplecharge/internal/verdicts"
	"example.com/triplecharge/ledger"
)

// Stage is where scenarios are played: what must be there before a server can start.
type Stage struct {
	Services  *services.Services
	Worker    []string // the command that is a billing server, without its flags
	StripeKey string   // of the real Stripe's test mode; "" for a simulator
	Latency   time.Duration
	// Shared says that others use the same Redis. There, and at the real Stripe, the run's
	// subscriptions get IDs of its own.
	Shared bool
	// Tell is told of each event as it is read, one at a time, and must not take long. May be nil.
	Tell func(timeline.Event)
	// Foreign is what Worker puts in the place of the mode; nil if it is the mode itself.
	Foreign *Foreign
}

// Scenario is one mode, met by some servers at midnight.
type Scenario struct {
	Mode          string
	Fault         verdicts.Fault // "" for none, and nothing on the servers' ways
	Servers       int
	Subscriptions []billing.Subscription
	At            time.Time // the logical due time, in UTC
	LockTTL       time.Duration
	Flags         []string // further flags of the servers
}

// Play runs the scenario: it sets the customers up, starts the servers, fires them all at the same
// instant, waits for their due runs to end, stops them and judges. An error says that it could not
// be played; a wrong count is a Result. The caller closes a Result, which keeps the simulator up.
func (st Stage) Play(ctx context.Context, s Scenario) (result Result, err error) {
	result = Result{Mode: s.Mode, Fault: verdicts.None, Servers: s.Servers}
	p, err := st.begin(ctx, s)
	if err == nil {
		err = p.midnight(ctx)
	}
	p.stopAll()
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
func (st Stage) begin(ctx context.Context, s Scenario) (*play, error) {
	p := &play{Stage: st, Scenario: s, events: newLog(st.Tell), token: rand.Text()}
	if st.StripeKey == "" {
		var err error
		if p.simulator, err = startSimulator(st.Latency, p.names()); err != nil {
			return p, err
		}
		p.followCharges()
	}
	for _, step := range []func(context.Context) error{p.setUp, p.startNodes, p.link, p.startAll} {
		if err := step(ctx); err != nil {
			return p, err
		}
	}
	return p, nil
}

// end stops what is still there of a play.
func (p *play) end() {
	p.stopServers()
	p.books.close()
	if p.simulator != nil {
		p.simulator.close()
	}
}

// stopServers ends the servers and what stands between them and the books.
func (p *play) stopServers() {
	p.stopAll()
	for _, l := range p.links {
		l.close()
	}
	for _, node := range p.started {
		_ = p.Services.Discard(context.Background(), node) // what is left, the services end
	}
	p.links, p.started = nil, nil
}

// play is a scenario under way.
type play struct {
	Stage
	Scenario
	books     books
	simulator *simulator // nil at the real Stripe
	database  string
	token     string
	nodes     []services.Server // this play's own Redis nodes, where it has some
	started   []services.Server // these, and those that a fault has replaced
	links     map[string]*links // by server, where something stands on its ways
	processes []*process
	events    *log
	charged   chan struct{} // closed when no more charges are told of; nil at the real Stripe
	working   atomic.Int32  // how many due runs that were fired one by one are under way
}

// setUp opens the books, in a database of this run's own.
func (p *play) setUp(ctx context.Context) (err error) {
	p.books = books{subscriptions: p.Subscriptions, period: billing.PeriodOf(p.At)}
	if p.Shared || p.simulator == nil {
		p.books.tag()
	}
	p.books.stripe, err = stripecharge.New(stripecharge.Options{
		Key: cmp.Or(p.StripeKey, stripecharge.SimulatorKey), URL: p.stripeURL(""),
	})
	if err != nil {
		return err
	}
	if p.database, err = p.Services.NewDatabase(ctx); err != nil {
		return err
	}
	p.books.store, err = ledger.Open(ctx, p.database, ledger.Options{Recorder: "demo"})
	if err != nil {
		return err
	}
	return p.books.open(ctx)
}

// stripeURL is Stripe's address for a server, "" for the real one's.
func (p *play) stripeURL(server string) string {
	if p.simulator == nil {
		return ""
	}
	return cmp.Or(p.simulator.urls[server], p.simulator.urls[""])
}

// quorumNodes is how many nodes Redlock's text has: two may be lost.
const quorumNodes = 5

// startNodes starts this play's own Redis nodes, if it needs any.
func (p *play) startNodes(ctx context.Context) error {
	mode, err := billing.ModeNamed(p.Mode)
	if err != nil {
		return err
	}
	nodes := 0
	if mode.Lock == billing.QuorumLock {
		nodes = quorumNodes
	}
	if p.Fault == verdicts.MixedModes || p.Fault != "" && nodes == 0 {
		nodes++ // for the modes with one, that the scenario may take away
	}
	for range nodes {
		node, err := p.Services.StartRedis(ctx)
		if err != nil {
			return err
		}
		p.nodes = append(p.nodes, node)
		p.started = append(p.started, node)
	}
	return nil
}

// maxConcurrency is how many invoices a server handles at a time at most: a list that is shorter is
// handled all at once.
const maxConcurrency = 64

func (p *play) concurrency() int { return max(1, min(len(p.Subscriptions), maxConcurrency)) }

// startAll starts the servers and returns once all of them listen.
func (p *play) startAll(ctx context.Context) error {
	p.processes = make([]*process, p.Servers)
	group, groupCtx := errgroup.WithContext(ctx)
	for i, name := range p.names() {
		group.Go(func() (err error) {
			p.processes[i], err = p.spawn(groupCtx, name)
			return err
		})
	}
	return group.Wait()
}

func (p *play) spawn(ctx context.Context, name string) (*process, error) {
	return spawn(ctx, name, p.token, p.command(name), p.Services.Adopt, p.events)
}

// names are server-a, server-b and so on; after server-z comes server-27.
func (p *play) names() []string {
	var names []string
	for i := range p.Servers {
		if i < 26 {
			names = append(names, "server-"+string(rune('a'+i)))
		} else {
			names = append(names, "server-"+strconv.Itoa(i+1))
		}
	}
	return names
}

// command is a server's command line. Its environment has what it needs and nothing else, so that
// what a person has exported can't change a run.
func (p *play) command(name string) *exec.Cmd {
	args := append(p.Worker[1:len(p.Worker):len(p.Worker)],
		"--name", name, "--mode", p.mode(name), "--at", p.At.Format(time.RFC3339),
		"--lock-ttl", p.LockTTL.String(), "--concurrency", strconv.Itoa(p.concurrency()),
		"--listen", "127.0.0.1:0", "--log-format", "json",
	)
	l := p.links[name]
	if url := p.stripeURL(name); url != "" {
		args = append(args, "--stripe-url", l.to(toStripe, url))
	}
	args = append(args, p.Flags...)
	redisURL := p.Services.RedisURL()
	var nodes []string
	for i, node := range p.nodes {
		redisURL = l.to(toRedis(i), node.URL()) // the last is that of modes with one node
		if p.Foreign == nil {
			redisURL += redisPatience()
		}
		if i < quorumNodes {
			nodes = append(nodes, redisURL)
		}
	}
	cmd := exec.Command(p.Worker[0], args...)
	// The URLs hold passwords, which a command line would show to everyone on the machine.
	cmd.Env = []string{
		"DATABASE_URL=" + l.to(toPostgres, p.database), "REDIS_URL=" + redisURL,
		"WORKER_REDIS_NODES=" + strings.Join(nodes, ","),
		"STRIPE_SECRET_KEY=" + p.StripeKey, "WORKER_TOKEN=" + p.token,
	}
	return cmd
}

// midnight fires all servers at the same instant and returns when all their due runs are over.
func (p *play) midnight(ctx context.Context) error {
	if p.simulator == nil {
		return fire(ctx, p.remotes())
	}
	gate, err := p.simulator.control.Hold(ctx, control.Rule{
		Point: control.Arriving, Operation: control.OperationCharge,
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	earlier, _ := p.events.since(0)
	held := make(chan struct{})
	go func() {
		defer close(held)
		m := newMidnight(p.names(), p.concurrency())
		if err := m.hold(ctx, gate, p.events, len(earlier)); err != nil {
			cancel(err)
		}
	}()
	err = fire(ctx, p.remotes())
	if cause := context.Cause(ctx); cause != nil {
		err = cause // the request that ctx cut short only says that it was
	}
	cancel(nil)
	<-held
	return errors.Join(err, gate.Remove(context.WithoutCancel(ctx)))
}

func (p *play) remotes() []remote {
	var servers []remote
	for _, process := range p.processes {
		servers = append(servers, process.remote)
	}
	return servers
}

// stopAll ends all servers and waits for them.
func (p *play) stopAll() {
	var group errgroup.Group
	for _, process := range p.processes {
		if process != nil {
			group.Go(func() error { process.stop(); return nil })
		}
	}
	_ = group.Wait()
}

// judge fills in what came of it.
func (p *play) judge(ctx context.Context, r *Result) (err error) {
	if err := r.expect(); err != nil {
		return err
	}
	if r.Accounts, err = p.books.accounts(ctx); err != nil {
		return err
	}
	if r.Picture, err = p.picture(ctx); err != nil {
		return err
	}
	events, _ := p.events.since(0)
	r.Lock = measure(events)
	r.DatabaseURL, r.StripeURL = p.database, p.stripeURL("")
	return nil
}
