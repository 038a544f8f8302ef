package scenario

import (
	"context"
	"errors"
	"fmt"
	"time"

	goredis "github.com/redis/go-redis/v9"

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
const thirdPartyLimit = 4 * time.Minute

// Measure plays a cell without an expectation. mode is the mode that Harness.ThirdParty replaces,
// and the Cell's Expected stays empty.
func (h Harness) Measure(ctx context.Context, mode string, f faults.Fault) (Cell, error) {
	cell := Cell{Mode: mode, Fault: f}
	if err := h.try(ctx, &cell, thirdPartyLimit); err != nil {
		return cell, fmt.Errorf("%s: %w", f, err)
	}
	return cell, nil
}

func (p *play) thirdPartyHeld(ctx context.Context) (bool, error) {
	if p.ThirdParty == nil || p.ThirdParty.Held == nil {
		return false, nil
	}
	return p.ThirdParty.Held(ctx, p.database, p.working.Load() > 0)
}

// awaitOutlasted returns when a lease has outlasted the time for which it was obtained.
func (p *play) awaitOutlasted(ctx context.Context) error {
	o, err := goredis.ParseURL(p.nodes[0].URL())
	if err != nil {
		return err
	}
	client := goredis.NewClient(o)
	defer func() { _ = client.Close() }()
	keys, err := leasesIn(ctx, client)
	if err != nil || len(keys) == 0 {
		return errors.Join(err, errors.New("no lease in Redis while server-a's charge executes"))
	}
	ttl, err := client.PTTL(ctx, keys[0]).Result()
	if err != nil || ttl <= 0 {
		return errors.Join(err, errors.New("the lease in Redis has no TTL"))
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
