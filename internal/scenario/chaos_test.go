package scenario

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/fleet"
	"example.com/triplecharge/internal/services"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/internal/stripesim/control"
	"example.com/triplecharge/internal/verdict"
)

var (
	seeds    = flag.Int("seeds", 1, "how many seeds the chaos tests go through")
	webhooks = flag.Bool("webhooks", false, "the servers of the chaos tests take Stripe's events")
)

const (
	chaosInvoices = 500
	// chaosPace is how many charges are sent between two kills. Each invoice is sent at least once,
	// so there are more than fifty kills of chaosInvoices whatever else happens.
	chaosPace = 9
)

// Servers are killed in the middle of their work, at random, and started again. The lock promises
// nothing here; exactly-once does.
func TestExactlyOnceSurvivesKilledServers(t *testing.T) {
	t.Parallel()
	for seed := range *seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			c := newChaos(t, servicetest.OwnPostgres(t), seed, chaosInvoices, *webhooks)
			for c.nextKill() {
				c.killServer()
			}
			c.recoveryRun()
		})
	}
}

func TestExactlyOnceSurvivesKilledServersAndServicesAndLostReplies(t *testing.T) {
	t.Parallel()
	for seed := range *seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			c := newChaos(t, servicetest.OwnPostgres(t), seed, chaosInvoices, *webhooks)
			for c.nextKill() {
				switch c.rand.IntN(4) {
				case 0:
					c.restart(c.postgres)
				case 1:
					c.restart(c.redis)
				case 2:
					c.loseReplies()
				default:
					c.killServer()
				}
			}
			c.recoveryRun()
		})
	}
}

// chaos is a due run of three servers under random faults.
type chaos struct {
	t        *testing.T
	p        *play
	postgres services.Server
	redis    services.Server
	rand     *rand.Rand
	invoices int
	read     int             // events
	finished map[string]bool // servers whose due run is over
	sent     int             // charges, since the last kill
	kills    int
	lost     *control.Handle
}

func newChaos(
	t *testing.T, postgres services.Server, seed, invoices int, told bool,
) *chaos {
	t.Helper()
	redis := servicetest.OwnRedis(t)
	harness := newHarness(t, postgres.URL(), redis.URL())
	s := scenarioOf("exactly-once", invoices)
	s.Webhooks = told
	// Few charges in flight, so that the run outlasts the kills; claims that expire soon, so that
	// servers take over from a killed one before it is back.
	s.Flags = []string{"--concurrency", "3", "--claim-ttl", "300ms"}
	c := &chaos{
		finished: map[string]bool{}, invoices: invoices,
		t: t, p: begin(t, harness, s), postgres: postgres, redis: redis,
		rand: rand.New(rand.NewPCG(uint64(seed), 0)),
	}
	for i := range c.p.workers {
		c.fire(i)
	}
	return c
}

// fire starts a due run on a server and doesn't wait for its end.
func (c *chaos) fire(i int) {
	s := c.p.workers[i].Server
	// Its error is ignored: the server may be killed at any time.
	go func() { _ = fleet.Fire(context.Background(), time.Time{}, s) }()
}

// nextKill waits until enough charges have been sent for the next kill; it returns false when the
// servers have nothing left to send.
func (c *chaos) nextKill() bool {
	for {
		events, more := c.p.events.Since(c.read)
		for i, e := range events {
			switch e.Kind {
			case event.RunStarted:
				delete(c.finished, e.Server)
			case event.RunFinished:
				c.finished[e.Server] = true
			case event.ChargeSent:
				c.sent++
			}
			over := len(c.finished) == len(c.p.workers)
			if c.sent >= chaosPace*max(1, c.invoices/chaosInvoices) || over {
				c.read += i + 1
				c.sent = 0
				return !over
			}
		}
		c.read += len(events)
		select {
		case <-more:
		case <-time.After(time.Minute):
			c.t.Fatalf("no event for a minute after %d kills", c.kills)
		}
	}
}

// killServer kills a server, as a failing machine would, and starts it again.
func (c *chaos) killServer() {
	c.t.Helper()
	i := c.rand.IntN(len(c.p.workers))
	old := c.p.workers[i]
	if err := old.Signal(syscall.SIGKILL); err != nil {
		c.t.Fatal(err)
	}
	<-old.Exited
	delete(c.finished, old.Name)
	c.kills++
	var err error
	if c.p.workers[i], err = c.p.spawn(c.t.Context(), old.Name); err != nil {
		c.t.Fatal(err)
	}
	c.fire(i)
}

func (c *chaos) restart(s services.Server) {
	c.t.Helper()
	if err := s.Kill(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
	if err := s.Start(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
	c.kills++
}

// loseReplies loses Stripe's replies to one server from now on, and delivers those to the previous
// one again.
func (c *chaos) loseReplies() {
	c.t.Helper()
	c.arriveAgain()
	server := c.p.workers[c.rand.IntN(len(c.p.workers))].Name
	var err error
	c.lost, err = c.p.simulator.Control.Lose(c.t.Context(), control.Rule{Server: server})
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *chaos) arriveAgain() {
	c.t.Helper()
	if c.lost != nil {
		if err := c.lost.Remove(c.t.Context()); err != nil {
			c.t.Fatal(err)
		}
	}
}

// recoveryRun ends all faults, waits until no claim is held, lets one fresh server make a due run
// and checks both sides.
func (c *chaos) recoveryRun() {
	c.t.Helper()
	want := 50 * min(c.invoices, chaosInvoices) / chaosInvoices
	if c.kills < want && !strings.Contains(c.t.Name(), "LostReplies") {
		c.t.Errorf("%d kills, want %d or more", c.kills, want)
	}
	c.arriveAgain()
	c.p.stopAll()
	c.awaitNoClaim()
	fresh, err := c.p.spawn(c.t.Context(), "server-fresh")
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(fresh.Stop)
	if err := fleet.Fire(c.t.Context(), time.Time{}, fresh.Server); err != nil {
		c.t.Fatal(err)
	}
	checkAll(c.t, accounts(c.t, c.p), c.invoices, verdict.Counts{Charges: 1, Entries: 1})
	c.t.Logf("%d kills and restarts", c.kills)
}

func (c *chaos) awaitNoClaim() {
	c.t.Helper()
	conn, err := pgx.Connect(c.t.Context(), c.p.database)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	for held := true; held; {
		err := conn.QueryRow(c.t.Context(),
			`SELECT EXISTS (SELECT FROM claims WHERE lease_until > clock_timestamp())`).Scan(&held)
		if err != nil {
			c.t.Fatal(err)
		}
	}
}
