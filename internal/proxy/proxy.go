// Package proxy stands between a client and a service, on loopback, and does to their connections
// what a network does on a bad day. Neither side knows about it.
package proxy

import (
	"bytes"
	"net"
	"net/url"
	"sync"
)

// Proxy passes connections on to one service. It is safe for concurrent use.
type Proxy struct {
	listener net.Listener
	relay    func(client, service net.Conn)
	done     sync.WaitGroup

	mu       sync.Mutex
	upstream url.URL
	cut      bool
	holding  chan struct{} // closed when replies pass again; nil while they do
	trigger  []byte        // a request that contains it starts the holding of replies; nil: none
	held     chan struct{} // closed when the holding has started
	swallow  bool
	swallows chan struct{} // closed when the first bytes were swallowed
	inVain   chan struct{} // closed when the service first refused a connection
	conns    map[net.Conn]bool
	closed   bool
}

// New listens on a free port of loopback and passes connections on to the service at the URL. The
// caller closes it. relay passes on what comes on one connection, and returns when that has ended;
// nil stands for one that obeys HoldReplies and Swallow.
func New(serviceURL string, relay func(client, service net.Conn)) (*Proxy, error) {
	upstream, err := url.Parse(serviceURL)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{
		listener: listener, relay: relay, upstream: *upstream,
		swallows: make(chan struct{}), inVain: make(chan struct{}), conns: map[net.Conn]bool{},
	}
	if relay == nil {
		p.relay = p.relayUnlessTold
	}
	p.done.Go(p.accept)
	return p, nil
}

// Addr is where the proxy listens.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// URL is the service's URL with the address of the proxy in it.
func (p *Proxy) URL() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	u := p.upstream
	u.Host = p.Addr()
	return u.String()
}

// Cut drops all connections, and each new one at once, until Heal.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = true
	p.dropAll()
}

// HoldReplies keeps back the replies of the service, until Heal. It starts with the request that
// follows, on the same connection, one that contains the trigger: a client of Postgres prepares a
// statement by its text, and then executes it. The channel is closed when the holding has started.
func (p *Proxy) HoldReplies(trigger string) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trigger = []byte(trigger)
	p.held = make(chan struct{})
	return p.held
}

// Swallow takes in the client's requests and passes none on, until Heal. The channel is closed when
// the first bytes were swallowed.
func (p *Proxy) Swallow() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.swallow = true
	return p.swallows
}

// InVain is closed when a client has asked for a connection and the service has refused it.
func (p *Proxy) InVain() <-chan struct{} { return p.inVain }

// Heal lets everything pass again, held replies included.
func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut, p.swallow, p.trigger = false, false, nil
	p.release()
}

// Lead leads new connections to the service at another URL. Those to the old one stay.
func (p *Proxy) Lead(serviceURL string) error {
	upstream, err := url.Parse(serviceURL)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.upstream = *upstream
	return nil
}

// Redirect is Lead, and drops the connections to the old service.
func (p *Proxy) Redirect(serviceURL string) error {
	if err := p.Lead(serviceURL); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropAll()
	return nil
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

// release lets held replies pass. The caller holds the mutex.
func (p *Proxy) release() {
	if p.holding != nil {
		close(p.holding)
		p.holding = nil
	}
}

// dropAll ends all connections. The caller holds the mutex.
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

// serve relays one connection until either side ends it.
func (p *Proxy) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	p.mu.Lock()
	address, refuse := p.upstream.Host, p.cut
	p.mu.Unlock()
	if refuse {
		return
	}
	service, err := net.Dial("tcp", address)
	if err != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		closeOnce(p.inVain)
		return
	}
	defer func() { _ = service.Close() }()
	if p.track(client, service) {
		p.relay(client, service)
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, client)
		delete(p.conns, service)
	}
}

// closeOnce closes a channel that nothing is ever sent on, unless it is closed already.
func closeOnce(c chan struct{}) {
	select {
	case <-c:
	default:
		close(c)
	}
}

func (p *Proxy) track(client, service net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut || p.closed {
		return false
	}
	p.conns[client], p.conns[service] = true, true
	return true
}

// Relay passes on what comes on a connection, both ways, until either side ends. It asks request
// and reply about all bytes that come from the client and from the service: where they return
// false, the bytes vanish.
func Relay(client, service net.Conn, request, reply func([]byte) bool) {
	var ways sync.WaitGroup
	ways.Go(func() { pass(service, client, request) })
	ways.Go(func() { pass(client, service, reply) })
	ways.Wait()
}

// pass copies bytes from one side to the other until either ends. It then closes the other side,
// which ends the opposite direction, too.
func pass(to, from net.Conn, may func([]byte) bool) {
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
			return
		}
	}
}

func (p *Proxy) relayUnlessTold(client, service net.Conn) {
	triggered := false
	Relay(client, service, func(b []byte) bool { return p.request(b, &triggered) }, p.reply)
}

// request reports whether the client's bytes may pass. triggered is the connection's: whether the
// trigger was seen on it.
func (p *Proxy) request(b []byte, triggered *bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if *triggered && p.trigger != nil && p.holding == nil {
		p.holding = make(chan struct{})
		close(p.held)
	}
	*triggered = p.trigger != nil && (*triggered || bytes.Contains(b, p.trigger))
	if p.swallow {
		closeOnce(p.swallows)
	}
	return !p.swallow
}

// reply waits until the service's bytes may pass.
func (p *Proxy) reply([]byte) bool {
	p.mu.Lock()
	holding := p.holding
	p.mu.Unlock()
	if holding != nil {
		<-holding
	}
	return true
}
