package cli

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// served serves a handler with shorter time-outs, and returns its address.
func served(t *testing.T, h http.HandlerFunc, errs io.Writer) string {
	t.Helper()
	server := NewServer(h, errs)
	server.ReadHeaderTimeout, server.ReadTimeout = time.Second, time.Second
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() { _ = server.Close(); serving.Wait() })
	return listener.Addr().String()
}

// dial sends a text on a connection of its own.
func dial(t *testing.T, address, text string) *bufio.Reader {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	return bufio.NewReader(conn)
}

func answered(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	answer, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestConnectionsThatWaitDontUseUpAServer(t *testing.T) {
	t.Parallel()
	for name, sent := range map[string]string{
		"idle":            "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"silent":          "",
		"half the header": "GET / HT",
		"half the body":   "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := served(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(w, r.Body)
			}, io.Discard)
			var readers []*bufio.Reader
			for range 150 {
				r := dial(t, address, sent)
				if name == "idle" {
					answered(t, r)
				}
				readers = append(readers, r)
			}
			closed := make(chan bool, len(readers))
			for _, r := range readers {
				go func() {
					_, err := io.Copy(io.Discard, r)
					closed <- !errors.Is(err, os.ErrDeadlineExceeded)
				}()
			}
			for range 150 - mostWaiting {
				if !<-closed {
					t.Fatal("more connections were kept than may wait")
				}
			}
			answered(t, dial(t, address, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
		})
	}
}

func TestAnAnswerMayTakeLongerThanARequest(t *testing.T) {
	t.Parallel()
	for _, request := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody",
	} {
		address := served(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			for range 5 { // longer in all than a request may take
				select {
				case <-time.After(300 * time.Millisecond):
				case <-r.Context().Done():
					return
				}
				_, _ = fmt.Fprint(w, "event ")
				_ = http.NewResponseController(w).Flush()
			}
		}, io.Discard)
		want := strings.Repeat("event ", 5)
		if got := answered(t, dial(t, address, request)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestATokenThatNoHeaderCanCarryIsRefused(t *testing.T) {
	for token, usable := range map[string]bool{
		"": true, "s3cret~!": true, "hunter2\n": false, " hunter2": false, "hunter2\r": false,
		"hunter2\x7f": false, "hunter2\u00e9": false,
	} {
		t.Setenv("SOME_TOKEN", token)
		got, err := Token("SOME_TOKEN")
		if usable && (err != nil || got != token) {
			t.Errorf("%q: got %q, %v", token, got, err)
		}
		if !usable && (!errors.Is(err, ErrUsage) || strings.Contains(err.Error(), "hunter2")) {
			t.Errorf("%q: got %v, want it refused and not shown", token, err)
		}
	}
}

func TestASecretComesFromAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SOME_URL", "") // as compose passes on what is not set
	t.Setenv("SOME_URL_FILE", file)
	t.Setenv("SOME_TOKEN", "")
	t.Setenv("SOME_TOKEN_FILE", file)
	var flags struct {
		URL string `env:"SOME_URL"`
	}
	p := Program{Name: "test"}
	_, err := p.Parse(nil, io.Discard, &flags)
	if err != nil || flags.URL != "hunter2" {
		t.Errorf("got %q, %v", flags.URL, err)
	}
	if got, err := Token("SOME_TOKEN"); err != nil || got != "hunter2" {
		t.Errorf("got %q, %v", got, err)
	}
	for _, file := range []string{file + "s", filepath.Dir(file), "/dev/zero"} {
		t.Setenv("SOME_URL", "")
		t.Setenv("SOME_URL_FILE", file)
		_, err = p.Parse(nil, io.Discard, &flags)
		if !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), "SOME_URL_FILE") {
			t.Errorf("%s: got %v, want an error about SOME_URL_FILE", file, err)
		}
	}
}

func TestWhatNetHTTPSaysGoesWhereTheServersLogDoes(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	NewServer(http.NotFoundHandler(), &said).ErrorLog.Print("x")
	if said.String() != "x\n" {
		t.Errorf("got %q", &said)
	}
}
