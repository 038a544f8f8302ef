package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Client is a connection to one simulator's admin address. It is safe for concurrent use.
type Client struct {
	url   string
	token string
	http  *http.Client
}

// New returns a client for an admin address such as http://127.0.0.1:12112. The token is what the
// simulator was started with, empty if there is none.
func New(adminURL, token string) *Client {
	// A transport of its own: a long poll that hangs must not keep others from their connections,
	// and Close must not close those of anyone else.
	transport := &http.Transport{MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute}
	return &Client{strings.TrimSuffix(adminURL, "/"), token, &http.Client{Transport: transport}}
}

// Close closes the connections that are idle. The client can still be used.
func (c *Client) Close() {
	c.http.CloseIdleConnections()
}

// Gate is a rule that holds requests.
type Gate struct {
	client *Client
	id     string
}

// Handle is a rule that changes what requests are answered.
type Handle struct {
	client *Client
	id     string
}

// Hold holds every request that the rule matches, at the rule's point, until it is opened. It holds
// only what reaches the point afterwards.
func (c *Client) Hold(ctx context.Context, r Rule) (*Gate, error) {
	id, err := c.addRule(ctx, NewRule{Kind: KindHold, Rule: r})
	if err != nil {
		return nil, err
	}
	return &Gate{c, id}, nil
}

// Lose drops the reply to every request that the rule matches, after what it does is committed: the
// connection closes without an answer.
func (c *Client) Lose(ctx context.Context, r Rule) (*Handle, error) {
	return c.handle(ctx, NewRule{Kind: KindLose, Rule: r})
}

// Fail answers every request that the rule matches, and that gets past validation, with a status,
// instead of executing it or although it was executed. The answer is saved under the idempotency
// key, unless it is a 429, and outlives the rule.
func (c *Client) Fail(ctx context.Context, r Rule, status int, when When) (*Handle, error) {
	return c.handle(ctx, NewRule{Kind: KindFail, Rule: r, Status: status, When: when})
}

func (c *Client) handle(ctx context.Context, r NewRule) (*Handle, error) {
	id, err := c.addRule(ctx, r)
	if err != nil {
		return nil, err
	}
	return &Handle{c, id}, nil
}

func (c *Client) addRule(ctx context.Context, r NewRule) (string, error) {
	var added RuleAdded
	err := c.do(ctx, http.MethodPost, "/rules", r, &added)
	return added.ID, err
}

// Waiting returns the calls that wait at the gate, in the order of arrival, and the revision of
// that set. It returns as soon as the revision is not the one given: 0 is that of a new gate, at
// which nobody waits, and a negative one returns at once. It ends with the context, or with an
// error if the gate is removed.
func (g *Gate) Waiting(ctx context.Context, since int64) ([]Call, int64, error) {
	for {
		var w Waiting
		path := "/rules/" + g.id + "?since=" + strconv.FormatInt(since, 10)
		if err := g.client.do(ctx, http.MethodGet, path, nil, &w); err != nil {
			return nil, since, err
		}
		// The server answers a long poll after a while even if there is no news.
		if w.Revision != since {
			return w.Calls, w.Revision, nil
		}
	}
}

// Open lets these calls pass, and only these. Those that do not wait here are ignored.
func (g *Gate) Open(ctx context.Context, callIDs ...string) error {
	return g.client.do(ctx, http.MethodPost, "/rules/"+g.id+"/open", Open{callIDs}, nil)
}

// Remove lets all calls pass and removes the gate. It is not an error if the gate is gone.
func (g *Gate) Remove(ctx context.Context) error {
	return g.client.removeRule(ctx, g.id)
}

// Remove ends the effect on requests to come. It is not an error if the rule is gone.
func (h *Handle) Remove(ctx context.Context) error {
	return h.client.removeRule(ctx, h.id)
}

func (c *Client) removeRule(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, "/rules/"+url.PathEscape(id), nil, nil)
}

// Now returns the simulator's time.
func (c *Client) Now(ctx context.Context) (time.Time, error) {
	var clock Clock
	if err := c.do(ctx, http.MethodGet, "/clock", nil, &clock); err != nil {
		return time.Time{}, err
	}
	return *clock.Now, nil
}

