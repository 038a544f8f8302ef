package scenario

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"golang.org/x/sync/errgroup"

	"example.com/triplecharge/internal/timeline"
)

// remote is a billing server as its API shows it.
type remote struct {
	name  string
	url   string
	token string // its WORKER_TOKEN
}

// fire triggers a due run on all servers at once, at the time that they were started with, and
// returns when all those runs are over.
func fire(ctx context.Context, servers []remote) error { return fireAt(ctx, servers, "") }

// fireAt does so at another due time; "" is the one that they were started with.
func fireAt(ctx context.Context, servers []remote, at string) error {
	body := ""
	if at != "" {
		body = fmt.Sprintf(`{"at":%q}`, at)
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

// ask sends a request to the server and returns the Location it answers with.
func (s remote) ask(
	ctx context.Context, method, path, content string, want int,
) (string, error) {
	answer, err := s.send(ctx, method, path, content)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	var body struct {
		Error string `json:"error"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&body); err != nil {
		return "", fmt.Errorf("ask %s: %w", s.name, err)
	}
	if answer.StatusCode != want || body.Error != "" {
		return "", fmt.Errorf("%s answered %s: %s", s.name, answer.Status, body.Error)
	}
	return answer.Header.Get("Location"), nil
}

// send sends a request to the server. The caller closes the answer's body.
func (s remote) send(ctx context.Context, method, path, content string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(content))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", s.name, err)
	}
	return answer, nil
}

// follow hands on each event of the server from when it returns until ctx ends, under the name by
// which the server is known here. The channel is closed when no more will come.
func (s remote) follow(
	ctx context.Context, tell func(timeline.Event),
) (ended <-chan struct{}, err error) {
	answer, err := s.send(ctx, http.MethodGet, "/events", "")
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("%s can't be followed: it answered %s", s.name,
			answer.Status), answer.Body.Close())
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		defer func() { _ = answer.Body.Close() }()
		for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
			if e, err := timeline.Parse(lines.Bytes()); err == nil {
				e.Server = s.name
				tell(e)
			}
		}
	}()
	return over, nil
}
