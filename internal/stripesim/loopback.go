package stripesim

import (
	"net"
	"net/http"
	"time"
)

// ServeLoopback serves a handler, such as the simulator's, on a free loopback port and returns its
// URL. The caller closes the server. It returns an error if it can't listen.
func ServeLoopback(h http.Handler) (server *http.Server, url string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	server = &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener) }()
	return server, "http://" + listener.Addr().String(), nil
}
