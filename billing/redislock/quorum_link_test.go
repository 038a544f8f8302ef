package redislock_test

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"
)

// link is a long way to a Redis server. Requests take the whole round trip, in order and any number
// at a time; answers take none.
type link struct {
	upstream string
	delay    time.Duration
	tasks    sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
}

// silent is the delay of what never arrives.
const silent = -1

// newLink puts a link before the Redis at the URL, and returns the URL of its near end.
func newLink(t testing.TB, redisURL string, delay time.Duration) string {
	t.Helper()
	u, err := url.Parse(redisURL)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &link{upstream: u.Host, delay: delay}
	l.tasks.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			l.serve(client)
		}
	})
	t.Cleanup(func() {
		listener.Close()
		l.mu.Lock()
		for _, c := range l.conns {
			c.Close()
		}
		l.mu.Unlock()
		l.tasks.Wait()
	})
	u.Host = listener.Addr().String()
	return u.String()
}

func (l *link) serve(client net.Conn) {
	redis, err := net.Dial("tcp", l.upstream)
	if err != nil {
		client.Close()
		return
	}
	l.mu.Lock()
	l.conns = append(l.conns, client, redis)
	l.mu.Unlock()

	type packet struct {
		bytes []byte
		due   time.Time
	}
	onTheWay := make(chan packet, 1024)
	l.tasks.Go(func() {
		defer close(onTheWay)
		for {
			buf := make([]byte, 4<<10)
			n, err := client.Read(buf)
			if err != nil {
				return
			}
			if l.delay != silent {
				onTheWay <- packet{buf[:n], time.Now().Add(l.delay)}
			}
		}
	})
	l.tasks.Go(func() {
		defer redis.Close()
		for p := range onTheWay {
			<-time.After(time.Until(p.due))
			_, _ = redis.Write(p.bytes)
		}
	})
	l.tasks.Go(func() {
		defer client.Close()
		_, _ = io.Copy(client, redis)
	})
}

// closedPort returns the URL of a Redis that refuses connections.
func closedPort(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return "redis://" + listener.Addr().String()
}
