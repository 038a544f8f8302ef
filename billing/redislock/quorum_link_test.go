package redislock_test

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// silent is the delay of requests that never arrive.
const silent = -1

// newLink puts a slow network before the Redis at the URL, and returns the URL to connect to.
// Requests take the whole round-trip time, in order and any number at a time; replies take no time.
func newLink(t testing.TB, redisURL string, delay time.Duration) string {
	t.Helper()
	return newProxy(t, redisURL, func(client, redis net.Conn) {
		type packet struct {
			bytes []byte
			due   time.Time
		}
		inFlight := make(chan packet, 1024)
		var ways sync.WaitGroup
		ways.Go(func() {
			defer close(inFlight)
			for {
				buf := make([]byte, 4<<10)
				n, err := client.Read(buf)
				if err != nil {
					return
				}
				if delay != silent {
					inFlight <- packet{buf[:n], time.Now().Add(delay)}
				}
			}
		})
		ways.Go(func() { // requests in flight arrive even after the client has disconnected
			defer redis.Close()
			for p := range inFlight {
				<-time.After(time.Until(p.due))
				_, _ = redis.Write(p.bytes)
			}
		})
		ways.Go(func() {
			defer client.Close()
			_, _ = io.Copy(client, redis)
		})
		ways.Wait()
	}).URL()
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
