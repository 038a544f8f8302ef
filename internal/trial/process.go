package trial

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"example.com/triplecharge/internal/fleet"
	"example.com/triplecharge/internal/services"
)

// process is a command of somebody else's and all that it starts: a process group of its own, which
// ends with this program, however that ends.
type process struct {
	*fleet.Process
	name    string
	cmd     *exec.Cmd
	group   *services.Services // without a service: only the group's guard
	said    services.Tail      // to its standard output
	printed int                // bytes
	ending  sync.Once
	was     string // what there is to say of its end
}

const (
	// stopLimit is how long a command may take to end after SIGTERM.
	stopLimit = 2 * time.Second
	// muchOutput is more than a due run of a few invoices has to say.
	muchOutput = 1 << 20
)

// startProcess starts a command. The caller ends it.
func startProcess(name string, argv, env []string) (*process, error) {
	group, err := services.Start(context.Background(),
		services.Options{SkipPostgres: true, SkipRedis: true})
	if err != nil {
		return nil, err
	}
	p := &process{name: name, cmd: exec.Command(argv[0], argv[1:]...), group: group}
	p.cmd.Env = env
	group.Adopt(p.cmd)
	p.Process, err = fleet.StartProcess(p.cmd, func(line []byte) {
		p.printed += len(line) + 1
		_, _ = p.said.Write(append([]byte("\n"), line...))
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", name, err), group.Close())
	}
	return p, nil
}

// signal sends a signal to the command and all that it started. It must not be called after end:
// the group's number may then be another's.
func (p *process) signal(s syscall.Signal) { _ = syscall.Kill(-p.cmd.SysProcAttr.Pgid, s) }

// end asks the command to end, kills what is left of its group, and returns what there is to say of
// that, "" for nothing. Further calls return the same.
func (p *process) end() string {
	p.ending.Do(func() {
		if !p.Ended() {
			p.signal(syscall.SIGTERM)
			p.signal(syscall.SIGCONT) // a paused process handles no signal before it is resumed
			select {
			case <-p.Exited:
			case <-time.After(stopLimit):
				p.was = "it ignored SIGTERM, and was killed"
			}
		}
		p.signal(syscall.SIGKILL)
		<-p.Exited
		switch {
		case errors.Is(p.Err, exec.ErrWaitDelay):
			p.was = "it left processes behind when it ended; they were killed"
		case p.was == "" && p.printed > muchOutput:
			p.was = fmt.Sprintf("it printed %d MB, of which the end was kept", p.printed>>20)
		}
		_ = p.group.Close() // nothing of the group is left
	})
	return p.was
}

// wait ends a process that does not end in time, and what it has left behind. It returns what there
// is to say of that, "" for nothing.
func (p *process) wait(ctx context.Context, limit time.Duration) string {
	select {
	case <-p.Exited:
	case <-ctx.Done():
	case <-time.After(limit):
		return fmt.Sprintf("%s did not end within %v (--timeout): %s", p.name, limit,
			cmp.Or(p.end(), "it was stopped"))
	}
	if was := p.end(); was != "" {
		return p.name + ": " + was
	}
	return ""
}

// how describes the end of the command: its exit status, and the last that it said.
func (p *process) how() string {
	how := p.cmd.ProcessState.String()
	if words := cmp.Or(p.LastWords(), p.said.Last()); words != "" {
		how += ": " + words
	}
	return how
}
