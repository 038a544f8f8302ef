package scenario

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"example.com/triplecharge/internal/timeline"
)

// process is one billing server on this machine.
type process struct {
	remote
	cmd     *exec.Cmd
	stderr  bytes.Buffer  // read once exited is closed, as is garbled
	garbled string        // a line on standard output that is no event
	exited  chan struct{} // closed when the process has ended and its events are read
}

// startLimit bounds a server's start: its migrations wait for those of the others.
const startLimit = 30 * time.Second

// spawn starts a server and returns once it listens; its events go to the log. The caller stops it.
func spawn(
	ctx context.Context, name, token string, cmd *exec.Cmd, adopt func(*exec.Cmd), events *log,
) (*process, error) {
	p := &process{remote: remote{name: name, token: token}, cmd: cmd, exited: make(chan struct{})}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = &p.stderr
	adopt(cmd)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	listening := make(chan string, 1)
	go p.read(stdout, events, listening)

	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	select {
	case address := <-listening:
		p.url = "http://" + address
		return p, nil
	case <-p.exited:
		return nil, fmt.Errorf("%s ended before it listened: %s", name, p.complaint())
	case <-ctx.Done():
		p.stop()
		return nil, fmt.Errorf("%s did not listen in time: %w", name, context.Cause(ctx))
	}
}

// read takes in the server's events until it ends.
func (p *process) read(stdout io.Reader, events *log, listening chan<- string) {
	defer close(p.exited)
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		e, err := timeline.Parse(lines.Bytes())
		if err != nil {
			p.garbled = err.Error()
			continue
		}
		if e.Name == "server.listening" {
			listening <- e.Address
		}
		events.add(e)
	}
	_ = p.cmd.Wait() // what its status means depends on who ended it
}

// complaint is the last thing the server said on its standard error, if it said anything.
func (p *process) complaint() string {
	lines := strings.Split(strings.TrimSpace(p.stderr.String()), "\n")
	return cmp.Or(lines[len(lines)-1], p.garbled, p.cmd.ProcessState.String())
}

// stopLimit is how long a server may finish the invoices in flight before it is killed.
const stopLimit = 5 * time.Second

// stop ends the server, by force if it must, and waits for its end.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Process.Signal(syscall.SIGCONT) // one that is stopped must wake up to be told
	select {
	case <-p.exited:
	case <-time.After(stopLimit):
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
}
