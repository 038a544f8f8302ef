package fleet

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/sethvargo/go-retry"
	"golang.org/x/sync/errgroup"

	"example.com/triplecharge/internal/event"
)

// Server is a billing server as its HTTP API shows it, wherever it runs.
type Server struct {
	Name  string
	URL   string
	Token string // its WORKER_TOKEN
}

// Fire triggers a due run on all servers at once and returns when all those runs have finished. The
// zero time stands for the due time that the servers were started with. Any other is forced: the
// harness bills fixed months, whatever today is.
func Fire(ctx context.Context, at time.Time, servers ...Server) error {
	body := ""
	if !at.IsZero() {
		body = fmt.Sprintf(`{"at":%q,"force":true}`, at.Format(time.RFC3339))
	}
	runs := make([]string, len(servers))
	group, groupCtx := errgroup.WithContext(ctx)
	for i, s := range servers {
		group.Go(func() (err error) {
			runs[i], err = s.ask(groupCtx, http.MethodPost, "/runs", body, http.StatusAccepted)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	group, groupCtx = errgroup.WithContext(ctx)
	for i, s := range servers {
		group.Go(func() error {
			_, err := s.ask(groupCtx, http.MethodGet, runs[i]+"?wait=true", "", http.StatusOK)
			return err
		})
	}
	return group.Wait()
}

// ask sends a request to the server and returns the Location of the answer.
func (s Server) ask(ctx context.Context, method, path, content string, want int) (string, error) {
	answer, err := s.send(ctx, method, path, content)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	var body struct {
		Error string `json:"error"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&body); err != nil {
		return "", fmt.Errorf("ask %s: %w", s.Name, err)
	}
	if answer.StatusCode != want || body.Error != "" {
		return "", fmt.Errorf("%s answered %s: %s", s.Name, answer.Status, body.Error)
	}
	return answer.Header.Get("Location"), nil
}

// client returns a client that sends the token to the server alone: to no address that it redirects
// to, and to no proxy that could read it.
var client = sync.OnceValue(func() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = func(r *http.Request) (*url.URL, error) {
		if r.URL.Scheme != "https" {
			return nil, nil
		}
		return http.ProxyFromEnvironment(r)
	}
	return &http.Client{Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}}
})

// send sends a request to the server. The caller closes the answer's body.
func (s Server) send(ctx context.Context, method, path, content string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, s.URL+path, strings.NewReader(content))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+s.Token)
	answer, err := client().Do(r)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", s.Name, err)
	}
	return answer, nil
}

// Await returns when the server answers, and its last error if it doesn't within the limit.
func (s Server) Await(ctx context.Context, limit time.Duration) error {
	tries := retry.WithMaxDuration(limit, retry.NewConstant(100*time.Millisecond))
	return retry.Do(ctx, tries, func(ctx context.Context) error {
		answer, err := s.send(ctx, http.MethodGet, "/healthz", "")
		if err != nil {
			return retry.RetryableError(err)
		}
		return answer.Body.Close()
	})
}

// Follow calls tell for each event that the server logs after Follow returns, until ctx ends. The
// events carry the server's Name. The channel is closed when no more events will come.
func (s Server) Follow(
	ctx context.Context, tell func(event.Event),
) (ended <-chan struct{}, err error) {
	answer, err := s.send(ctx, http.MethodGet, "/events", "")
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("can't follow %s: it answered %s", s.Name,
			answer.Status), answer.Body.Close())
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		defer func() { _ = answer.Body.Close() }()
		for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
			if e, err := event.Parse(lines.Bytes()); err == nil {
				e.Server = s.Name
				tell(e)
			}
		}
	}()
	return over, nil
}
