package trial

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/fleet"
	"example.com/triplecharge/internal/proxy"
	"example.com/triplecharge/internal/services"
	"example.com/triplecharge/internal/stripesim"
	"example.com/triplecharge/internal/timeline"
)

const (
	serverA = "server-a"
	again   = serverA + "-again" // the address of server-a after a crash
	fresh   = "server-fresh"     // makes the recovery run
	// stripeKey looks like a key of Stripe's test mode, to which it means nothing.
	stripeKey = "sk_test_trial"
	// The cards of the customers, which --setup or the worker uses.
	visa     = "pm_card_visa"
	declines = "pm_card_chargeCustomerFail"
)

type play struct {
	Options
	simulator *fleet.Simulator
	requests  services.Tail // what the simulator logs
	log       *fleet.EventLog
	folder    string // of this row alone
	card      string
	database  string
	redis     services.Server
	postgres  *proxy.Proxy // before server-a's database
	servers   map[string]*server
	names     []string // of the servers, server-a first
	due       []Invoice
	na        string // why the fault could not be made
	problems  []string
	processes []*process // all that were started
}

// server is one of the workers.
type server struct {
	name, address, port string   // the address is its Stripe's
	worker              *process // the last one that was started, nil if none was
}

// begin brings a row to the moment before midnight. The caller ends the play, also after an error.
func (o Options) begin(ctx context.Context, card string) (p *play, err error) {
	p = &play{
		Options: o, log: fleet.NewEventLog(nil), card: card, servers: map[string]*server{},
		names: fleet.Names(o.Servers),
	}
	p.simulator, err = fleet.StartSimulator(
		stripesim.Options{Log: slog.New(slog.NewTextHandler(&p.requests, nil))},
		append(fleet.Names(o.Servers), again, fresh))
	if err == nil {
		p.folder, err = o.Services.Folder()
	}
	if err == nil && p.Redis != "" {
		p.redis, err = p.Services.StartRedis(ctx)
	}
	if err == nil && p.Postgres != "" {
		if p.database, err = p.Services.NewDatabase(ctx); err == nil {
			p.postgres, err = proxy.New(p.database, nil)
		}
	}
	if err == nil {
		err = p.setUp(ctx)
	}
	for _, name := range p.names {
		if err == nil {
			err = p.start(ctx, name, name)
		}
	}
	return p, err
}

// spawn starts a process for a server, which ends with the play at the latest.
func (p *play) spawn(name string, argv []string, s server) (*process, error) {
	own := []string{
		"STRIPE_API_BASE=" + p.simulator.URL(s.address), "STRIPE_SECRET_KEY=" + stripeKey,
		"SERVER_NAME=" + s.name, "PORT=" + s.port, "PAYMENT_METHOD=" + p.card,
		"TRIAL_DIR=" + p.folder,
		"NO_PROXY=127.0.0.1,localhost", "no_proxy=127.0.0.1,localhost",
	}
	if p.redis != nil {
		own = append(own, p.Redis+"="+p.redis.URL())
	}
	if p.postgres != nil {
		url := p.database
		if s.address == serverA {
			url = p.postgres.URL()
		}
		own = append(own, p.Postgres+"="+services.Portable(url))
	}
	started, err := startProcess(name, argv, append(os.Environ(), own...))
	if err == nil {
		p.processes = append(p.processes, started)
	}
	return started, err
}

func shell(command string) []string { return []string{"/bin/sh", "-c", command} }

// setUp runs --setup, which also gives the customers their next card.
func (p *play) setUp(ctx context.Context) error {
	if p.Setup == "" {
		return nil
	}
	s, err := p.spawn("--setup", shell(p.Setup), server{})
	if err != nil {
		return err
	}
	if problem := s.wait(ctx, p.Timeout); problem != "" {
		return errors.New(problem)
	}
	if s.Err != nil {
		return errors.New("--setup ended with " + s.how())
	}
	return nil
}

