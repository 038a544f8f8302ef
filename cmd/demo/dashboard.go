package main

import (
	"context"
	"fmt"

	"example.com/triplecharge/internal/cli"
	"example.com/triplecharge/internal/event"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/web"
)

// dashboard serves the page for servers that are up already.
type dashboard struct {
	deployment
	Listen string   `default:"127.0.0.1:8080" address:"" help:"Address of the page. In a container it can be 0.0.0.0:8080, if the port is published on 127.0.0.1 only."`
	Host   []string `default:"localhost:8080,127.0.0.1:8080" env:"DASHBOARD_HOSTS" help:"Hosts that the page answers for; it refuses all others."`
}

// Run serves the page until Ctrl-C.
func (c dashboard) Run(ctx context.Context, o output) error {
	d, err := c.deployed()
	if err != nil {
		return err
	}
	servers, err := d.Names(ctx)
	if err != nil {
		return err
	}
	expected, err := faults.Expected(c.Mode.Name, faults.None, len(servers))
	if err != nil {
		return err
	}
	listener, err := cli.Listen("--listen", c.Listen)
	if err != nil {
		return err
	}
	site := web.New(web.Options{
		Mode: c.Mode.Name, Servers: servers, Hosts: c.Host, Keep: keptRuns,
		Begin: func(
			ctx context.Context, _ string, _ faults.Fault, tell func(event.Event),
		) (web.Live, error) {
			return d.Begin(ctx, tell)
		},
		Log: func(line string) { fmt.Fprintln(o.log, line) },
	})
	fmt.Fprintf(o.out, "http://%s: %s, on %d servers. ", c.Host[0], c.Mode.Name, len(servers))
	if expected.Known {
		fmt.Fprintf(o.out, "Expected is %s.\n", expected.After)
	} else {
		fmt.Fprintln(o.out, faults.NoExpectation(c.Mode.Name))
	}
	return serveUntil(ctx, listener, site, o.log)
}
