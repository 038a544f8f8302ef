package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/faults"
)

func TestThePageIsForThisMachineAlone(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "example.com:80", "x",
	} {
		status, out, log := demo(t, "serve", "--listen", address)
		if status != 2 || out != "" || !strings.Contains(log, "--listen") {
			t.Errorf("%s: exit status %d, %q and %q; want it refused", address, status, out, log)
		}
	}
	for _, address := range []string{"127.0.0.1:0", "localhost:0"} {
		listener, hosts, err := listen(address, nil)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		_, port, _ := strings.Cut(listener.Addr().String(), ":")
		if !strings.Contains(strings.Join(hosts, " "), "localhost:"+port) {
			t.Errorf("%s: it is asked for as %v", address, hosts)
		}
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestThePagePlaysARealRunUntilItsEnd(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	out, writes := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- serve{Listen: "127.0.0.1:0"}.Run(ctx, output{out: writes, log: io.Discard})
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range billing.Modes() {
		e, err := faults.Expected(m.Name, faults.None, 3)
		if err != nil {
			t.Fatal(err)
		}
		if want := "As expected, 1 charge, 1 entry"; m.Lock == billing.SafeLock && e.Known {
			ends(t, strings.TrimSpace(line), m.Name, want)
		} else if !e.Known { // somebody has just written it
			ends(t, strings.TrimSpace(line), m.Name, "No expectation: 1 charge, 1 entry")
		}
	}
	cancel() // while browsers follow the runs
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// ends plays the mode on the page, and wants these words at the end.
func ends(t *testing.T, site, mode, want string) {
	t.Helper()
	r, err := http.PostForm(site+"/runs", url.Values{"mode": {mode}, "fault": {"none"}})
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
	address := r.Request.URL // where the answer has led
	address.Path += "/events"
	events, err := http.Get(address.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = events.Body.Close() })
	lines := bufio.NewScanner(events.Body)
	for lines.Scan() && !strings.Contains(lines.Text(), `"over":true`) {
		continue
	}
	if !strings.Contains(lines.Text(), want) {
		t.Errorf("%s ended with %q", mode, lines.Text())
	}
}
