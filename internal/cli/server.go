package cli

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"time"
)

const (
	// headerLimit is the time a client has to send the headers of a request, requestLimit the same
	// for the whole request.
	headerLimit  = 5 * time.Second
	requestLimit = time.Minute
	// idleLimit is longer than the 90 s for which Go's clients keep a connection.
	idleLimit = 2 * time.Minute
	// mostWaiting is how many connections may wait for a request: enough for all browsers and
	// scrapers of a server, and far below the files that a process may open.
	mostWaiting = 64
)

// Listen listens on the address that a flag names. One in use is no mistake in the command line.
func Listen(flag, address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s %s is in use: stop what listens there, or choose another port "+
			"(port 0 picks a free one)", flag, address)
	case err != nil:
		return nil, Usage(fmt.Errorf("%s %s can't be listened on: %w", flag, address, err))
	}
	return listener, nil
}

// NewServer returns a server for h that clients can't use up by connections on which they send
// nothing. An answer may take any time, as that to a follower of events does. What net/http has to
// say goes to errs.
func NewServer(h http.Handler, errs io.Writer) *http.Server {
	var w waiting
	return &http.Server{
		Handler: untimed(h), ErrorLog: log.New(errs, "", 0), ConnState: w.changed,
		ReadHeaderTimeout: headerLimit, ReadTimeout: requestLimit, IdleTimeout: idleLimit,
	}
}

// waiting has the connections that wait for a request, the longest first.
type waiting struct {
	mu    sync.Mutex
	conns []net.Conn
}

// changed keeps note of a connection. Of too many, it closes the one that waits longest.
func (w *waiting) changed(c net.Conn, state http.ConnState) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns = slices.DeleteFunc(w.conns, func(other net.Conn) bool { return other == c })
	if state == http.StateNew || state == http.StateIdle {
		w.conns = append(w.conns, c)
	}
	if len(w.conns) > mostWaiting {
		_ = w.conns[0].Close()
		w.conns = w.conns[1:]
	}
}

// untimed ends the request's time-out when it has been read. net/http would end the context of one
// that is still being answered then.
func untimed(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		read := func() { _ = http.NewResponseController(w).SetReadDeadline(time.Time{}) }
		if r.Body == http.NoBody {
			read()
		} else {
			r.Body = body{r.Body, read}
		}
		h.ServeHTTP(w, r)
	})
}

type body struct {
	io.ReadCloser
	read func()
}

func (b body) Read(p []byte) (n int, err error) {
	n, err = b.ReadCloser.Read(p)
	if err == io.EOF {
		b.read()
	}
	return n, err
}
