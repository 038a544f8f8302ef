package scenario

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"example.com/triplecharge/internal/stripesim/control"
	"example.com/triplecharge/internal/timeline"
)

// What a scenario's script is made of. Each act waits for what it says by looking at it: an event,
// a call at a gate, a key in Redis, a row in Postgres. None waits for a time.

// The three servers of a script.
const (
	serverA = "server-a"
	serverB = "server-b"
	serverC = "server-c"
)

func (p *play) process(name string) *process {
	i := slices.IndexFunc(p.processes, func(q *process) bool { return q.name == name })
	return p.processes[i]
}

// fire starts a due run on the server. The channel tells how it ended.
func (p *play) fire(ctx context.Context, name string) <-chan error {
	done := make(chan error, 1)
	server := p.process(name).remote
	p.working.Add(1)
	go func() {
		err := fire(ctx, []remote{server})
		p.working.Add(-1)
		done <- err
	}()
	return done
}

// run makes due runs on the servers, one after another.
func (p *play) run(ctx context.Context, names ...string) error {
	for _, name := range names {
		if err := <-p.fire(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// hold puts a gate before or behind what the server's charges do at Stripe.
func (p *play) hold(ctx context.Context, point control.Point, name string) (*control.Gate, error) {
	return p.simulator.control.Hold(ctx, control.Rule{
		Point: point, Server: name, Operation: control.OperationCharge,
	})
}

// fireInto starts a due run on the server and returns once its charge is held at the gate.
func (p *play) fireInto(
	ctx context.Context, name string, gate *control.Gate,
) (done <-chan error, err error) {
	done = p.fire(ctx, name)
	held := make(chan error, 1)
	go func() {
		_, _, err := gate.Waiting(ctx, 0)
		held <- err
	}()
	select {
	case err = <-held:
	case err = <-done:
		err = errors.Join(err, fmt.Errorf("the due run of %s ended before a charge was sent", name))
	}
	return done, err
}

// awaitEvent returns once the server has said one of the events, so many times in all.
func (p *play) awaitEvent(ctx context.Context, name string, times int, events ...string) error {
	for {
		all, more := p.events.since(0)
		said := 0
		for _, e := range all {
			if e.Server == name && slices.Contains(events, e.Name) {
				said++
			}
		}
		if said >= times {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return fmt.Errorf("%s did not say %v: %w", name, events, context.Cause(ctx))
		}
	}
}

// pollEvery is the pace at which Redis and Postgres are looked at.
const pollEvery = 20 * time.Millisecond

// awaitUnprotected returns once no lease is left in Redis, no claim that can be taken over is held
// in Postgres, and nothing else protects the invoice that won't for as long as its holder works.
func (p *play) awaitUnprotected(ctx context.Context) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	var wasLeased, wasClaimed bool
	for {
		leased, err := p.leased(ctx)
		if err != nil {
			return err
		}
		claimed, err := p.books.store.ClaimHeld(ctx, p.books.period)
		if err != nil {
			return err
		}
		held, err := p.foreignHeld(ctx)
		if err != nil {
			return err
		}
		if wasLeased && !leased {
			p.ended(timeline.LeaseExpired)
		}
		if wasClaimed && !claimed {
			p.ended(timeline.ClaimExpired)
		}
		if !leased && !claimed && !held {
			return nil
		}
		wasLeased, wasClaimed = leased, claimed
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for lease (%t), claim (%t) and others' protection (%t) to end: %w",
				leased, claimed, held, context.Cause(ctx))
		}
	}
}

// leased reports whether a quorum of the nodes that answer has a lease. The nodes are this play's
// own, with one invoice in it: whatever they have is its lease, whoever named the key.
func (p *play) leased(ctx context.Context) (bool, error) {
	held := 0
	for _, node := range p.nodes {
		o, err := goredis.ParseURL(node.URL())
		if err != nil {
			return false, err
		}
		o.MaxRetries, o.DialerRetries = -1, 1
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout = patience, patience, patience
		client := goredis.NewClient(o)
		keys, err := client.Keys(ctx, "*").Result() // which leaves out what has expired
		_ = client.Close()
		if err != nil && !errors.Is(err, syscall.ECONNREFUSED) { // a dead node holds nothing
			return false, fmt.Errorf("look for leases in Redis: %w", err)
		}
		if len(keys) > 0 {
			held++
		}
	}
	return held > len(p.nodes)/2, nil
}

// pause stops the server's process as a long garbage collection would.
func (p *play) pause(name string) error {
	return p.signal(name, syscall.SIGSTOP, timeline.ServerPaused)
}

// resume lets it go on.
func (p *play) resume(name string) error {
	return p.signal(name, syscall.SIGCONT, timeline.ServerResumed)
}

// kill ends the process at once, as a machine that fails would.
func (p *play) kill(name string) error {
	err := p.signal(name, syscall.SIGKILL, timeline.ServerKilled)
	<-p.process(name).exited
	return err
}

// signal tells what it does before it is done: nothing that the server says may seem to come in
// between.
func (p *play) signal(name string, s syscall.Signal, event string) error {
	p.happened(event, name, "")
	if err := p.process(name).cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("signal %s: %w", name, err)
	}
	return nil
}

// restart starts a server again that was killed, with its ways healed.
func (p *play) restart(ctx context.Context, name string) error {
	for _, proxy := range p.links[name].all() {
		proxy.Heal()
	}
	i := slices.Index(p.processes, p.process(name))
	started, err := p.spawn(ctx, name)
	if err == nil {
		p.processes[i] = started
		p.happened(timeline.ServerStarted, name, "")
	}
	return err
}
