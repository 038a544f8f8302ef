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

	"example.com/triplecharge/internal/proxy"
)

// wire is a proxy before Redis that records the commands, and can make one fail.
type wire struct {
	addr  string // clients connect here
	proxy *proxy.Proxy

	mu       sync.Mutex
	commands []string
	victim   string // the next command of this name fails
	fate     fate
}

// fate is how a command on the wire fails.
type fate int

const (
	requestDrops fate = iota // the connection drops before the command reaches Redis
	answerDrops              // the connection drops instead of delivering the answer
	noAnswer                 // the connection stays open, but delivers nothing more
)

// newWire puts a wire before the Redis at the address.
func newWire(t testing.TB, upstream string) *wire {
	t.Helper()
	w := &wire{}
	w.proxy = newProxy(t, "redis://"+upstream, w.relay)
	w.addr = w.proxy.Addr()
	return w
}

// newProxy puts a proxy before the Redis at the URL.
func newProxy(t testing.TB, redisURL string, relay func(client, redis net.Conn)) *proxy.Proxy {
	t.Helper()
	p, err := proxy.New(redisURL, relay)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// lose makes the next command of this name fail.
func (w *wire) lose(command string, f fate) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.victim, w.fate = command, f
}

// sentSoFar returns the commands since its last call, except those for connecting.
func (w *wire) sentSoFar() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	sent := w.commands
	w.commands = nil
	return sent
}

// expectSent expects exactly these commands since the last look.
func (w *wire) expectSent(t *testing.T, want ...string) {
	t.Helper()
	if got := w.sentSoFar(); !slices.Equal(got, want) {
		t.Errorf("on the wire: %q, want %q", got, want)
	}
}

func (w *wire) relay(client, redis net.Conn) {
	var silent atomic.Bool
	var ways sync.WaitGroup
	ways.Go(func() {
		defer redis.Close()
		w.forward(bufio.NewReader(client), redis, &silent)
	})
	ways.Go(func() {
		defer client.Close()
		w.reply(redis, client, &silent)
	})
	ways.Wait()
}

// forward forwards commands one at a time.
func (w *wire) forward(client *bufio.Reader, redis io.Writer, silent *atomic.Bool) {
	for {
		raw, name, err := readCommand(client)
		if err != nil {
			return
		}
		w.mu.Lock()
		if name != "hello" {
			w.commands = append(w.commands, name)
		}
		lost, f := name == w.victim, w.fate
		if lost {
			w.victim = ""
		}
		w.mu.Unlock()
		if lost && f == requestDrops {
			return
		}
		silent.Store(lost)
		if _, err := io.WriteString(redis, raw); err != nil {
			return
		}
	}
}

// reply forwards answers until the connection is silenced.
func (w *wire) reply(redis io.Reader, client io.Writer, silent *atomic.Bool) {
	buf := make([]byte, 4096)
	for {
		n, err := redis.Read(buf)
		if err != nil {
			return
		}
		if silent.Load() {
			w.mu.Lock()
			drop := w.fate == answerDrops
			w.mu.Unlock()
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

// readCommand reads a command, which is an array of bulk strings, and returns it unchanged, with
// its name in lower case: https://redis.io/docs/latest/develop/reference/protocol-spec/.
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