// SetClock sets the simulator's time, from which it ticks on. Once there are objects the time only
// goes forward, as with Stripe's own test clocks.
func (c *Client) SetClock(ctx context.Context, now time.Time) error {
	return c.do(ctx, http.MethodPost, "/clock", Clock{Now: &now}, nil)
}

// Advance moves the simulator's time forward.
func (c *Client) Advance(ctx context.Context, d time.Duration) error {
	return c.do(ctx, http.MethodPost, "/clock", Clock{Advance: &d}, nil)
}

// Latency sets how long requests that can take money execute from now on: fixed, plus up to jitter,
// in real time.
func (c *Client) Latency(ctx context.Context, fixed, jitter time.Duration) error {
	return c.do(ctx, http.MethodPost, "/settings", Settings{Latency: &fixed, Jitter: &jitter}, nil)
}

// RateLimit answers 429 past so many requests a second; zero lifts the limit.
func (c *Client) RateLimit(ctx context.Context, perSecond int) error {
	return c.do(ctx, http.MethodPost, "/settings", Settings{RateLimit: &perSecond}, nil)
}

// SearchLag sets how long an object takes to be found by a search, by the simulator's clock.
func (c *Client) SearchLag(ctx context.Context, d time.Duration) error {
	return c.do(ctx, http.MethodPost, "/settings", Settings{SearchLag: &d}, nil)
}

// Reset forgets all objects, keys and rules, drops the requests that are held, and sets everything
// back to how the simulator was started.
func (c *Client) Reset(ctx context.Context) error {
	return c.do(ctx, http.MethodPost, "/reset", struct{}{}, nil)
}

// ChargesSoFar returns all money that was taken, in the order of commit.
func (c *Client) ChargesSoFar(ctx context.Context) ([]Charge, error) {
	var charges []Charge
	for charge, err := range c.EachChargeSoFar(ctx) {
		if err != nil {
			return nil, err
		}
		charges = append(charges, charge)
	}
	return charges, nil
}

// EachChargeSoFar is ChargesSoFar for those who could not hold so many at a time; an error is the
// last thing it yields.
func (c *Client) EachChargeSoFar(ctx context.Context) iter.Seq2[Charge, error] {
	return c.feed(ctx, "/charges")
}

// Charges returns all money that was taken, in the order of commit, and goes on with each charge as
// it is committed. It ends with the context, with the simulator, or when that is reset; an error is
// the last thing it yields.
func (c *Client) Charges(ctx context.Context) iter.Seq2[Charge, error] {
	return c.feed(ctx, "/charges?follow=true")
}

func (c *Client) feed(ctx context.Context, path string) iter.Seq2[Charge, error] {
	return func(yield func(Charge, error) bool) {
		response, err := c.send(ctx, http.MethodGet, path, nil)
		if err != nil {
			yield(Charge{}, err)
			return
		}
		defer response.Body.Close()
		lines := json.NewDecoder(response.Body)
		for {
			var charge Charge
			err := lines.Decode(&charge)
			switch {
			case errors.Is(err, io.EOF):
				return
			case err != nil:
				yield(Charge{}, fmt.Errorf("read the feed of charges: %w", err))
				return
			}
			if !yield(charge, nil) {
				return
			}
		}
	}
}

// do sends a request and decodes the answer, unless out is nil.
func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	response, err := c.send(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if out == nil {
		_, err = io.Copy(io.Discard, response.Body)
		return err
	}
	if err := json.NewDecoder(response.Body).Decode(out); err != nil {
		return fmt.Errorf("read the simulator's answer to %s %s: %w", method, path, err)
	}
	return nil
}

// send returns the response if it is a success.
func (c *Client) send(ctx context.Context, method, path string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		encoded, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.url+path, body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("control the simulator: %w", err)
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		defer response.Body.Close()
		problem := Problem{Error: response.Status}
		json.NewDecoder(response.Body).Decode(&problem) // if it is no JSON, the status must do
		return nil, fmt.Errorf("control the simulator: %s %s: %s", method, path, problem.Error)
	}
	return response, nil
}
