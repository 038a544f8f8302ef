package scenario

import (
	"context"
	"errors"
	"fmt"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"example.com/triplecharge/internal/verdicts"
)

// LeaseWaiting is the event by which a server with a lock that waits says that it is about to: it
// may come to charge only after another one has.
const LeaseWaiting = "lease.waiting"

// Foreign is what a scenario has to know of a protection that is none of our modes: a library's
// lock, a queue of jobs. Its leases in Redis need no word, since each cell has a Redis of its own.
type Foreign struct {
	// Renews says that its lease in Redis is renewed for as long as its holder is at work.
	Renews bool
	// Waits says that a server waits for the lock for as long as that takes, Redis dead or not.
	Waits bool
	// Held reports whether the invoice is protected by something in the run's database; nil: never.
	// working says that a due run is under way: what lasts for as long as its holder works, and
	// stopped or not its holder is there, will not be seen to end before that run does.
	Held func(ctx context.Context, databaseURL string, working bool) (bool, error)
}

// foreignLimit bounds a cell with a protection that isn't ours: what finds abandoned work looks
// for it at its own pace.
const foreignLimit = 4 * time.Minute

// Measure is PlayCell where nobody knows what to expect: mode is the one whose place Stage.Foreign
// takes, and the Cell's Expected stays empty.
func (st Stage) Measure(ctx context.Context, mode string, f verdicts.Fault) (Cell, error) {
	cell := Cell{Mode: mode, Fault: f}
	if err := st.try(ctx, &cell, foreignLimit); err != nil {
		return cell, fmt.Errorf("%s: %w", f, err)
	}
	return cell, nil
}

func (p *play) foreignHeld(ctx context.Context) (bool, error) {
	if p.Foreign == nil || p.Foreign.Held == nil {
		return false, nil
	}
	return p.Foreign.Held(ctx, p.database, p.working.Load() > 0)
}

// awaitOutlasted returns once a lease has outlasted the time for which it was obtained.
func (p *play) awaitOutlasted(ctx context.Context) error {
	o, err := goredis.ParseURL(p.nodes[0].URL())
	if err != nil {
		return err
	}
	client := goredis.NewClient(o)
	defer func() { _ = client.Close() }()
	keys, err := client.Keys(ctx, "*").Result()
	if err != nil || len(keys) == 0 {
		return errors.Join(err, errors.New("no lease is in Redis while a's charge is executing"))
	}
	ttl, err := client.PTTL(ctx, keys[0]).Result()
	if err != nil || ttl <= 0 {
		return errors.Join(err, errors.New("the lease in Redis has no end"))
	}
	select {
	case <-time.After(ttl): // and that it has outlasted this is seen below
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	leased, err := p.leased(ctx)
	if err == nil && !leased {
		err = errors.New("the lease in Redis was not renewed")
	}
	return err
}

// midnightInVain fires all servers and, once each has asked Redis in vain, ends them, as a person
// would who sees that they wait and nobody is billed.
func (p *play) midnightInVain(ctx context.Context) error {
	over := make(chan error, 1)
	go func() { over <- p.midnight(ctx) }()
	for _, name := range p.names() {
		select {
		case <-p.links[name].redis[0].InVain():
		case err := <-over:
			return errors.Join(err, errors.New("the due runs ended though Redis is dead"))
		}
	}
	p.stopAll()
	<-over // says that they were
	return nil
}
