package stripesim

import (
	"net"
	"net/http"
	"time"
)

// ServeLoopback serves a handler, such as the simulator's, on a free port of loopback, and returns
// its URL. The caller closes the server. The error is that no port could be had.
func ServeLoopback(h http.Handler) (server *http.Server, url string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	server = &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener) }()
	return server, "http://" + listener.Addr().String(), nil
}
