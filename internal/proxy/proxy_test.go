package proxy_test

import (
	"bufio"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/triplecharge/internal/proxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAProxyPassesOnWhatComes(t *testing.T) {
	t.Parallel()
	c := dial(t, newProxy(t, echo(t, "")))
	c.say("hello")
	c.hear("hello")
}

func TestACutDropsConnectionsUntilItHeals(t *testing.T) {
	t.Parallel()
	p := newProxy(t, echo(t, ""))
	c := dial(t, p)
	c.say("hello")
	c.hear("hello")
	p.Cut()
	c.hearEnd()
	dial(t, p).hearEnd()
	p.Heal()
	c = dial(t, p)
	c.say("again")
	c.hear("again")
}

func TestRepliesAreHeldFromTheRequestAfterTheTrigger(t *testing.T) {
	t.Parallel()
	p := newProxy(t, echo(t, ""))
	held := p.HoldReplies("SELECT")
	c := dial(t, p)
	c.say("prepare SELECT")
	c.hear("prepare SELECT")
	select {
	case <-held:
		t.Error("held by the trigger itself")
	default:
	}
	c.say("execute")
	<-held
	p.Heal()
	c.hear("execute")
}

func TestWhatIsSwallowedNeverArrives(t *testing.T) {
	t.Parallel()
	p := newProxy(t, echo(t, ""))
	c := dial(t, p)
	swallowed := p.Swallow()
	c.say("lost")
	<-swallowed
	p.Heal()
	c.say("found")
	c.hear("found")
}

func TestARedirectLeadsElsewhere(t *testing.T) {
	t.Parallel()
	p := newProxy(t, echo(t, "old "))
	c := dial(t, p)
	c.say("hello")
	c.hear("old hello")
	redirect(t, p, echo(t, "new "))
	c.hearEnd()
	c = dial(t, p)
	c.say("hello")
	c.hear("new hello")
}

func TestAnAddressThatMovesKeepsItsConnections(t *testing.T) {
	t.Parallel()
	p := newProxy(t, echo(t, "old "))
	stays := dial(t, p)
	stays.say("hello")
	stays.hear("old hello")
	if err := p.Lead("tcp://" + echo(t, "new ")); err != nil {
		t.Fatal(err)
	}
	comes := dial(t, p)
	comes.say("hello")
	comes.hear("new hello")
	stays.say("hello")
	stays.hear("old hello")
}

func TestAServerThatAsksInVainIsSeen(t *testing.T) {
	t.Parallel()
	p := newProxy(t, echo(t, ""))
	c := dial(t, p)
	c.say("hello")
	c.hear("hello")
	select {
	case <-p.InVain():
		t.Error("it was answered")
	default:
	}
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	redirect(t, p, gone.Addr().String())
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second changes nothing
		dial(t, p).hearEnd()
		<-p.InVain()
	}
}

func newProxy(t *testing.T, upstream string) *proxy.Proxy {
	t.Helper()
	p, err := proxy.New("tcp://"+upstream, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func redirect(t *testing.T, p *proxy.Proxy, upstream string) {
	t.Helper()
	if err := p.Redirect("tcp://" + upstream); err != nil {
		t.Fatal(err)
	}
}

// echo serves lines back, each after a prefix, and returns where.
func echo(t *testing.T, prefix string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				for lines := bufio.NewScanner(conn); lines.Scan(); {
					if _, err := conn.Write([]byte(prefix + lines.Text() + "\n")); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

type client struct {
	t     *testing.T
	conn  net.Conn
	lines *bufio.Scanner
}

func dial(t *testing.T, p *proxy.Proxy) client {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return client{t, conn, bufio.NewScanner(conn)}
}

func (c client) say(line string) {
	c.t.Helper()
	if _, err := c.conn.Write([]byte(line + "\n")); err != nil {
		c.t.Fatal(err)
	}
}

func (c client) hear(want string) {
	c.t.Helper()
	if !c.lines.Scan() || c.lines.Text() != want {
		c.t.Fatalf("heard %q, %v; want %q", c.lines.Text(), c.lines.Err(), want)
	}
}

func (c client) hearEnd() {
	c.t.Helper()
	if c.lines.Scan() {
		c.t.Fatalf("heard %q, want the end", c.lines.Text())
	}
	if errors.Is(c.lines.Err(), os.ErrDeadlineExceeded) {
		c.t.Fatal("the connection goes on")
	}
}
