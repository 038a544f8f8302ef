package fault

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
)

// Proxy stands on one server's way to one service. It passes on what comes until it is told
// otherwise. It is safe for concurrent use.
type Proxy struct {
	listener net.Listener
	done     sync.WaitGroup

	mu       sync.Mutex
	upstream string
	cut      bool
	holding  chan struct{} // closed when replies pass again; nil while they do
	trigger  []byte        // in a request, it begins the holding of replies; nil: nothing does
	held     chan struct{} // closed when the trigger has
	swallow  bool
	swallows chan struct{} // closed when the first bytes were swallowed
	inVain   chan struct{} // closed when the service first took no connection
	conns    map[net.Conn]bool
	closed   bool
}

// NewProxy listens on a free port of loopback, on the way to an upstream address. The caller closes
// it.
func NewProxy(upstream string) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{
		listener: listener, upstream: upstream,
		swallows: make(chan struct{}), inVain: make(chan struct{}), conns: map[net.Conn]bool{},
	}
	p.done.Go(p.accept)
	return p, nil
}

// Addr is where the proxy listens.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Cut drops all connections, and each new one at once, until Heal.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = true
	p.dropAll()
}

// HoldReplies keeps back what the service answers, until Heal, from the request on that comes on
// the same connection after one with the trigger in it: a client of Postgres prepares a statement
// by its text, and only then executes it. The channel is closed when the holding has begun.
func (p *Proxy) HoldReplies(trigger string) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trigger = []byte(trigger)
	p.held = make(chan struct{})
	return p.held
}

// Swallow lets what the server sends vanish, until Heal. The channel is closed when the first bytes
// have.
func (p *Proxy) Swallow() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.swallow = true
	return p.swallows
}

// InVain is closed once the server has wanted a connection and the service took none.
func (p *Proxy) InVain() <-chan struct{} { return p.inVain }

// Heal lets everything pass again, what was held included.
func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut, p.swallow, p.trigger = false, false, nil
	p.release()
}

// Redirect leads to another upstream from now on, and drops the connections to the old one.
func (p *Proxy) Redirect(upstream string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.upstream = upstream
	p.dropAll()
}

// Close ends the proxy and all its connections.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.closed = true
	p.release()
	p.dropAll()
	p.mu.Unlock()
	err := p.listener.Close()
	p.done.Wait()
	return err
}

// The next two are called with the mutex held.

func (p *Proxy) release() {
	if p.holding != nil {
		close(p.holding)
		p.holding = nil
	}
}

func (p *Proxy) dropAll() {
	for conn := range p.conns {
		_ = conn.Close()
	}
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.done.Go(func() { p.serve(client) })
	}
}

// serve passes one connection on, both ways, until either side ends it.
func (p *Proxy) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	p.mu.Lock()
	upstream, refuse := p.upstream, p.cut
	p.mu.Unlock()
	if refuse {
		return
	}
	service, err := net.Dial("tcp", upstream)
	if err != nil {
		p.refused()
		return
	}
	defer func() { _ = service.Close() }()
	if !p.track(client, service) {
		return
	}
	defer p.untrack(client, service)

	var ways sync.WaitGroup
	triggered := false
	ways.Go(func() {
		p.pass(service, client, func(b []byte) bool { return p.request(b, &triggered) })
	})
	ways.Go(func() { p.pass(client, service, p.reply) })
	ways.Wait()
}

func (p *Proxy) refused() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.inVain:
	default:
		close(p.inVain)
	}
}

func (p *Proxy) track(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut || p.closed {
		return false
	}
	for _, c := range conns {
		p.conns[c] = true
	}
	return true
}

func (p *Proxy) untrack(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		delete(p.conns, c)
	}
}

// pass copies what comes from one side to the other, as far as may says.
func (p *Proxy) pass(to, from net.Conn, may func([]byte) bool) {
	defer func() { _ = to.Close() }()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && may(buffer[:n]) {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				_ = from.Close()
			}
			return
		}
	}
}

// request reports whether bytes that the server sent may pass. triggered is the connection's: that
// the trigger has been seen on it.
func (p *Proxy) request(b []byte, triggered *bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if *triggered && p.trigger != nil && p.holding == nil {
		p.holding = make(chan struct{})
		close(p.held)
	}
	*triggered = p.trigger != nil && (*triggered || bytes.Contains(b, p.trigger))
	if !p.swallow {
		return true
	}
	select {
	case <-p.swallows:
	default:
		close(p.swallows)
	}
	return false
}

// reply waits until bytes that the service answered may pass.
func (p *Proxy) reply([]byte) bool {
	p.mu.Lock()
	holding := p.holding
	p.mu.Unlock()
	if holding != nil {
		<-holding
	}
	return true
}
