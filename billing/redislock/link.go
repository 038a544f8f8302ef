package redislock

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"syscall"

	"github.com/redis/go-redis/v9"
)

// link knows the connections of a client. They lead to one server, so after a failure that may be
// the server's, none made before is used again: the address may lead elsewhere by now.
type link struct {
	made    atomic.Int64 // grows with each connection, and when connections are given up
	givenUp atomic.Int64 // connections made before are not used again
	proven  atomic.Int64 // value of made when Redis last granted the right to run all scripts
}

// newLink watches a client that has no connections yet.
func newLink(client Client) *link {
	l := &link{}
	l.made.Store(1)
	switch c := client.(type) {
	case nil:
	case *redis.ClusterClient:
		c.OnNewNode(func(node *redis.Client) { node.AddHook(l) })
	default:
		c.AddHook(l)
	}
	return l
}

// errGivenUp: nothing was sent.
var errGivenUp = errors.New("the connection was given up")

// do makes a call to Redis. Connections that were given up fail at once; the call is made again
// until it meets none.
func (l *link) do(call func() error) error {
	for {
		since := l.made.Load()
		err := call()
		if errors.Is(err, errGivenUp) {
			continue
		}
		// Of the calls that fail together, one gives the connections up.
		if given := l.givenUp.Load(); temporary(err) && given <= since {
			l.givenUp.CompareAndSwap(given, l.made.Add(1))
		}
		return err
	}
}

// pipeline sends the commands in one pipeline. Each has its own error.
func (l *link) pipeline(ctx context.Context, client Client, cmds []redis.Cmder) {
	_ = l.do(func() error {
		pipe := client.Pipeline()
		for _, cmd := range cmds {
			_ = pipe.Process(ctx, cmd) // only queues the command
		}
		_, _ = pipe.Exec(ctx)
		for _, cmd := range cmds {
			if err := cmd.Err(); temporary(err) {
				return err
			}
		}
		return nil
	})
}

// DialHook implements redis.Hook.
func (l *link) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		made := l.made.Add(1)
		c, err := next(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		l.made.Add(1) // so that whatever was proven during the dial doesn't count
		watched := &conn{Conn: c, link: l, made: made}
		if raw, ok := c.(syscall.Conn); ok {
			return rawConn{watched, raw}, nil
		}
		return watched, nil
	}
}

// ProcessHook implements redis.Hook.
func (l *link) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

// ProcessPipelineHook implements redis.Hook.
func (l *link) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// conn begins no request once it was given up.
type conn struct {
	net.Conn
	link *link
	made int64
	busy bool // within a request; go-redis has one at a time, and reads after it has written
}

func (c *conn) over() bool { return c.made < c.link.givenUp.Load() }

func (c *conn) Write(b []byte) (int, error) {
	if !c.busy && c.over() {
		return 0, errGivenUp
	}
	c.busy = true
	return c.Conn.Write(b)
}

func (c *conn) Read(b []byte) (int, error) {
	c.busy = false
	return c.Conn.Read(b)
}

// rawConn is a conn without TLS. Before a request, go-redis' pool looks whether it is still open,
// and else takes another.
type rawConn struct {
	*conn
	raw syscall.Conn
}

func (c rawConn) SyscallConn() (syscall.RawConn, error) {
	if c.over() {
		return nil, errGivenUp
	}
	return c.raw.SyscallConn()
}
