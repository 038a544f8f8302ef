package scenario

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/triplecharge/internal/services"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/internal/stripesim/control"
	"example.com/triplecharge/internal/verdicts"
)

var seeds = flag.Int("seeds", 1, "how many seeds the chaos tests go through")

const (
	chaosInvoices = 500
	// chaosPace is how many charges are sent between two kills. Each invoice is sent at least once,
	// so that there are more than fifty kills whatever else happens.
	chaosPace = 9
)

// Servers are killed in the middle of their work, at random, and started again. The lock promises
// nothing here; exactly-once does.
func TestExactlyOnceSurvivesKilledServers(t *testing.T) {
	t.Parallel()
	for seed := range *seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			c := newChaos(t, servicetest.OwnPostgres(t), seed)
			for c.nextKill() {
				c.killServer()
			}
			c.quietRun()
		})
	}
}

func TestExactlyOnceSurvivesKilledServersAndServicesAndLostReplies(t *testing.T) {
	t.Parallel()
	for seed := range *seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			c := newChaos(t, servicetest.OwnPostgres(t), seed)
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
			c.quietRun()
		})
	}
}

// chaos is a due run of three servers that things happen to.
type chaos struct {
	t        *testing.T
	p        *play
	postgres services.Server
	redis    services.Server
	rand     *rand.Rand
	read     int             // events
	finished map[string]bool // servers whose due run is over
	sent     int             // charges, since the last kill
	kills    int
	lost     *control.Handle
}

func newChaos(t *testing.T, postgres services.Server, seed int) *chaos {
	t.Helper()
	redis := servicetest.OwnRedis(t)
	stage := newStage(t, postgres.URL(), redis.URL())
	s := scenarioOf("exactly-once", chaosInvoices)
	// Few in flight, so that the run outlasts the kills; claims that expire soon, so that servers
	// take over from the dead while these come back.
	s.Flags = []string{"--concurrency", "3", "--claim-ttl", "300ms"}
	c := &chaos{
		finished: map[string]bool{},
		t:        t, p: begin(t, stage, s), postgres: postgres, redis: redis,
		rand: rand.New(rand.NewPCG(uint64(seed), 0)),
	}
	for i := range c.p.processes {
		c.fire(i)
	}
	return c
}

// fire starts a due run on a server and doesn't wait for its end.
func (c *chaos) fire(i int) {
	s := c.p.processes[i].remote
	go func() { _ = fire(context.Background(), []remote{s}) }() // it may be killed any time
}

// nextKill waits until enough charges have been sent for the next kill; it returns false when the
// servers have nothing left to send.
func (c *chaos) nextKill() bool {
	for {
		events, more := c.p.events.since(c.read)
		for i, e := range events {
			switch e.Name {
			case "run.started":
				delete(c.finished, e.Server)
			case "run.finished":
				c.finished[e.Server] = true
			case "charge.sent":
				c.sent++
			}
			if c.sent >= chaosPace || len(c.finished) == len(c.p.processes) {
				c.read += i + 1
				c.sent = 0
				return len(c.finished) < len(c.p.processes)
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

// killServer ends a server at once, as a machine that fails would, and starts it again.
func (c *chaos) killServer() {
	c.t.Helper()
	i := c.rand.IntN(len(c.p.processes))
	old := c.p.processes[i]
	if err := old.cmd.Process.Kill(); err != nil {
		c.t.Fatal(err)
	}
	<-old.exited
	delete(c.finished, old.name)
	c.kills++
	var err error
	if c.p.processes[i], err = c.p.spawn(c.t.Context(), old.name); err != nil {
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

// loseReplies makes Stripe's replies to one server get lost from now on, and those to the one
// before arrive again.
func (c *chaos) loseReplies() {
	c.t.Helper()
	c.arriveAgain()
	server := c.p.processes[c.rand.IntN(len(c.p.processes))].name
	var err error
	c.lost, err = c.p.simulator.control.Lose(c.t.Context(), control.Rule{Server: server})
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

// quietRun ends what goes wrong, waits until no claim is held, lets one fresh server make a due run
// and looks at both sides.
func (c *chaos) quietRun() {
	c.t.Helper()
	if c.kills < 50 && !strings.Contains(c.t.Name(), "LostReplies") {
		c.t.Errorf("%d kills, want 50 or more", c.kills)
	}
	c.arriveAgain()
	c.p.stopAll()
	c.awaitNoClaim()
	fresh, err := c.p.spawn(c.t.Context(), "server-fresh")
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(fresh.stop)
	if err := fire(c.t.Context(), []remote{fresh.remote}); err != nil {
		c.t.Fatal(err)
	}
	checkAll(c.t, accounts(c.t, c.p), chaosInvoices, verdicts.Counts{Charges: 1, Entries: 1})
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
