package ledger_test

import (
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// proxy stands before Postgres and fails on demand.
type proxy struct {
	url      string // Postgres through the proxy
	listener net.Listener
	target   string
	onReply  atomic.Pointer[func()] // called instead of passing on the next reply, then cut

	mu    sync.Mutex
	conns []*link
}

// link is one connection through the proxy.
type link struct {
	client, server net.Conn
	stalled        atomic.Bool // it takes what it is sent and passes nothing on
}

func (l *link) cut() { _, _ = l.client.Close(), l.server.Close() }

func newProxy(t *testing.T, databaseURL string) *proxy {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{target: u.Host}
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	u.Host = p.listener.Addr().String()
	p.url = u.String()
	var accepting sync.WaitGroup
	accepting.Go(p.accept)
	t.Cleanup(func() {
		p.close()
		accepting.Wait()
	})
	return p
}

func (p *proxy) accept() {
	var relays sync.WaitGroup
	defer relays.Wait()
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		l := &link{client: client, server: server}
		p.mu.Lock()
		p.conns = append(p.conns, l)
		p.mu.Unlock()
		relays.Go(func() { l.relay(client, server, nil) })
		relays.Go(func() { l.relay(server, client, &p.onReply) })
	}
}

func (l *link) relay(from, to net.Conn, instead *atomic.Pointer[func()]) {
	defer l.cut()
	buffer := make([]byte, 1<<16)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if instead != nil {
			if f := instead.Swap(nil); f != nil {
				(*f)()
				return
			}
		}
		if l.stalled.Load() {
			continue
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// each does something to every connection there is.
func (p *proxy) each(do func(*link)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.conns {
		do(l)
	}
}

// close cuts all connections and refuses further ones.
func (p *proxy) close() {
	_ = p.listener.Close()
	p.each((*link).cut)
}
