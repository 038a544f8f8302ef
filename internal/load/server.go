package load

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"example.com/triplecharge/internal/timeline"
)

// server is one billing server: its process, and after a kill the next one.
type server struct {
	name    string
	token   string
	command func() *exec.Cmd

	mu      sync.Mutex
	process *process // the one that is up, or was last
	on      bool     // a due run is
}

// process is one process of a server.
type process struct {
	cmd    *exec.Cmd
	url    string
	stderr bytes.Buffer  // read once ended is closed, as are those below
	ended  chan struct{} // closed when the process has ended and its events are read
	killed bool          // by us, under the server's mutex

	mu       sync.Mutex
	warnings int
	warning  string
}

// startLimit bounds a server's start on a machine that is busy.
const startLimit = time.Minute

// start starts a process and returns when it listens.
func (s *server) start(ctx context.Context) error {
	p := &process{cmd: s.command(), ended: make(chan struct{})}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	p.cmd.Stderr = &p.stderr
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", s.name, err)
	}
	s.mu.Lock()
	s.process = p
	s.mu.Unlock()
	listening := make(chan string, 1)
	go p.read(stdout, listening)
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	select {
	case address := <-listening:
		p.url = "http://" + address
		return nil
	case <-p.ended:
		return fmt.Errorf("%s ended before it listened: %s", s.name, p.complaint())
	case <-ctx.Done():
		return fmt.Errorf("%s did not listen in time: %w", s.name, context.Cause(ctx))
	}
}

// read takes in the server's events, which are few: it is quiet about invoices that go well.
func (p *process) read(stdout io.Reader, listening chan<- string) {
	defer close(p.ended)
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		e, err := timeline.Parse(lines.Bytes())
		switch {
		case err != nil || e.Error != "":
			p.mu.Lock()
			p.warnings++
			p.warning = lines.Text()
			p.mu.Unlock()
		case e.Name == "server.listening":
			listening <- e.Address
		}
	}
	_ = p.cmd.Wait() // what its status means depends on who ended it
}

// complaint is the last thing that the process said on its standard error.
func (p *process) complaint() string {
	lines := strings.Split(strings.TrimSpace(p.stderr.String()), "\n")
	return cmp.Or(lines[len(lines)-1], p.cmd.ProcessState.String())
}

// run makes a due run and returns when it is over; if the server is killed meanwhile it is started
// again, and begins another one.
func (s *server) run(ctx context.Context) error {
	for {
		err := s.runOnce(ctx)
		if err == nil || ctx.Err() != nil {
			return cmp.Or(ctx.Err(), err)
		}
		s.mu.Lock()
		p, killed := s.process, s.process.killed
		s.on = false
		s.mu.Unlock()
		if !killed {
			return err
		}
		<-p.ended
		if err := s.start(ctx); err != nil {
			return err
		}
	}
}

func (s *server) runOnce(ctx context.Context) error {
	s.mu.Lock()
	url := s.process.url
	s.on = true
	s.mu.Unlock()
	location, err := s.ask(ctx, http.MethodPost, url+"/runs")
	if err != nil {
		return err
	}
	if _, err = s.ask(ctx, http.MethodGet, url+location+"?wait=true"); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.on = false; s.process.killed {
		return errors.New("killed as it answered")
	}
	return nil
}

// ask sends a request to the server and returns the Location it answers with.
func (s *server) ask(ctx context.Context, method, url string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return "", err
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", fmt.Errorf("ask %s: %w", s.name, err)
	}
	defer func() { _ = answer.Body.Close() }()
	var body struct {
		Error string `json:"error"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&body); err != nil {
		return "", fmt.Errorf("ask %s: %w", s.name, err)
	}
	if body.Error != "" {
		return "", fmt.Errorf("%s answered %s: %s", s.name, answer.Status, body.Error)
	}
	return answer.Header.Get("Location"), nil
}

// kill ends the server's process at once, if it is in the middle of a due run.
func (s *server) kill() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.on || s.process.killed {
		return false
	}
	s.process.killed = true
	return s.process.cmd.Process.Kill() == nil
}

// stopLimit is how long a server may finish the invoices in flight before it is killed.
const stopLimit = 5 * time.Second

// stop ends the server, by force if it must, and returns what its last process has used.
func (s *server) stop() Usage {
	u := Usage{Server: s.name}
	s.mu.Lock()
	p := s.process
	s.mu.Unlock()
	if p == nil {
		return u
	}
	u.MemoryBytes = maxResident(p.cmd.Process.Pid)
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(stopLimit):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
	u.CPU = p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
	return u
}
