package redislock_test

import (
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// link is a way to a Redis server that is as long as it is told. Requests take the whole round
// trip, in order and any number at a time; answers take none.
type link struct {
	url   string       // of the Redis behind it
	delay atomic.Int64 // nanoseconds; silent: nothing arrives

	upstream string
	tasks    sync.WaitGroup
	mu       sync.Mutex
	conns    []net.Conn
}

// newLink puts a link before the Redis at the URL.
func newLink(t testing.TB, redisURL string, delay time.Duration) *link {
	t.Helper()
	u, err := url.Parse(redisURL)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &link{upstream: u.Host}
	l.delay.Store(int64(delay))
	u.Host = listener.Addr().String()
	l.url = u.String()
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
	return l
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
			if delay := l.delay.Load(); delay != silent {
				onTheWay <- packet{buf[:n], time.Now().Add(time.Duration(delay))}
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
