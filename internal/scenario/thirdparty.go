package scenario

import (
	"context"
	"errors"
	"slices"
	"syscall"
	"time"

	"example.com/triplecharge/billing/redislock"
	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/fleet"
)

// ThirdParty describes a protection that is not one of our modes: a library's lock, or a queue of
// jobs. It says nothing about leases in Redis, since each cell has its own Redis.
type ThirdParty struct {
	// Renews means that the holder renews its lease in Redis for as long as it works.
	Renews bool
	// Waits means that a server waits for the lock without a limit, even if Redis is dead.
	Waits bool
	// Held reports whether something in the run's database protects the invoice; nil: never.
	// working means that a due run is under way. Protection that lasts for as long as its holder
	// works will then not end before that run does, whether the holder is paused or not.
	Held func(ctx context.Context, databaseURL string, working bool) (bool, error)
}

// thirdPartyLimit bounds a cell with a third party's protection: a queue looks for abandoned work
// at its own pace.
const thirdPartyLimit = 6 * time.Minute

const (
	// outlives is longer than any script needs a lock to last, and than any server needs to end a
	// due run: a queue looks for abandoned work every half minute.
	outlives = 90 * time.Second
	// quiet is how long nothing happens before servers are taken to wait for a lock that outlives
	// the cell. It is longer than a server needs for anything else, on a busy machine, too.
	quiet = 5 * time.Second
)

// Measure plays a cell without an expectation. mode is the mode that Harness.ThirdParty replaces,
// and the Cell's Expected stays empty.
func (h Harness) Measure(ctx context.Context, mode string, f faults.Fault) Cell {
	cell := Cell{Mode: mode, Fault: f}
	cell.Err = h.try(ctx, &cell, thirdPartyLimit)
	return cell
}

// over returns the result of the servers' due runs. A third party's servers may wait for a lock
// that outlives the cell. They are killed, as by an operator who sees that they bill nobody.
func (p *play) over(ctx context.Context, done <-chan error, servers ...*fleet.Worker) error {
	if p.ThirdParty == nil {
		return <-done
	}
	looked := p.outlived
	for began := time.Now(); ; {
		_, more := p.events.Since(0)
		select {
		case err := <-done:
			return err
		case <-more:
			continue
		case <-time.After(quiet):
		}
		switch {
		case time.Since(began) < outlives && !p.outlasts(ctx):
		case !looked: // the gate of midnight may hold a charge until all wait for something
			looked = true
			for _, w := range servers {
				p.events.Add(event.Event{Time: time.Now(), Kind: event.LeaseWaiting,
					Server: w.Name, Invoice: p.invoice().String()})
			}
		default:
			p.outlived = true
			for _, w := range servers {
				_ = w.Signal(syscall.SIGKILL)
				<-w.Exited
			}
			<-done // the error says that they were killed
			return nil
		}
	}
}

// outlasts reports whether a lease in Redis outlives the cell: it has a TTL of days, or none.
func (p *play) outlasts(ctx context.Context) (found bool) {
	for _, node := range p.nodes {
		_ = askNode(node, func(c redislock.Client) error { // a dead node has none
			keys, err := leasesIn(ctx, c)
			found = found || slices.ContainsFunc(keys, func(key string) bool {
				return outlasting(ctx, c, key)
			})
			return err
		})
	}
	return found
}

// outlasting reports whether the key has no TTL, or one that outlives the cell.
func outlasting(ctx context.Context, c redislock.Client, key string) bool {
	ttl, err := c.PTTL(ctx, key).Result()
	return err == nil && (ttl == -1 || ttl > outlives)
}

// awaitOutlasted returns when a lease has outlasted the time for which it was obtained.
func (p *play) awaitOutlasted(ctx context.Context) error {
	if p.outlasts(ctx) {
		return nil
	}
	var ttl time.Duration
	err := askNode(p.nodes[0], func(c redislock.Client) error {
		keys, err := leasesIn(ctx, c)
		if err != nil || len(keys) == 0 {
			return errors.Join(err, errors.New("no lease while server-a's charge executes"))
		}
		if ttl, err = c.PTTL(ctx, keys[0]).Result(); err != nil || ttl <= 0 {
			return errors.Join(err, errors.New("the lease in Redis has no TTL"))
		}
		return nil
	})
	if err != nil {
		return err
	}
	select {
	case <-time.After(ttl): // whether the lease has outlasted this is checked below
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	leased, err := p.leased(ctx)
	if err == nil && !leased {
		err = errors.New("the lease in Redis was not renewed")
	}
	return err
}

// midnightInVain fires all servers and stops them after each has asked Redis in vain, as an
// operator would who sees that they wait and bill nobody.
func (p *play) midnightInVain(ctx context.Context) error {
	over := make(chan error, 1)
	go func() { over <- p.midnight(ctx) }()
	for _, name := range fleet.Names(p.Servers) {
		select {
		case <-p.proxies[name].redis[0].InVain():
		case err := <-over:
			return errors.Join(err, errors.New("the due runs ended although Redis is dead"))
		}
	}
	p.stopAll()
	<-over // the error says that they were stopped
	return nil
}
