package ledger_test

import (
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/billingtest"
	"example.com/triplecharge/internal/services/servicetest"
	"example.com/triplecharge/ledger"
)

func TestMain(m *testing.M) { servicetest.Main(m) }

// open opens a ledger in a schema of its own.
func open(t *testing.T) *ledger.Store {
	t.Helper()
	return openAt(t, servicetest.Database(t), ledger.Options{Recorder: "server-a"})
}

func openAt(t *testing.T, databaseURL string, o ledger.Options) *ledger.Store {
	t.Helper()
	s, err := ledger.Open(t.Context(), databaseURL, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// connect opens a connection that knows nothing of the ledger's rules.
func connect(t *testing.T, databaseURL string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	return conn
}

// withSearchPath returns the URL with another search_path.
func withSearchPath(t *testing.T, databaseURL, schema string) string {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	return u.String()
}

// charge returns a charge of a subscription's invoice of December.
func charge(paymentIntent, subscription string, amountMinor int64) billing.Charge {
	return billing.Charge{
		Invoice:       billingtest.Invoice(subscription),
		PaymentIntent: paymentIntent,
		AmountMinor:   amountMinor,
		Currency:      "usd",
	}
}

func mustRecord(t *testing.T, s *ledger.Store, charges ...billing.Charge) {
	t.Helper()
	for _, c := range charges {
		if err := s.Record(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
}

// charges returns how many charges the ledger has of an invoice, by its audit.
func charges(t *testing.T, s *ledger.Store, inv billing.Invoice) int {
	t.Helper()
	audit, err := s.Audit(t.Context(), inv.Period)
	if err != nil {
		t.Error(err)
	}
	n := 0
	for _, line := range audit.Invoices {
		if line.Subscription == inv.Subscription.ID {
			n += line.Charges
		}
	}
	return n
}

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
