package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"example.com/triplecharge/internal/cli"
	"example.com/triplecharge/internal/stripesim"
)

// headerTimeout is how long a client may take to send its headers: generous to a stopped process
// under test, and still an end for one that never will.
const headerTimeout = time.Minute

// endpoint is one served address.
type endpoint struct {
	listener net.Listener
	handler  http.Handler
	what     string
}

// serve opens all addresses, prints them, and serves until the context ends.
func serve(ctx context.Context, f *flags, adminToken string, out, errs io.Writer) error {
	if err := checkAdmin(f.Admin, adminToken); err != nil {
		return err
	}
	options := stripesim.Options{Latency: f.Latency, Jitter: f.Jitter, RateLimit: f.RateLimit.inAll,
		EndpointLimit: f.RateLimit.each, SearchLag: f.SearchLag, LockTimeout: f.LockTimeout}
	if f.Log {
		options.Log = slog.New(slog.NewTextHandler(errs, nil))
	}
	simulator := stripesim.New(options)
	defer simulator.Close()

	endpoints, err := open(f, simulator, adminToken)
	if err != nil {
		return err
	}
	for _, e := range endpoints {
		fmt.Fprintf(out, "%s on http://%s\n", e.what, e.listener.Addr())
	}
	return serveAll(ctx, simulator, endpoints, errs)
}

// checkAdmin refuses a control address that other machines could reach without a token.
func checkAdmin(address, token string) error {
	host, _, _ := net.SplitHostPort(address)
	if stripesim.Loopback(host) || token != "" {
		return nil
	}
	return cli.Usage(fmt.Errorf("--admin %s can be reached from other machines: "+
		"set STRIPESIM_ADMIN_TOKEN to a secret, or use 127.0.0.1", address))
}

// open listens on all addresses, or on none.
func open(f *flags, s *stripesim.Simulator, adminToken string) ([]endpoint, error) {
	var endpoints []endpoint
	add := func(flag, address, what string, h http.Handler) error {
		listener, err := cli.Listen(flag, address)
		if err != nil {
			for _, e := range endpoints {
				e.listener.Close()
			}
			return err
		}
		endpoints = append(endpoints, endpoint{listener, h, what})
		return nil
	}
	for _, listen := range f.Listen {
		name, address, labelled := strings.Cut(listen, "=")
		what := "Stripe API for " + name
		if !labelled {
			name, address, what = "", listen, "Stripe API"
		}
		if err := add("--listen", address, what, s.Handler(name)); err != nil {
			return nil, err
		}
	}
	err := add("--admin", f.Admin, "control API", s.Admin(adminToken))
	return endpoints, err
}

// serveAll serves until the context ends or a listener fails. The simulator is closed first, so
// held requests do not delay the end.
func serveAll(
	ctx context.Context, s *stripesim.Simulator, endpoints []endpoint, errs io.Writer,
) error {
	failed := make(chan error, len(endpoints))
	var servers []*http.Server
	var running sync.WaitGroup
	for _, e := range endpoints {
		server := cli.NewServer(e.handler, errs)
		server.ReadHeaderTimeout = headerTimeout
		server.ConnState = nil // a client that finds its connection closed may not send again
		servers = append(servers, server)
		running.Go(func() {
			if err := server.Serve(e.listener); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("serve %s: %w", e.listener.Addr(), err)
			}
		})
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	s.Close()
	for _, server := range servers {
		server.Close()
	}
	running.Wait()
	return err
}

// healthTimeout is how long a health check waits: less than compose's own time-out of a few
// seconds.
const healthTimeout = 2 * time.Second

// healthcheck is for containers that have no curl.
func healthcheck(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("--healthcheck: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("not healthy: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("not healthy: %s answers %s", url, response.Status)
	}
	return nil
}
