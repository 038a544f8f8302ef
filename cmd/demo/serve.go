package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/triplecharge/internal/cli"
	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/services"
	"example.com/triplecharge/internal/stripesim"
	"example.com/triplecharge/internal/web"
)

// serve serves the live page.
type serve struct {
	Listen      string        `default:"127.0.0.1:8080" address:"" help:"Address of the page: a loopback one, unless there are --host."`
	Host        []string      `env:"DASHBOARD_HOSTS" placeholder:"HOST" help:"Hosts that the page answers for, instead of the address. In a container, whose port is published on 127.0.0.1 only, it can then listen on 0.0.0.0."`
	Latency     time.Duration `default:"250ms" max:"1h" help:"Latency of the simulated Stripe."`
	DatabaseURL string        `name:"database-url" env:"DATABASE_URL" url:"postgres,postgresql" placeholder:"URL" help:"Postgres to use instead of starting one."`
}

// keptRuns limits how many runs can be opened again: each keeps a database and a simulator.
const keptRuns = 10

// Run serves the page until Ctrl-C.
func (s serve) Run(ctx context.Context, o output) (err error) {
	listener, hosts, err := listen(s.Listen, s.Host)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }() // a second time, if it was served
	harness, err := newHarness(ctx, o,
		services.Options{DatabaseURL: s.DatabaseURL, SkipRedis: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, harness.Services.Close()) }()
	harness.Latency = s.Latency
	known, err := recordings()
	if err != nil {
		return err
	}
	site := web.New(web.Options{
		Recordings: known, Servers: []string{"server-a", "server-b", "server-c"},
		Begin: func(
			ctx context.Context, mode string, f faults.Fault, tell func(event.Event),
		) (web.Live, error) {
			h := harness
			h.Tell = tell
			return h.Begin(ctx, mode, f)
		},
		Hosts: hosts, Keep: keptRuns, Log: func(line string) { fmt.Fprintln(o.log, line) },
	})
	fmt.Fprintf(o.out, "http://%s\n", hosts[0])
	return serveUntil(ctx, listener, site, o.log)
}

// listen opens an address, and returns the hosts by which browsers may ask for it: those given, or
// else those of a loopback address.
func listen(address string, given []string) (net.Listener, []string, error) {
	host, _, _ := net.SplitHostPort(address)
	if len(given) == 0 && !stripesim.Loopback(host) {
		return nil, nil, cli.Usage(fmt.Errorf("--listen: %s can be reached from other machines: "+
			"the page starts programs, so use 127.0.0.1 or [::1]", address))
	}
	listener, err := cli.Listen("--listen", address)
	if err != nil || len(given) > 0 {
		return listener, given, err
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	hosts := []string{net.JoinHostPort(host, port)}
	for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
		hosts = append(hosts, net.JoinHostPort(name, port))
	}
	return listener, hosts, err
}

// serveUntil serves the site and plays its runs until ctx ends or one of the two fails.
func serveUntil(
	ctx context.Context, listener net.Listener, site *web.Site, log io.Writer,
) error {
	group, ctx := errgroup.WithContext(ctx)
	server := cli.NewServer(site.Handler(), log)
	// Requests that follow a run end when ctx does.
	server.BaseContext = func(net.Listener) context.Context { return ctx }
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
