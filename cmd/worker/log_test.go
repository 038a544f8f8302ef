package main

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"testing"
	"time"
)

// A pipe holds 64 KiB. The log of this run is several times as long.
func TestTheRunDoesNotDependOnTheReaderOfItsLog(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		lines int // that are read at first
		gone  bool
	}{{"stalls", 0, false}, {"gone", 3, true}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			world := setup(t)
			world.addCustomers(200)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			self, err := os.Executable()
			must(t, err)
			w := exec.CommandContext(ctx, self, "--mode", "locked")
			w.Env = append(world.env, workerVariable+"=yes", "WORKER_LISTEN=")
			log, written, err := os.Pipe()
			must(t, err)
			defer func() { _ = log.Close() }()
			w.Stdout, w.Stderr = written, written
			must(t, w.Start())
			must(t, written.Close())
			for read := bufio.NewReader(log); test.lines > 0; test.lines-- {
				_, err := read.ReadString('\n')
				must(t, err)
			}
			if test.gone {
				must(t, log.Close())
			}
			if err := w.Wait(); err != nil {
				t.Errorf("got %v, want exit status 0", err)
			}
			world.wantBilledOnce()
		})
	}
}
