package fleet

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"example.com/triplecharge/internal/services"
)

// Process is a command that runs on this machine, ours or anybody's. It is safe for concurrent use.
type Process struct {
	// Exited is closed when the process has ended and its output is read.
	Exited    <-chan struct{}
	Err       error // how it ended, as exec.Cmd's Wait has it; read after Exited is closed
	cmd       *exec.Cmd
	stderr    services.Tail
	from, to  *os.File                      // the ends of its standard output's pipe
	readAgain atomic.Pointer[chan struct{}] // nil while the output is read
}

// lingering is how long output is read after the process' end, if what it started still holds it.
const lingering = time.Second

// StartProcess starts a command, and calls line for each line of its standard output, from one
// goroutine. The caller must end the process with Stop, or with a signal.
func StartProcess(cmd *exec.Cmd, line func([]byte)) (p *Process, err error) {
	exited, read := make(chan struct{}), make(chan struct{})
	p = &Process{Exited: exited, cmd: cmd}
	if p.from, p.to, err = os.Pipe(); err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = p.to, &p.stderr, lingering
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, p.from.Close(), p.to.Close())
	}
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(p.from); lines.Scan(); {
			if again := p.readAgain.Load(); again != nil {
				<-*again
			}
			line(lines.Bytes())
		}
		_, _ = io.Copy(io.Discard, p.from) // after a line that is too long
		_ = p.from.Close()
	}()
	go func() {
		defer close(exited)
		p.Err = cmd.Wait() // its meaning depends on who ended the process
		_ = p.to.Close()
		if errors.Is(p.Err, exec.ErrWaitDelay) { // something holds the output, and may keep it
			_ = p.from.SetReadDeadline(time.Now())
		}
		<-read
	}()
	return p, nil
}

// Signal sends a signal to the process.
func (p *Process) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// stopLimit is how long a server may finish the invoices in flight before it is killed.
const stopLimit = 5 * time.Second

// Stop asks the process to end, kills it if it has not ended after 5 seconds, and returns when it
// has ended. A process that has ended already is left alone.
func (p *Process) Stop() {
	p.ReadOn()
	_ = p.Signal(syscall.SIGTERM)
	_ = p.Signal(syscall.SIGCONT) // a paused process handles no signal before it is resumed
	select {
	case <-p.Exited:
	case <-time.After(stopLimit):
		_ = p.Signal(syscall.SIGKILL)
		<-p.Exited
	}
}

// Ended reports whether Exited is closed.
func (p *Process) Ended() bool {
	select {
	case <-p.Exited:
		return true
	default:
		return false
	}
}

// LastWords is the last line that the process wrote to its standard error, "" if there is none.
func (p *Process) LastWords() string { return p.stderr.Last() }

// CPU is the user and system time that the process took. It may be called after Exited is closed.
func (p *Process) CPU() time.Duration {
	return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
}

// MaxResident is the largest resident memory of a running process so far, in bytes; 0 where the
// system does not report it. It comes from proc(5): after the end, getrusage(2) may report the
// memory of the parent, from before the program was loaded.
func (p *Process) MaxResident() int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		var kilobytes int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kilobytes); n == 1 {
			return kilobytes * 1024
		}
	}
	return 0
}

// pipeFull is more than a pipe and its reader can hold, 64 KiB each by default.
const pipeFull = 1 << 20

// StopReading reads no more of the process' standard output, and returns when the pipe is full: a
// further line can't be written before ReadOn.
func (p *Process) StopReading() error {
	again := make(chan struct{})
	if !p.readAgain.CompareAndSwap(nil, &again) {
		return nil
	}
	// Empty lines fill the pipe. What doesn't fit waits in this call until somebody reads.
	go func() { _, _ = p.to.Write(bytes.Repeat([]byte("\n"), pipeFull)) }()
	for {
		room := []unix.PollFd{{Fd: int32(p.to.Fd()), Events: unix.POLLOUT}}
		if _, err := unix.Poll(room, 0); err != nil && !errors.Is(err, syscall.EINTR) {
			return err
		} else if err == nil && room[0].Revents&unix.POLLOUT == 0 {
			return nil
		}
		time.Sleep(time.Millisecond) // until the next look
	}
}

// ReadOn reads the output again, what was written meanwhile first.
func (p *Process) ReadOn() {
	if again := p.readAgain.Swap(nil); again != nil {
		close(*again)
	}
}

// CloseOutput closes the read end of the process' standard output. A further line is an error to
// the process (EPIPE), and a signal (SIGPIPE).
func (p *Process) CloseOutput() error { return p.from.Close() }
