package main

import (
	"context"

	"fmt"
	"net"

	"example.com/triplecharge/internal/timeline"
	"example.com/triplecharge/internal/verdicts"
	"example.com/triplecharge/internal/web"
)

// dashboard is the page of servers that are up already.
type dashboard struct {
	deployment
	Listen string   `default:"127.0.0.1:8080" placeholder:"ADDRESS" help:"Where the page is. In a container that may be 0.0.0.0:8080, if its port is published on 127.0.0.1."`
	Host   []string `default:"localhost:8080,127.0.0.1:8080" env:"DASHBOARD_HOSTS" placeholder:"HOST:PORT" help:"What browsers ask for; all else is refused."`
}

// Run serves the page until it is told to end.
func (c dashboard) Run(ctx context.Context, o output) error {
	d, _, err := c.deployed()
	if err != nil {
		return err
	}
	servers, err := d.Names(ctx)
	if err != nil {
		return err
	}
	expected, _ := verdicts.Expected(c.Mode, verdicts.None, len(servers))
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("%w--listen: %w", errUsage, err)
	}
	site := web.New(web.Options{
		Mode: c.Mode, Servers: servers, Hosts: c.Host, Keep: keptRuns,
		Begin: func(
			ctx context.Context, _ string, _ verdicts.Fault, tell func(timeline.Event),
		) (web.Live, error) {
			live, err := d.Begin(ctx, tell)
			if err != nil {
				return nil, err
			}
			return live, nil
		},
		Log: func(line string) { fmt.Fprintln(o.log, line) },
	})
	fmt.Fprintf(o.out, "http://%s: %s, on %d servers. Expected is %s.\n", c.Host[0], c.Mode,
		len(servers), expected.After)
	return serveUntil(ctx, listener, site)
}