// start makes a server ready for a due run: a worker that stays up is started, and awaited.
func (p *play) start(ctx context.Context, name, address string) error {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	listens := free.Addr().String()
	s := &server{name: name, address: address, port: listens[strings.LastIndex(listens, ":")+1:]}
	p.servers[name] = s
	if err := free.Close(); err != nil || p.Trigger == "" {
		return err
	}
	if s.worker, err = p.spawn(name, p.Command, *s); err != nil {
		return err
	}
	for limit := time.After(p.Timeout); ; {
		if conn, err := net.Dial("tcp", listens); err == nil {
			return conn.Close()
		}
		select {
		case <-s.worker.Exited:
			return fmt.Errorf("%s ended before it listened on PORT: %s", name, s.worker.how())
		case <-limit:
			return fmt.Errorf("%s did not listen on PORT within %v (--timeout)", name, p.Timeout)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond): // until the next look
		}
	}
}

// fire starts a due run on a server. It ends with the worker or, for a worker that stays up, with
// the trigger; the caller waits for it with finish.
func (p *play) fire(name string) (run *process, err error) {
	s := p.servers[name]
	if p.Trigger != "" {
		run, err = p.spawn("--trigger for "+name, shell(p.Trigger), *s)
	} else {
		run, err = p.spawn(name, p.Command, *s)
		s.worker = run
	}
	if err == nil {
		go func() {
			<-run.Exited
			p.log.Happened(event.RunFinished, name, "")
		}()
	}
	return run, err
}

// run makes due runs on the servers, one after another.
func (p *play) run(ctx context.Context, names ...string) error {
	for _, name := range names {
		run, err := p.fire(name)
		if err != nil {
			return err
		}
		p.finish(ctx, run)
	}
	return ctx.Err()
}

// finish waits for the ends of due runs, and says what is wrong with them.
func (p *play) finish(ctx context.Context, runs ...*process) {
	for _, run := range runs {
		p.say(run.wait(ctx, p.Timeout))
	}
}

// signal sends a signal to a server's worker and all that it started.
func (p *play) signal(name string, s syscall.Signal, kind event.Kind) {
	p.log.Happened(kind, name, "")
	p.servers[name].worker.signal(s)
}

// say adds a problem, unless it is "" or known.
func (p *play) say(problem string) {
	if problem != "" && !slices.Contains(p.problems, problem) {
		p.problems = append(p.problems, problem)
	}
}

// silence says what is known of server-a, which charged nothing.
func (p *play) silence() string {
	worker := p.servers[serverA].worker
	_, last, called := strings.Cut(p.requests.Last(), "server="+serverA+" ")
	switch {
	case called:
		last, _, _ = strings.Cut(last, " request=")
		return serverA + " called Stripe and charged nothing; its last request: " + last
	case p.Trigger == "" && worker.Err != nil:
		return serverA + " ended before it called Stripe: " + worker.how()
	}
	return serverA + " never called Stripe, whose address is in STRIPE_API_BASE"
}

func (p *play) stop() {
	var ending sync.WaitGroup
	for _, one := range p.processes {
		ending.Go(func() { one.end() })
	}
	ending.Wait()
	for _, one := range p.processes {
		if was := one.end(); was != "" && p.Trigger != "" {
			p.say(one.name + ": " + was)
		}
	}
}

// end stops what still runs, and removes what is the row's own. What can't be removed now is the
// services' to remove.
func (p *play) end() {
	p.stop()
	if p.postgres != nil {
		_ = p.postgres.Close()
		_ = p.Services.DropDatabase(context.Background(), p.database)
	}
	if p.redis != nil {
		_ = p.Services.Discard(context.Background(), p.redis)
	}
	_ = os.RemoveAll(p.folder)
	if p.simulator != nil {
		p.simulator.Close()
	}
}

// picture shows what happened so far, as far as it is seen from outside.
func (p *play) picture() timeline.Picture {
	events, _ := p.log.Since(0)
	for _, c := range p.charges() {
		e := fleet.Charged(c)
		e.Invoice, e.Server = "", strings.TrimSuffix(e.Server, "-again")
		its := e
		its.Kind = event.ChargeSucceeded
		events = append(events, e, its)
	}
	return timeline.Draw("", p.names, events)
}
