package services

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// startPostgres creates a database cluster with the programs in bin and starts its server.
func startPostgres(ctx context.Context, g *guard, bin, buffers string) (Server, error) {
	as, err := unprivileged()
	if err != nil {
		return nil, err
	}
	dir, err := g.folder("postgres", as)
	if err != nil {
		return nil, err
	}
	password := rand.Text()
	if err := initdb(ctx, g, as, bin, dir, password); err != nil {
		return nil, err
	}
	return startIn(ctx, g, as, bin, dir, password, buffers)
}

// startIn starts the server of a cluster in dir/data, on a free port.
func startIn(
	ctx context.Context, g *guard, as osUser, bin, dir, password, buffers string,
) (Server, error) {
	return onFreePort(ctx, func(port int) (Server, error) {
		s := newPostgres(g, as, bin, dir, port, password, buffers)
		return s, s.Start(ctx)
	})
}

// initdb creates the cluster in dir/data. User postgres needs the password, because other people
// may be logged in to this machine.
func initdb(ctx context.Context, g *guard, as osUser, bin, dir, password string) error {
	pwfile := filepath.Join(dir, "password")
	if err := os.WriteFile(pwfile, []byte(password), 0o600); err != nil {
		return fmt.Errorf("write the database's password: %w", err)
	}
	if err := as.own(pwfile); err != nil {
		return fmt.Errorf("hand over the database's password: %w", err)
	}
	cmd := as.command(dir, filepath.Join(bin, "initdb"), "--pgdata="+filepath.Join(dir, "data"),
		"--username=postgres", "--pwfile="+pwfile, "--auth=scram-sha-256",
		"--encoding=UTF8", "--no-locale", "--no-sync")
	if err := g.run(ctx, cmd); err != nil {
		return fmt.Errorf("make a database: %w", err)
	}
	return os.Remove(pwfile)
}

// run runs a command in the guard's process group, and interrupts it when the context ends.
func (g *guard) run(ctx context.Context, cmd *exec.Cmd) error {
	g.adopt(cmd)
	var log Tail
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.WaitDelay = time.Second
	err := cmd.Start()
	if err == nil {
		stop := context.AfterFunc(ctx, func() {
			cmd.Process.Signal(syscall.SIGINT) //nolint:errcheck // fails only if it has ended
		})
		defer stop()
		err = cmd.Wait()
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", cmd.Path, err, log.reason())
	}
	return err
}

func newPostgres(g *guard, as osUser, bin, dir string, port int, password, buffers string) *local {
	address := (&url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword("postgres", password),
		Host:     loopback(port),
		Path:     "/postgres",
		RawQuery: "sslmode=disable",
	}).String()
	return &local{
		name: "postgres",
		url:  address,
		dir:  dir,
		command: func() *exec.Cmd {
			cmd := as.command(dir, filepath.Join(bin, "postgres"),
				postgresArgs(dir, port, buffers)...)
			g.adopt(cmd)
			return cmd
		},
		stop: syscall.SIGINT, // "fast": ends sessions, keeps committed data
		// SIGQUIT is "immediate": no checkpoint, so the next start recovers as after a crash.
		// SIGKILL would leave sessions running for a while, and shared memory.
		kill: syscall.SIGQUIT,
	}
}

func postgresArgs(dir string, port int, buffers string) []string {
	args := []string{"-D", filepath.Join(dir, "data"), "-p", strconv.Itoa(port)}
	for _, setting := range []string{
		"listen_addresses=127.0.0.1",
		"unix_socket_directories=",        // TMPDIR may exceed a socket path's 107 bytes
		"dynamic_shared_memory_type=mmap", // in the guard's folder, which is always removed
		"timezone=UTC",
		"log_timezone=UTC",
		"max_connections=200",
		"shared_buffers=" + buffers,
		// Nothing has to survive a crash of the machine. Commits are still written in order, so
		// Kill loses no committed data.
		"fsync=off",
		"full_page_writes=off",
		"synchronous_commit=on",
	} {
		args = append(args, "-c", setting)
	}
	return args
}
