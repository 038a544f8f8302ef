package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"strings"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/scenario"
	"example.com/triplecharge/internal/worker"
)

// bill bills an invoice. A peer gets a function that charges and records without protection, and
// returns one that does the same under the peer's protection.
type bill func(ctx context.Context, inv billing.Invoice) (billing.Outcome, error)

// Bill implements billing.Biller.
func (b bill) Bill(ctx context.Context, inv billing.Invoice) (billing.Outcome, error) {
	return b(ctx, inv)
}

// peer is one way to bill an invoice once, used as its documentation says.
type peer struct {
	name   string
	module string // its Go module; "" if it is a feature of the database
	redis  bool   // its lock is in Redis
	// protect wraps charge. stop ends what protect started, and may be nil.
	protect func(c worker.Config, charge bill) (protected bill, stop func(), err error)
	watch   scenario.ThirdParty
}

// peers returns all peers, in the order of the table.
func peers() []peer {
	return []peer{
		{
			name: "redsync", module: "github.com/go-redsync/redsync/v4", redis: true,
			protect: withRedsync,
		},
		{
			name: "redislock", module: "github.com/bsm/redislock", redis: true,
			protect: withRedislock,
		},
		{
			name: "rueidislock", module: "github.com/redis/rueidis", redis: true,
			protect: withRueidislock, watch: scenario.ThirdParty{Renews: true, Waits: true},
		},
		{
			name: "gocron", module: "github.com/go-co-op/gocron/v2", redis: true,
			protect: withGocron,
		},
		{
			name: "advisory-lock", protect: withAdvisoryLock,
			watch: scenario.ThirdParty{Held: advisoryLockHeld},
		},
		{
			name: "river", module: "github.com/riverqueue/river", protect: withRiver,
			watch: scenario.ThirdParty{Held: riverJobHeld},
		},
	}
}

func peerNamed(name string) (peer, error) {
	var names []string
	for _, p := range peers() {
		if p.name == name {
			return p, nil
		}
		names = append(names, p.name)
	}
	return peer{}, fmt.Errorf("no peer is called %q: use one of %s",
		name, strings.Join(names, ", "))
}

// applies reports whether the fault can affect the peer. None uses several Redis nodes: where one
// could, its documentation doesn't start with that. And none makes a call between its lock and its
// charge that could be delayed.
func (p peer) applies(f faults.Fault) bool {
	switch f {
	case faults.RedlockMinority, faults.RedlockMajority, faults.RedlockClockJump,
		faults.PartitionBeforeCharge:
		return false
	case faults.RedisDown, faults.RedisRestart, faults.RedisFailover, faults.RedisClockJump,
		faults.PartitionDuringCharge:
		return p.redis
	}
	return true
}

//go:embed go.mod
var goMod string

// version returns the version of the peer's module in go.mod; "" if it has no module.
func (p peer) version() string {
	for line := range strings.Lines(goMod) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[0] == p.module {
			return fields[1]
		}
	}
	return ""
}

// baseMode is the mode that a peer replaces. It protects nothing, so only the peer protects the
// invoice.
func baseMode() billing.Mode { return billing.Modes()[0] }

// serve makes this process a billing server whose invoices the named peer protects, and returns
// the exit status. Under mixed-modes one of the servers runs another mode, which stays as it is.
func serve(name string, flags []string) int {
	p, err := peerNamed(name)
	if err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		return 2
	}
	stop := func() {}
	status := worker.MainWith(flags, os.Stdout, os.Stderr,
		func(c worker.Config, m billing.Mode) billing.Mode {
			if m.Name != baseMode().Name {
				return m
			}
			unprotected := m.New
			m.New = func(ports billing.Ports) billing.Biller {
				protected, end, err := p.protect(c, unprotected(ports).Bill)
				if err != nil {
					return bill(func(context.Context, billing.Invoice) (billing.Outcome, error) {
						return "", fmt.Errorf("start %s: %w", p.name, err)
					})
				}
				if end != nil {
					stop = end
				}
				return protected
			}
			return m
		})
	stop()
	return status
}
