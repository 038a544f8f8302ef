package fleet

import (
	"bytes"
	"errors"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

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
