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

// New returns a client for an admin address such as http://127.0.0.1:12112. The token is the one
// the simulator was started with; "" for none.
func New(adminURL, token string) *Client {
	// A separate transport, so long polls don't use up other clients' connections, and Close closes
	// only this client's.
	transport := &http.Transport{MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute}
	return &Client{strings.TrimSuffix(adminURL, "/"), token, &http.Client{Transport: transport}}
}

// Close closes idle connections. The client can still be used.
func (c *Client) Close() {
	c.http.CloseIdleConnections()
}

// Handle is a rule in effect.
type Handle struct {
	client *Client
	id     string
}

// Gate is a rule that holds requests; another never has one waiting.
type Gate = Handle

// Hold holds every request that matches the rule and reaches its point from now on, until the gate
// opens for it.
func (c *Client) Hold(ctx context.Context, r Rule) (*Gate, error) {
	return c.addRule(ctx, NewRule{Kind: KindHold, Rule: r})
}

// Lose drops the reply to every request that matches the rule, after the commit: the connection
// closes without a reply. At Delivering, it is an endpoint's answer that is lost, so that the event
// is sent again.
func (c *Client) Lose(ctx context.Context, r Rule) (*Handle, error) {
	return c.addRule(ctx, NewRule{Kind: KindLose, Rule: r})
}

// Fail answers every request that matches the rule and passes validation with a status: instead of
// executing the request, or after it. The reply is saved under the idempotency key, unless it is a
// 429, so it is replayed even after the rule is removed.
func (c *Client) Fail(ctx context.Context, r Rule, status int, when When) (*Handle, error) {
	return c.addRule(ctx, NewRule{Kind: KindFail, Rule: r, Status: status, When: when})
}

// Repeat sends each event that matches the rule, whose Point is Delivering, once more at the same
// time.
func (c *Client) Repeat(ctx context.Context, r Rule) (*Handle, error) {
	return c.addRule(ctx, NewRule{Kind: KindRepeat, Rule: r})
}

func (c *Client) addRule(ctx context.Context, r NewRule) (*Handle, error) {
	var added RuleAdded
	if err := c.do(ctx, http.MethodPost, "/rules", r, &added); err != nil {
		return nil, err
	}
	return &Handle{c, added.ID}, nil
}

// Waiting returns the calls that wait at the gate, in the order of arrival, and the revision of
// that set. It blocks while the revision equals since: 0 waits for a new gate's first call, a
// negative value returns at once. It returns an error when the context ends or the gate is removed.
func (h *Handle) Waiting(ctx context.Context, since int64) ([]Call, int64, error) {
	for {
		var w Waiting
		path := "/rules/" + h.id + "?since=" + strconv.FormatInt(since, 10)
		if err := h.client.do(ctx, http.MethodGet, path, nil, &w); err != nil {
			return nil, since, err
		}
		// The simulator ends a long poll after a while even if nothing changed.
		if w.Revision != since {
			return w.Calls, w.Revision, nil
		}
	}
}

// Open lets these calls pass, and only these. Calls that do not wait at this gate are ignored.
func (h *Handle) Open(ctx context.Context, callIDs ...string) error {
	return h.client.do(ctx, http.MethodPost, "/rules/"+h.id+"/open", Open{callIDs}, nil)
}

// Remove ends the rule: later requests are not affected, and a gate lets all its calls pass. A rule
// that is already gone is not an error.
func (h *Handle) Remove(ctx context.Context) error {
	return h.client.do(ctx, http.MethodDelete, "/rules/"+h.id, nil, nil)
}

// Now returns the simulator's time.
func (c *Client) Now(ctx context.Context) (time.Time, error) {
	var clock Clock
	if err := c.do(ctx, http.MethodGet, "/clock", nil, &clock); err != nil {
		return time.Time{}, err
	}
	return *clock.Now, nil
}

// SetClock sets the simulator's time, which then ticks on. Once there are objects, time can only
// move forward, as with Stripe's test clocks.
func (c *Client) SetClock(ctx context.Context, now time.Time) error {
	return c.do(ctx, http.MethodPost, "/clock", Clock{Now: &now}, nil)
}

// Advance moves the simulator's time forward.
func (c *Client) Advance(ctx context.Context, d time.Duration) error {
	return c.do(ctx, http.MethodPost, "/clock", Clock{Advance: &d}, nil)
}

// Set changes those settings that are not nil.
func (c *Client) Set(ctx context.Context, s Settings) error {
	return c.do(ctx, http.MethodPost, "/settings", s, nil)
}

// Reset deletes all objects, keys and rules, drops held requests, and restores the settings that
// the simulator was started with.
func (c *Client) Reset(ctx context.Context) error {
	return c.do(ctx, http.MethodPost, "/reset", struct{}{}, nil)
}

// ChargesSoFar returns all charges, in the order of commit.
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

// EachChargeSoFar is ChargesSoFar as an iterator, for more charges than fit in memory. It yields an
// error last.
func (c *Client) EachChargeSoFar(ctx context.Context) iter.Seq2[Charge, error] {
	return c.feed(ctx, "/charges")
}

// Charges yields all charges in the order of commit, then each new charge as it is committed. It
// ends with the context, and when the simulator closes or is reset. It yields an error last.
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

// do sends a request and decodes the reply into out, unless that is nil.
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
		return fmt.Errorf("read the simulator's reply to %s %s: %w", method, path, err)
	}
	return nil
}

// send sends a request and returns the response, or an error if that is not a success.
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
		json.NewDecoder(response.Body).Decode(&problem) // if it is not JSON, the status remains
		return nil, fmt.Errorf("control the simulator: %s %s: %s", method, path, problem.Error)
	}
	return response, nil
}
