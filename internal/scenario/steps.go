package scenario

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"example.com/triplecharge/billing/redislock"
	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/fleet"
	"example.com/triplecharge/internal/stripesim/control"
)

// The steps of a scenario's script. Each waits until it sees what it waits for: an event, a call at
// a gate, a key in Redis, a row in Postgres. None waits for a duration.

// The three servers of a script.
const (
	serverA = "server-a"
	serverB = "server-b"
	serverC = "server-c"
)

func (p *play) worker(name string) *fleet.Worker {
	i := slices.IndexFunc(p.workers, func(w *fleet.Worker) bool { return w.Name == name })
	return p.workers[i]
}

// fire starts a due run on the server. The channel receives its result.
func (p *play) fire(ctx context.Context, name string) <-chan error {
	done := make(chan error, 1)
	server := p.worker(name).Server
	p.working.Add(1)
	go func() {
		err := p.told(ctx)
		if err == nil {
			err = fleet.Fire(ctx, time.Time{}, server)
		}
		p.working.Add(-1)
		done <- errors.Join(err, p.told(ctx))
	}()
	return done
}

// run makes due runs on the servers, one after another.
func (p *play) run(ctx context.Context, names ...string) error {
	for _, name := range names {
		if p.outlived && p.worker(name).Ended() { // killed as it waited for a lock
			if err := p.restart(ctx, name); err != nil {
				return err
			}
		}
		if err := p.over(ctx, p.fire(ctx, name), p.worker(name)); err != nil {
			return err
		}
	}
	return nil
}

// heldAt starts a due run on server-a and returns when Stripe holds its charge at the point.
func heldAt(point control.Point) step {
	return func(p *play, ctx context.Context) (err error) {
		p.gate, p.fired, err = p.simulator.FireInto(ctx, point, serverA,
			func() <-chan error { return p.fire(ctx, serverA) })
		return err
	}
}

func (p *play) letGo(ctx context.Context) error { return p.gate.Remove(ctx) }

// finish returns the result of the due run whose charge was held.
func (p *play) finish(context.Context) error { return <-p.fired }

// awaitEvent returns when the server has logged events of these kinds that many times in all.
func (p *play) awaitEvent(ctx context.Context, name string, times int, kinds ...event.Kind) error {
	err := p.awaitEvents(ctx, nil, times, func(e event.Event) bool {
		return e.Server == name && slices.Contains(kinds, e.Kind)
	})
	if err != nil {
		return fmt.Errorf("%s did not log %v: %w", name, kinds, err)
	}
	return nil
}

// awaitEvents returns when there are so many events of a sort. If ended is closed, none will come.
func (p *play) awaitEvents(
	ctx context.Context, ended <-chan struct{}, times int, is func(event.Event) bool,
) error {
	for {
		n := 0
		events, more := p.events.Since(0)
		for _, e := range events {
			if is(e) {
				n++
			}
		}
		if n >= times {
			return nil
		}
		select {
		case <-more:
		case <-ended:
			return errors.New("no more will come")
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// pollEvery is the interval at which Redis and Postgres are polled.
const pollEvery = 20 * time.Millisecond

// protection is what may keep the next server from the invoice, and expires if it is not renewed.
type protection struct {
	leased, claimed, thirdParty bool
}

func (now protection) any() bool { return now.leased || now.claimed || now.thirdParty }

func (p *play) protection(ctx context.Context) (now protection, err error) {
	if now.leased, err = p.leased(ctx); err != nil {
		return now, err
	}
	if now.claimed, err = p.sides.store.ClaimHeld(ctx, p.sides.period); err != nil {
		return now, err
	}
	if p.ThirdParty != nil && p.ThirdParty.Held != nil {
		now.thirdParty, err = p.ThirdParty.Held(ctx, p.database, p.working.Load() > 0)
	}
	return now, err
}

// awaitUnprotected waits until every lease, claim or third-party lock that can expire has expired.
func (p *play) awaitUnprotected(ctx context.Context) error {
	return p.awaitNoProtection(ctx, func(before, now protection) {
		if before.leased && !now.leased {
			p.ended(event.LeaseExpired)
		}
		if before.claimed && !now.claimed {
			p.ended(event.ClaimExpired)
		}
	})
}

// awaitNoProtection waits until nothing protects the invoice any more, and calls changed after each
// look.
func (p *play) awaitNoProtection(ctx context.Context, changed func(before, now protection)) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	var before protection
	for began := time.Now(); ; {
		now, err := p.protection(ctx)
		if err != nil {
			return err
		}
		changed(before, now)
		if !now.any() {
			return nil
		}
		if p.ThirdParty != nil && time.Since(began) > outlives {
			p.outlived = true
			return nil
		}
		before = now
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for a lease (%t), a claim (%t), a third party's lock (%t): %w",
				now.leased, now.claimed, now.thirdParty, context.Cause(ctx))
		}
	}
}

