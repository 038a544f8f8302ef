package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"strings"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/scenario"
	"example.com/triplecharge/internal/server"
	"example.com/triplecharge/internal/verdicts"
)

// bill does something about an invoice. What a peer is given charges it and records the charge,
// and asks nobody; what it returns does that under its protection.
type bill func(ctx context.Context, inv billing.Invoice) (billing.Outcome, error)

// Bill implements billing.Biller.
func (b bill) Bill(ctx context.Context, inv billing.Invoice) (billing.Outcome, error) {
	return b(ctx, inv)
}

// peer is one way to bill an invoice once, used as its own documentation says.
type peer struct {
	name   string
	module string // whose version is the peer's; "" where that is the server's
	redis  bool   // it keeps what protects the invoice in Redis
	// protect puts the protection around charge. stop ends what it started; it may be nil.
	protect func(c server.Config, charge bill) (protected bill, stop func(), err error)
	watch   scenario.Foreign
}

// peers returns all of them, in the order of the table.
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
			protect: withRueidislock, watch: scenario.Foreign{Renews: true, Waits: true},
		},
		{
			name: "gocron", module: "github.com/go-co-op/gocron/v2", redis: true,
			protect: withGocron,
		},
		{
			name: "advisory-lock", protect: withAdvisoryLock,
			watch: scenario.Foreign{Held: advisoryLockHeld},
		},
		{
			name: "river", module: "github.com/riverqueue/river", protect: withRiver,
			watch: scenario.Foreign{Held: riverJobHeld},
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
	return peer{}, fmt.Errorf("no peer is called %q: use one of %s", name, strings.Join(names, ", "))
}

// applies reports whether the fault can meet the peer. None is on several Redis nodes: the
// documentation of those that can be doesn't begin with that. And none asks anything between its
// lock and its charge that could come late.
func (p peer) applies(f verdicts.Fault) bool {
	switch f {
	case verdicts.RedlockMinority, verdicts.RedlockMajority, verdicts.PartitionBeforeCharge:
		return false
	case verdicts.RedisDown, verdicts.RedisRestart, verdicts.RedisFailover,
		verdicts.PartitionDuringCharge:
		return p.redis
	}
	return true
}

//go:embed go.mod
var goMod string

// version is what go.mod requires of the peer's module, "" if it has none.
func (p peer) version() string {
	for line := range strings.Lines(goMod) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[0] == p.module {
			return fields[1]
		}
	}
	return ""
}

// baseMode is the mode in whose place a peer is put: it protects nothing, so that what protects
// the invoice is the peer's alone.
func baseMode() billing.Mode { return billing.Modes()[0] }

// serve makes this process a billing server whose invoices the peer protects, and returns the exit
// status. Under mixed-modes one of the servers runs another mode; that one is left as it is.
func (p peer) serve(flags []string) int {
	stop := func() {}
	status := server.MainWith(flags, os.Stdout, os.Stderr,
		func(c server.Config, m billing.Mode) billing.Mode {
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
