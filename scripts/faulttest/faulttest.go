// Package faulttest plays every fault against a protection that is not one of our modes: another
// library's lock, a queue of jobs, or the lock of your own repository.
//
//	func main() {
//		os.Exit(faulttest.Run(os.Args[1:], os.Stdout, os.Stderr, faulttest.Protection{
//			Name: "mylock", Redis: true, Guard: withMyLock,
//		}))
//	}
//
// Each server is a process of this program that bills real invoices at a simulated Stripe, into a
// real Postgres, and nothing but Guard protects them.
package faulttest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/cli"
	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/scenario"
	"example.com/triplecharge/internal/worker"
	"example.com/triplecharge/ledger"
)

// Charge bills an invoice. The one that Guard gets charges and records, and protects nothing.
type Charge func(ctx context.Context, inv billing.Invoice) (billing.Outcome, error)

// Bill implements billing.Biller.
func (c Charge) Bill(ctx context.Context, inv billing.Invoice) (billing.Outcome, error) {
	return c(ctx, inv)
}

// Server is one of the processes that bill.
type Server struct {
	Name                  string // server-a, server-b, …
	RedisURL, DatabaseURL string // through proxies that can be cut
	ServiceURL            string // of what Protection.Service has started; "" without one
	// LockTTL is how long a lease should last without renewal. It is short where the fault waits
	// for that.
	LockTTL time.Duration
}

// Waiting says that the server is about to wait for the invoice's lock. A Guard that waits calls it
// before it does; one that returns billing.Skipped if the lock is taken never does.
func (s Server) Waiting(ctx context.Context, inv billing.Invoice) {
	slog.New(slog.NewJSONHandler(os.Stdout, nil)).InfoContext(ctx, string(event.LeaseWaiting),
		"server", s.Name, "invoice", inv.String())
}

// Protection is one way to bill an invoice once.
type Protection struct {
	Name   string
	Module string // the Go module it comes from, whose version the table shows; may be ""
	Redis  bool   // it keeps its lock in Redis; each fault has a Redis of its own
	Renews bool   // the holder renews its lease in Redis for as long as it works
	Waits  bool   // a server waits for the lock without a limit, even if Redis is dead

	// Service starts what servers need besides Redis and Postgres, once for all faults, and returns
	// its URL; nil: nothing. It calls adopt with each command before it starts that.
	Service func(ctx context.Context, adopt func(*exec.Cmd)) (url string, stop func(), err error)

	// Guard returns a Charge under the server's protection. stop ends what Guard started, and may
	// be nil.
	Guard func(s Server, charge Charge) (guarded Charge, stop func(), err error)

	// Held reports whether something in the database protects the invoice, which is
	// alice/2026-12; nil: never. working means that a due run is under way. Protection that lasts
	// for as long as its holder works will then not end before that run does, whether the holder
	// is paused or not.
	Held func(ctx context.Context, databaseURL string, working bool) (bool, error)

	serviceURL string
}

// Run plays the faults that the flags in args choose, prints a table, and returns the exit status:
// 0 if every invoice is right after its recovery run, 1 if not or if a fault can't be played, 2 if
// the command line can't be used, 130 after Ctrl-C. With other args, it is one of the servers.
func Run(args []string, stdout, stderr io.Writer, protections ...Protection) int {
	all := protectionList(protections)
	if len(args) > 1 && args[0] == workerArg {
		return all.serve(args[1], args[2:])
	}
	flags := &flags{all: all}
	return cli.Program{
		Name:        "faulttest",
		Description: "Plays every fault against ways to bill an invoice once.",
		Interrupted: "everything it started has ended",
		CheckURL:    map[string]func(string) error{"postgres": ledger.CheckURL},
	}.Main(args, stdout, stderr, flags,
		func(ctx context.Context, _ any, out io.Writer) error {
			return flags.measure(ctx, out, stderr)
		})
}

// workerArg, as the first argument, makes this process a billing server under the protection that
// the second names, with = and the URL of its service.
const workerArg = "worker"

type protectionList []Protection

func (all protectionList) named(name string) (Protection, error) {
	var names []string
	for _, p := range all {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return Protection{}, fmt.Errorf("nothing here is called %q: use one of %s",
		name, strings.Join(names, ", "))
}

// applies reports whether the fault can affect the protection. None uses several Redis nodes: where
// a library could, its documentation doesn't start with that. And none makes a call between its
// lock and its charge that could be delayed.
func (p Protection) applies(f faults.Fault) bool {
	switch f {
	case faults.RedlockMinority, faults.RedlockMajority, faults.RedlockClockJump,
		faults.PartitionBeforeCharge:
		return false
	case faults.RedisDown, faults.RedisRestart, faults.RedisFailover, faults.RedisClockJump,
		faults.PartitionDuringCharge:
		return p.Redis
	}
	return true
}

// title returns the name and, if it comes from a module, its version.
func (p Protection) title() string {
	info, _ := debug.ReadBuildInfo()
	if info != nil && p.Module != "" {
		for _, m := range info.Deps {
			if m.Path == p.Module {
				return p.Name + " " + m.Version
			}
		}
	}
	return p.Name
}

func (p Protection) watch() *scenario.ThirdParty {
	return &scenario.ThirdParty{Renews: p.Renews, Waits: p.Waits, Held: p.Held}
}

// baseMode is the mode that Guard replaces. It protects nothing.
func baseMode() billing.Mode { return billing.Modes()[0] }

// serve makes this process a billing server, and returns the exit status. Under mixed-modes one of
// the servers runs another mode, which stays as it is.
func (all protectionList) serve(name string, args []string) int {
	name, serviceURL, _ := strings.Cut(name, "=")
	p, err := all.named(name)
	if err != nil {
		fmt.Fprintln(os.Stderr, "faulttest:", err)
		return 2
	}
	var stops []func()
	status := worker.MainWith(args, os.Stdout, os.Stderr,
		func(c worker.Config, m billing.Mode) billing.Mode {
			if m.Name != baseMode().Name {
				return m
			}
			unprotected := m.New
			m.New = func(ports billing.Ports) billing.Biller {
				guarded, stop, err := p.Guard(Server{
					Name: c.Name, RedisURL: c.RedisURL, DatabaseURL: c.DatabaseURL,
					LockTTL: c.LockTTL, ServiceURL: serviceURL,
				}, unprotected(ports).Bill)
				if err != nil {
					fmt.Fprintf(os.Stderr, "%s: %v\n", p.Name, err)
					os.Exit(1) // its last words are why the fault could not be played
				}
				if stop != nil {
					stops = append(stops, stop)
				}
				return guarded
			}
			return m
		})
	for _, stop := range slices.Backward(stops) {
		stop()
	}
	return status
}
