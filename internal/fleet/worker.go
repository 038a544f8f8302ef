package fleet

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/services"
)

// Names returns the names of n servers: server-a, server-b and so on; server-27 follows server-z.
func Names(n int) []string {
	names := make([]string, n)
	for i := range names {
		if i < 26 {
			names[i] = "server-" + string(rune('a'+i))
		} else {
			names[i] = "server-" + strconv.Itoa(i+1)
		}
	}
	return names
}

// Worker is a billing server in a process on this machine.
type Worker struct {
	Server
	*Process
}

// Spec says how to start a Worker.
type Spec struct {
	Services *services.Services // end the worker if this program ends before it
	Command  []string           // the program and its first arguments
	Name     string
	Mode     string
	At       time.Time // the logical due time
	LockTTL  time.Duration
	Flags    []string // further flags, which everybody on the machine can read

	DatabaseURL string
	RedisURL    string   // of the modes with one node
	RedisNodes  []string // of the modes with several
	StripeURL   string   // the simulator's; "" for Stripe itself
	StripeKey   string   // of Stripe's test mode; "" for the simulator
	Token       string   // of the worker's HTTP API

	WebhookSecret string // which signs Stripe's events; "" if the worker takes none

	// Tell is called for each line that the worker logs, from one goroutine: with its event, or
	// with the error of a line that is no event.
	Tell func(line string, e event.Event, err error)
}

func (s Spec) command() *exec.Cmd {
	args := append(s.Command[1:len(s.Command):len(s.Command)],
		"--name", s.Name, "--mode", s.Mode, "--at", s.At.Format(time.RFC3339), "--force-at",
		"--lock-ttl", s.LockTTL.String(), "--listen", "127.0.0.1:0", "--log-format", "json",
	)
	cmd := exec.Command(s.Command[0], append(args, s.Flags...)...)
	cmd.Env = []string{
		"DATABASE_URL=" + s.DatabaseURL, "REDIS_URL=" + s.RedisURL,
		"WORKER_REDIS_NODES=" + strings.Join(s.RedisNodes, ","), "STRIPE_URL=" + s.StripeURL,
		"STRIPE_SECRET_KEY=" + s.StripeKey, "WORKER_TOKEN=" + s.Token,
		"STRIPE_WEBHOOK_SECRET=" + s.WebhookSecret,
	}
	// These say how to reach Stripe itself. A worker inherits no others: what was given for it
	// comes as a flag, or in one of the variables above.
	for _, variable := range []string{
		"HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR",
	} {
		if value, ok := os.LookupEnv(variable); ok && s.StripeURL == "" {
			cmd.Env = append(cmd.Env, variable+"="+value)
		}
	}
	s.Services.Adopt(cmd)
	return cmd
}

// startLimit bounds a start on a busy machine, where migrations wait for those of other workers.
const startLimit = time.Minute

// Start starts the worker and returns when it listens. The caller stops it.
func (s Spec) Start(ctx context.Context) (*Worker, error) {
	listening := make(chan string, 1)
	garbled := "" // a line that is no event
	p, err := StartProcess(s.command(), func(line []byte) {
		e, err := event.Parse(line)
		switch {
		case err != nil:
			garbled = err.Error()
		case e.Kind == event.ServerListening:
			listening <- e.Address
		}
		s.Tell(string(line), e, err)
	})
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", s.Name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	select {
	case address := <-listening:
		return &Worker{Server{s.Name, "http://" + address, s.Token}, p}, nil
	case <-p.Exited:
		return nil, fmt.Errorf("%s ended before it listened: %s", s.Name,
			cmp.Or(p.LastWords(), garbled, p.cmd.ProcessState.String()))
	case <-ctx.Done():
		p.Stop()
		return nil, fmt.Errorf("%s did not listen in time: %w", s.Name, context.Cause(ctx))
	}
}
