package ledger_test

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"example.com/triplecharge/internal/proxy"
)

// faultyProxy stands between a store and Postgres and fails on demand.
type faultyProxy struct {
	*proxy.Proxy
	onReply atomic.Pointer[func()] // replaces the next reply; then the connection is cut

	refusal atomic.Value           // the SQLSTATE that refuses connections; "": none
	hung    atomic.Bool            // connections that open hang, too
	movedTo atomic.Pointer[string] // connections that open lead to this address; nil: Postgres

	mu    sync.Mutex
	stall []*atomic.Bool // per connection: swallow everything
}

func newProxy(t *testing.T, databaseURL string) *faultyProxy {
	t.Helper()
	p := &faultyProxy{}
	var err error
	if p.Proxy, err = proxy.New(databaseURL, p.relay); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() }) // a test may have closed it
	return p
}

func (p *faultyProxy) relay(client, postgres net.Conn) {
	if address := p.movedTo.Load(); address != nil {
		var err error
		if postgres, err = net.Dial("tcp", *address); err != nil {
			return
		}
		defer func() { _ = postgres.Close() }()
	}
	if code, _ := p.refusal.Load().(string); code != "" {
		refuse(client, code)
		return
	}
	stalled := new(atomic.Bool)
	stalled.Store(p.hung.Load())
	p.mu.Lock()
	p.stall = append(p.stall, stalled)
	p.mu.Unlock()
	proxy.Relay(client, postgres,
		func([]byte) bool { return !stalled.Load() },
		func([]byte) bool {
			if lost := p.onReply.Swap(nil); lost != nil {
				(*lost)()
				_ = client.Close()
				return false
			}
			return !stalled.Load()
		})
}

// refuse answers a client's first message as Postgres does when it takes no connections.
func refuse(client net.Conn, code string) {
	backend := pgproto3.NewBackend(client, client)
	if _, err := backend.ReceiveStartupMessage(); err != nil {
		return
	}
	backend.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: code, Message: "refused"})
	_ = backend.Flush()
}

// stallAll makes the open connections hang.
func (p *faultyProxy) stallAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, stalled := range p.stall {
		stalled.Store(true)
	}
}

// cutAll ends the open connections.
func (p *faultyProxy) cutAll() {
	p.Cut()
	p.Heal()
}
