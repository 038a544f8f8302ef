package stripecharge_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/stripecharge"
)

// What never got a connection was not sent, whatever the error is.
func TestWithoutAConnectionNothingWasSent(t *testing.T) {
	t.Parallel()
	stripe := httptest.NewTLSServer(http.NotFoundHandler())
	stripe.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(stripe.Close)
	for _, test := range []struct {
		name  string
		url   string
		proxy string
	}{
		{"a refused connection", "http://" + closedAddress(t), ""},
		{"a name that nobody has", "http://stripe.invalid", ""},
		{"an untrusted certificate", stripe.URL, ""},
		{"an address that can't be", "http://127.0.0.1:99999", ""},
		{"a TLS handshake that never ends", "https://" + silent(t, ""), ""},
		{"TLS with a server that has none", "https://" + silent(t, "HTTP/1.1 400 No\r\n\r\n"), ""},
		{"a proxy that is away", "https://stripe.invalid", "http://" + closedAddress(t)},
		{"a proxy that refuses", "https://stripe.invalid",
			"http://" + silent(t, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")},
		{"a proxy that never answers", "https://stripe.invalid", "http://" + silent(t, "")},
		{"a proxy of an unknown kind", "https://stripe.invalid", "gopher://127.0.0.1:1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, stripecharge.Options{
				URL: test.url, Timeout: shortTimeout, Patience: shortTimeout / 2,
			})
			c.Hurry()
			if test.proxy != "" {
				proxy, err := url.Parse(test.proxy)
				must(t, err)
				c.Transport().Proxy = http.ProxyURL(proxy)
			}
			var asking lease
			_, err := c.Charge(t.Context(),
				billing.Request{Invoice: unknownInvoice(t), Valid: asking.valid})
			wantOutcome(t, err, billing.ErrNotSent)
			if !errors.Is(err, billing.ErrUnavailable) {
				t.Errorf("got %v, want that Stripe is unavailable", err)
			}
			if asking.asked == 0 {
				t.Error("it didn't ask for the lease")
			}
		})
	}
}

// What was handed to a connection may have arrived, however the connection ends.
func TestWithAConnectionItMayHaveBeenSent(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(net.Conn){
		"closed after the request": func(conn net.Conn) {
			r, err := http.ReadRequest(bufio.NewReader(conn))
			if err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
			}
		},
		"closed within the body": func(conn net.Conn) {
			r, err := http.ReadRequest(bufio.NewReader(conn))
			if err == nil {
				_, _ = io.CopyN(io.Discard, r.Body, 3)
			}
			_ = conn.(*net.TCPConn).SetLinger(0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := hurriedClient(t, stripecharge.Options{URL: "http://" + serve(t, end)})
			_, err := c.Charge(t.Context(), billing.Request{Invoice: unknownInvoice(t)})
			wantOutcome(t, err, billing.ErrUnknown)
		})
	}
}

// A context that ends while a request waits for a connection ends that wait, and the request.
func TestAContextThatEndsBeforeTheConnection(t *testing.T) {
	t.Parallel()
	connected := make(chan struct{})
	address := serve(t, func(conn net.Conn) {
		close(connected)
		_, _ = io.Copy(io.Discard, conn)
	})
	c := newClient(t, stripecharge.Options{URL: "https://" + address, Timeout: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-connected
		cancel()
	}()
	_, err := c.Charge(ctx, billing.Request{Invoice: unknownInvoice(t)})
	wantOutcome(t, err, billing.ErrNotSent)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

// serve accepts connections until the test ends, and handles each.
func serve(t *testing.T, handle func(net.Conn)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { must(t, listener.Close()) })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				handle(conn)
			}()
		}
	}()
	return listener.Addr().String()
}

// silent is a server that answers everything with the same bytes, or with none, and keeps the
// connection open.
func silent(t *testing.T, answer string) (address string) {
	t.Helper()
	return serve(t, func(conn net.Conn) {
		buffer := make([]byte, 1<<16)
		if _, err := conn.Read(buffer); err == nil {
			_, _ = io.WriteString(conn, answer)
		}
		_, _ = io.Copy(io.Discard, conn)
	})
}

// closedAddress is one at which nobody listens.
func closedAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, listener.Close())
	return listener.Addr().String()
}
