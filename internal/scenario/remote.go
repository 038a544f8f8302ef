package scenario

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"golang.org/x/sync/errgroup"
)

// remote is a billing server as its API shows it.
type remote struct {
	name  string
	url   string
	token string // its WORKER_TOKEN
}

// fire triggers a due run on all servers at once and returns when all those runs are over.
func fire(ctx context.Context, servers []remote) error {
	runs := make([]string, len(servers))
	group, groupCtx := errgroup.WithContext(ctx)
	for i, s := range servers {
		group.Go(func() (err error) {
			runs[i], err = s.ask(groupCtx, http.MethodPost, "/runs", http.StatusAccepted)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	group, groupCtx = errgroup.WithContext(ctx)
	for i, s := range servers {
		group.Go(func() error {
			_, err := s.ask(groupCtx, http.MethodGet, runs[i]+"?wait=true", http.StatusOK)
			return err
		})
	}
	return group.Wait()
}

// ask sends a request to the server and returns the Location it answers with.
func (s remote) ask(ctx context.Context, method, path string, want int) (string, error) {
	r, err := http.NewRequestWithContext(ctx, method, s.url+path, nil)
	if err != nil {
		return "", err
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", fmt.Errorf("ask %s: %w", s.name, err)
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