// leased reports whether a quorum of the nodes that answer has a lease. The nodes belong to this
// play, which has one invoice: any key in them is its lease, whoever named it.
func (p *play) leased(ctx context.Context) (bool, error) {
	held := 0
	for _, node := range p.nodes {
		err := askNode(node, func(c redislock.Client) error {
			keys, err := leasesIn(ctx, c)
			if p.ThirdParty != nil { // nobody waits for one that outlives the cell
				keys = slices.DeleteFunc(keys, func(key string) bool {
					return outlasting(ctx, c, key)
				})
			}
			held += min(len(keys), 1)
			return err
		})
		if err != nil && !errors.Is(err, syscall.ECONNREFUSED) { // a dead node holds nothing
			return false, fmt.Errorf("look for leases in Redis: %w", err)
		}
	}
	return held > len(p.nodes)/2, nil
}

// leasesIn returns the keys of the leases in a Redis. Expired ones are left out.
func leasesIn(ctx context.Context, client redislock.Client) ([]string, error) {
	keys, err := client.Keys(ctx, "*").Result()
	return slices.DeleteFunc(keys, func(key string) bool {
		return key == redislock.OwnKey || strings.Contains(key, redislock.CounterMark)
	}), err
}

// pause pauses server-a's process, as a long garbage collection would.
func (p *play) pause(context.Context) error {
	return p.signal(serverA, syscall.SIGSTOP, event.ServerPaused)
}

func (p *play) resume(context.Context) error {
	return p.signal(serverA, syscall.SIGCONT, event.ServerResumed)
}

// killCharging kills server-a, whose charge Stripe holds, once its log tells of the charge.
func (p *play) killCharging(ctx context.Context) error {
	err := p.killAfter(ctx, serverA, event.ChargeSent)
	if err == nil {
		<-p.fired // the error says that it was killed
	}
	return err
}

// killAfter kills a server, as a failing machine would, once it has logged one of the events. A
// server writes its log in the background, and takes to the grave what is not written yet.
func (p *play) killAfter(ctx context.Context, name string, kinds ...event.Kind) error {
	err := errors.Join(p.awaitEvent(ctx, name, 1, kinds...),
		p.signal(name, syscall.SIGKILL, event.ServerKilled))
	<-p.worker(name).Exited
	return err
}

// signal logs the event before it sends the signal, so that no event of the server's can appear
// between the two.
func (p *play) signal(name string, s syscall.Signal, kind event.Kind) error {
	p.events.Happened(kind, name, "")
	if err := p.worker(name).Signal(s); err != nil {
		return fmt.Errorf("signal %s: %w", name, err)
	}
	return nil
}

// restart heals the proxies of a killed server and starts it again.
func (p *play) restart(ctx context.Context, name string) error {
	for _, proxy := range p.proxies[name].all {
		proxy.Heal()
	}
	i := slices.Index(p.workers, p.worker(name))
	started, err := p.spawn(ctx, name)
	if err == nil {
		p.workers[i] = started
		p.events.Happened(event.ServerStarted, name, "")
	}
	return err
}
