package fleet

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Not parallel, since the environment is the process's.
func TestTheTokenGoesToTheServerAlone(t *testing.T) {
	var leaked atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Authorization"), "s3cret") {
			leaked.Add(1)
		}
	}))
	defer other.Close()
	server := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	for _, url := range []string{server.URL, "http://billing.invalid"} {
		t.Setenv("HTTP_PROXY", other.URL) // it is not for loopback addresses
		err := Fire(t.Context(), time.Time{}, Server{Name: "a", URL: url, Token: "s3cret"})
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: got %v, want an error", url, err)
		}
	}
	client().CloseIdleConnections()
	if n := leaked.Load(); n > 0 {
		t.Errorf("somebody else got the token %d times", n)
	}
}

func TestAServerMayTakeAMomentToStart(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	s := Server{Name: "server-a", URL: "http://" + address}
	if err := s.Await(t.Context(), 200*time.Millisecond); err == nil {
		t.Error("nobody answered, and it was taken for up")
	}
	started := make(chan *http.Server)
	time.AfterFunc(300*time.Millisecond, func() {
		server := &http.Server{Addr: address, ReadHeaderTimeout: time.Second}
		go func() { _ = server.ListenAndServe() }()
		started <- server
	})
	if err := s.Await(t.Context(), 20*time.Second); err != nil {
		t.Error(err)
	}
	_ = (<-started).Close()
}
