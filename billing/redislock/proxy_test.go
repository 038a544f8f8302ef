package redislock_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// proxy stands between a client and Redis. It reads the commands that pass, and can let one come
// to grief.
type proxy struct {
	addr     string // to be dialled in Redis' place
	upstream string // Redis
	tasks    sync.WaitGroup

	mu       sync.Mutex
	commands []string
	conns    []net.Conn
	victim   string // the next command of this name meets its fate
	fate     fate
}

// fate is what becomes of a command on the wire.
type fate int

const (
	requestDrops fate = iota // the connection drops before Redis has it
	answerDrops              // the connection drops when Redis has answered
	noAnswer                 // Redis answers, and nothing comes on this connection any more
)

// newProxy starts a proxy before the Redis server at the address.
func newProxy(t testing.TB, upstream string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: listener.Addr().String(), upstream: upstream}
	p.tasks.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			p.serve(client)
		}
	})
	t.Cleanup(func() {
		listener.Close()
		p.mu.Lock()
		for _, c := range p.conns {
			c.Close()
		}
		p.mu.Unlock()
		p.tasks.Wait()
	})
	return p
}

// lose lets the next command of this name meet its fate.
func (p *proxy) lose(command string, f fate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.victim, p.fate = command, f
}

// sentSoFar returns the commands that the client sent since it was last called, without those that
// connect.
func (p *proxy) sentSoFar() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	sent := p.commands
	p.commands = nil
	return sent
}

// expectSent expects that these passed, and nothing else, since the last look.
func (p *proxy) expectSent(t *testing.T, want ...string) {
	t.Helper()
	if got := p.sentSoFar(); !slices.Equal(got, want) {
		t.Errorf("on the wire: %q, want %q", got, want)
	}
}

func (p *proxy) serve(client net.Conn) {
	redis, err := net.Dial("tcp", p.upstream)
	if err != nil {
		client.Close()
		return
	}
	p.mu.Lock()
	p.conns = append(p.conns, client, redis)
	p.mu.Unlock()

	var silent atomic.Bool
	p.tasks.Go(func() {
		defer redis.Close()
		p.forward(bufio.NewReader(client), redis, &silent)
	})
	p.tasks.Go(func() {
		defer client.Close()
		p.reply(redis, client, &silent)
	})
}

// forward passes commands on, one at a time.
func (p *proxy) forward(client *bufio.Reader, redis io.Writer, silent *atomic.Bool) {
	for {
		raw, name, err := readCommand(client)
		if err != nil {
			return
		}
		p.mu.Lock()
		if name != "hello" {
			p.commands = append(p.commands, name)
		}
		lost, f := name == p.victim, p.fate
		if lost {
			p.victim = ""
		}
		p.mu.Unlock()
		if lost && f == requestDrops {
			return
		}
		silent.Store(lost)
		if _, err := io.WriteString(redis, raw); err != nil {
			return
		}
	}
}

// reply passes answers on until the connection falls silent.
func (p *proxy) reply(redis io.Reader, client io.Writer, silent *atomic.Bool) {
	buf := make([]byte, 4096)
	for {
		n, err := redis.Read(buf)
		if err != nil {
			return
		}
		if silent.Load() {
			p.mu.Lock()
			drop := p.fate == answerDrops
			p.mu.Unlock()
			if drop {
				return
			}
			continue
		}
		if _, err := client.Write(buf[:n]); err != nil {
			return
		}
	}
}

// readCommand reads a command as clients send it, an array of bulk strings, and returns it as it
// is, and its name in lower case: https://redis.io/docs/latest/develop/reference/protocol-spec/.
func readCommand(r *bufio.Reader) (raw, name string, err error) {
	raw, count, err := readCount(r)
	if err != nil {
		return "", "", err
	}
	for i := range count {
		header, length, err := readCount(r)
		if err != nil {
			return "", "", err
		}
		body := make([]byte, length+len("\r\n"))
		if _, err := io.ReadFull(r, body); err != nil {
			return "", "", err
		}
		raw += header + string(body)
		if i == 0 {
			name = strings.ToLower(string(body[:length]))
		}
	}
	return raw, name, nil
}

// readCount reads a line such as *3 or $5.
func readCount(r *bufio.Reader) (line string, count int, err error) {
	if line, err = r.ReadString('\n'); err != nil {
		return "", 0, err
	}
	if count, err = strconv.Atoi(strings.TrimSpace(line)[1:]); err != nil {
		return "", 0, fmt.Errorf("%q: %w", line, err)
	}
	return line, count, nil
}
