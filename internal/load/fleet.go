package load

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/redislock"
)

// fleet is all servers of a run.
type fleet struct {
	servers []*server
	redis   []string // the URLs of the nodes that their leases are on
	used    []Usage  // once they are stopped
}

func serverName(i int) string { return fmt.Sprintf("server-%c", 'a'+i) }

// MaxServers is how many can be told apart by a letter.
const MaxServers = 26

// The lives of what killed servers leave behind: short, so that the quiet run needn't wait for
// long, and many times as long as an invoice takes.
const (
	lockTTL  = 5 * time.Second
	claimTTL = 10 * time.Second
)

// redlockNodes is how many Redis nodes a quorum lock gets.
const redlockNodes = 5

// start starts the servers. Those that were started are stopped again if one can't be.
func (o Options) start(ctx context.Context, databaseURL string, sim *stripe) (*fleet, error) {
	mode, err := billing.ModeNamed(o.Mode)
	if err != nil {
		return nil, err
	}
	f := &fleet{}
	flags := []string{
		"--mode", o.Mode, "--at", o.At.Format(time.RFC3339), "--listen", "127.0.0.1:0",
		"--log-format", "json", "--quiet", "--database-url", databaseURL,
		"--lock-ttl", lockTTL.String(), "--claim-ttl", claimTTL.String(),
	}
	if mode.Lock == billing.QuorumLock {
		for range redlockNodes {
			node, err := o.Services.StartRedis(ctx)
			if err != nil {
				return nil, err
			}
			f.redis = append(f.redis, node.URL())
		}
		flags = append(flags, "--redis-nodes", strings.Join(f.redis, ","))
	} else {
		f.redis = []string{o.Services.RedisURL()}
		flags = append(flags, "--redis-url", f.redis[0])
	}
	flags = append(flags, o.Flags...)
	token := rand.Text()
	group, groupCtx := errgroup.WithContext(ctx)
	for i := range o.Servers {
		s := &server{name: serverName(i), token: token}
		s.command = func() *exec.Cmd {
			args := append([]string{"--name", s.name, "--stripe-url", sim.urls[i]}, flags...)
			cmd := exec.Command(o.Worker[0], append(o.Worker[1:len(o.Worker):len(o.Worker)], args...)...)
			cmd.Env = append(os.Environ(), "WORKER_TOKEN="+token, "STRIPE_SECRET_KEY=")
			o.Services.Adopt(cmd)
			return cmd
		}
		f.servers = append(f.servers, s)
		group.Go(func() error { return s.start(groupCtx) })
	}
	if err := group.Wait(); err != nil {
		f.stop()
		return nil, err
	}
	return f, nil
}

// fire triggers a due run on all servers at once. What comes of it is sent when the last is over.
func (f *fleet) fire(ctx context.Context) <-chan error {
	finished := make(chan error, 1)
	group, groupCtx := errgroup.WithContext(ctx)
	for _, s := range f.servers {
		group.Go(func() error { return s.run(groupCtx) })
	}
	go func() { finished <- group.Wait() }()
	return finished
}

func (f *fleet) kill(i int) bool { return f.servers[i].kill() }

// stop ends all servers and returns what they have used.
func (f *fleet) stop() []Usage {
	if f.used != nil {
		return f.used
	}
	f.used = make([]Usage, len(f.servers))
	var group errgroup.Group
	for i, s := range f.servers {
		group.Go(func() error { f.used[i] = s.stop(); return nil })
	}
	_ = group.Wait()
	return f.used
}

// warnings are how many the servers gave, and the last of one of them.
func (f *fleet) warnings() (n int, last string) {
	for _, s := range f.servers {
		if p := s.process; p != nil {
			n += p.warnings
			if p.warning != "" {
				last = p.warning
			}
		}
	}
	return n, last
}

// lookEvery is how often it is looked whether leases and claims are gone; they last for seconds.
const lookEvery = 200 * time.Millisecond

// awaitExpiry returns when no lease and no claim of the run is held that expires.
func (f *fleet) awaitExpiry(ctx context.Context, b books) error {
	for {
		held, err := b.store.ClaimHeld(ctx, b.period)
		for _, url := range f.redis {
			if err == nil && !held {
				held, err = leaseHeld(ctx, url, b.leases())
			}
		}
		if err != nil || !held {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookEvery):
		}
	}
}

// leaseHeld reports whether there is a lease in Redis whose key matches the pattern.
func leaseHeld(ctx context.Context, url, pattern string) (held bool, err error) {
	client, err := redislock.Open(url)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	for cursor := uint64(0); ; {
		var keys []string
		keys, cursor, err = client.Scan(ctx, cursor, pattern, 1000).Result()
		if errors.Is(err, redis.Nil) {
			err = nil
		}
		if err != nil || len(keys) > 0 || cursor == 0 {
			return len(keys) > 0, err
		}
	}
}

// maxResident is the most memory that a process had resident so far, its program's pages included.
// Linux says so while it lives (proc(5)); what it says in the end, as getrusage(2), may be of the
// process that started it.
func maxResident(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		var kilobytes int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kilobytes); n == 1 {
			return kilobytes * 1024
		}
	}
	return 0
}
