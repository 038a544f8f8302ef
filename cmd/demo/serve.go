package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/triplecharge/internal/scenario"
	"example.com/triplecharge/internal/timeline"
	"example.com/triplecharge/internal/verdicts"
	"example.com/triplecharge/internal/web"
)

// serve shows it on a page.
type serve struct {
	Listen      string        `default:"127.0.0.1:8080" placeholder:"ADDRESS" help:"Where the page is, on this machine."`
	Latency     time.Duration `default:"250ms" help:"How long the simulated Stripe takes to answer."`
	DatabaseURL string        `name:"database-url" env:"DATABASE_URL" placeholder:"URL" help:"Use this Postgres instead of starting one."`
}

// keptRuns is how many runs can be opened again: each keeps a database and a simulator.
const keptRuns = 10

// Run serves the page until Ctrl-C.
func (s serve) Run(ctx context.Context, o output) (err error) {
	listener, hosts, err := listen(s.Listen)
	if err != nil {
		return fmt.Errorf("%w--listen: %w", errUsage, err)
	}
	defer func() { _ = listener.Close() }() // who served it has closed it
	stage, closeStage, err := faultStage(ctx, o, s.DatabaseURL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStage()) }()
	stage.Latency = s.Latency
	known, err := recordings()
	if err != nil {
		return err
	}
	site := web.New(web.Options{
		Recordings: known, Servers: []string{"server-a", "server-b", "server-c"},
		Begin: func(
			ctx context.Context, mode string, f verdicts.Fault, tell func(timeline.Event),
		) (web.Live, error) {
			st := stage
			st.Tell = tell
			return begin(ctx, st, mode, f)
		},
		Hosts: hosts, Keep: keptRuns, Log: func(line string) { fmt.Fprintln(o.log, line) },
	})
	fmt.Fprintf(o.out, "http://%s\n", hosts[0])
	return serveUntil(ctx, listener, site)
}

// begin hands an error on as one, and not inside a web.Live.
func begin(
	ctx context.Context, st scenario.Stage, mode string, f verdicts.Fault,
) (web.Live, error) {
	live, err := st.Begin(ctx, mode, f)
	if err != nil {
		return nil, err
	}
	return live, nil
}

// listen opens an address of this machine, and returns the names by which browsers ask for it.
func listen(address string) (net.Listener, []string, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, nil, err
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, nil, fmt.Errorf("%s is not of this machine alone: the page starts programs, "+
			"so use 127.0.0.1 or [::1]", address)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, nil, err
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	hosts := []string{net.JoinHostPort(host, port)}
	for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
		hosts = append(hosts, net.JoinHostPort(name, port))
	}
	return listener, hosts, err
}

// headerLimit is how long a browser may take over the head of a request.
const headerLimit = 5 * time.Second

// serveUntil serves the site and plays its runs until ctx ends, or one of the two can't go on.
func serveUntil(ctx context.Context, listener net.Listener, site *web.Site) error {
	group, ctx := errgroup.WithContext(ctx)
	server := &http.Server{
		Handler: site.Handler(), ReadHeaderTimeout: headerLimit,
		// Who follows a run is let go when ctx ends.
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		return server.Close()
	})
	group.Go(func() error { return site.Play(ctx) })
	return group.Wait()
}
