package locktest_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/billing/locktest"
)

// flaw is a guard left out of the lock in memory; "" leaves out none.
type flaw string

const (
	checksThenSets     flaw = "checks, then sets"
	ignoresKey         flaw = "one lock for all keys"
	releasesNothing    flaw = "releases nothing"
	validReleased      flaw = "a released lease is valid"
	renewsReleased     flaw = "renews a released lease"
	releasesAny        flaw = "releases without comparing the token"
	takesAnyTTL        flaw = "takes any TTL"
	renewsNothing      flaw = "renews nothing"
	renewsOnceTried    flaw = "gives up at the first renewal that fails"
	renewalRecreates   flaw = "renewal creates the key again"
	renewsAny          flaw = "renews without comparing the token"
	noMargin           flaw = "no margin"
	validFromAnswer    flaw = "counts validity from the answer"
	revivesExpired     flaw = "a renewal revives a lease that is over"
	forgetsToken       flaw = "asks again with another token"
	takesWithRetry     flaw = "asks again without asking who holds the key"
	abandonsNothing    flaw = "leaves what an obtain without an answer set"
	holdsWithoutAnswer flaw = "takes no answer for a yes"
	noAnswerMeansHeld  flaw = "takes no answer for held"
	naive              flaw = "the naive lock"
)

// memory is a store for locks, and each server's network to it.
type memory struct {
	flaw flaw

	mu    sync.Mutex
	keys  map[string]entry
	links map[string]*link
}

type entry struct {
	token   string
	expires time.Time
}

type link struct {
	cut   bool
	lose  int
	delay time.Duration
}

const ttl = 30 * time.Second

func fixture(f flaw) locktest.Fixture {
	m := &memory{flaw: f, keys: map[string]entry{}, links: map[string]*link{}}
	set := func(server string, change func(*link)) {
		m.mu.Lock()
		defer m.mu.Unlock()
		change(m.link(server))
	}
	return locktest.Fixture{
		TTL: ttl,
		New: m.newLock,
		Expire: func(key string) {
			m.mu.Lock()
			defer m.mu.Unlock()
			delete(m.keys, key)
		},
		Held: func(key string) bool {
			m.mu.Lock()
			defer m.mu.Unlock()
			return m.get(key) != ""
		},
		Cut:         func(server string) { set(server, func(l *link) { l.cut = true }) },
		LoseAnswers: func(server string, n int) { set(server, func(l *link) { l.lose = n }) },
		DelayAnswers: func(server string, d time.Duration) {
			set(server, func(l *link) { l.delay = d })
		},
	}
}

func (m *memory) link(server string) *link {
	if m.links[server] == nil {
		m.links[server] = &link{}
	}
	return m.links[server]
}

// get returns the token that holds the key, "" for none.
func (m *memory) get(key string) string {
	if e, ok := m.keys[key]; ok && time.Now().Before(e.expires) {
		return e.token
	}
	return ""
}

var errNoAnswer = errors.New("no answer")

// ask executes a server's request in the store, as far as the network lets it.
func (m *memory) ask(server string, request func() bool) (bool, error) {
	m.mu.Lock()
	l := m.link(server)
	if l.cut {
		m.mu.Unlock()
		return false, errNoAnswer
	}
	answer := request()
	delay, lost := l.delay, l.lose > 0
	if lost {
		l.lose--
	}
	m.mu.Unlock()

	if delay > 0 {
		<-time.After(delay)
	}
	if lost {
		return false, errNoAnswer
	}
	return answer, nil
}

// lock is a sound lock in memory, except for its flaw.
type lock struct {
	*memory
	server string
	ttl    time.Duration
	now    func() time.Time
}

func (m *memory) newLock(
	server string, ttl time.Duration, now func() time.Time,
) (billing.Locker, error) {
	if m.flaw != takesAnyTTL && (ttl < 50*time.Millisecond || ttl%time.Millisecond != 0) {
		return nil, fmt.Errorf("TTL %v", ttl)
	}
	return &lock{m, server, ttl, now}, nil
}

func (l *lock) Obtain(_ context.Context, key string) (billing.Lease, error) {
	if l.flaw == ignoresKey {
		key = "lock:billing:alice:2026-12"
	}
	h := &lease{lock: l, key: key, token: l.server + rand.Text()}
	if l.flaw == naive {
		h.token = l.server
	}
	sent := l.now()
	held, err := l.ask(l.server, func() bool { return l.set(h) })
	for range 2 {
		if err != nil && l.flaw != naive {
			if l.flaw == forgetsToken {
				h.token = l.server + rand.Text()
			}
			sent = l.now()
			held, err = l.ask(l.server, func() bool { return l.setAgain(h) })
		}
	}
	switch {
	case err != nil && l.flaw == noAnswerMeansHeld:
		return nil, billing.ErrHeld
	case err != nil && l.flaw != holdsWithoutAnswer:
		if l.flaw != abandonsNothing && l.flaw != naive {
			_ = h.Release(context.Background())
		}
		return nil, err
	case err == nil && !held:
		return nil, billing.ErrHeld
	}
	if l.flaw == validFromAnswer {
		sent = l.now()
	}
	h.extend(sent)
	if l.flaw != renewsNothing && l.flaw != naive {
		time.AfterFunc(l.ttl/3, h.renew)
	}
	return h, nil
}

// set sets the key for the lease if it is free.
func (l *lock) set(h *lease) bool {
	free := l.get(h.key) == ""
	if l.flaw == checksThenSets {
		l.mu.Unlock()
		<-time.After(1)
		l.mu.Lock()
	}
	if free {
		l.keys[h.key] = entry{h.token, time.Now().Add(l.ttl)}
	}
	return free
}

// setAgain sets the key for a lease that may have it already.
func (l *lock) setAgain(h *lease) bool {
	if l.flaw == takesWithRetry {
		delete(l.keys, h.key)
	}
	return l.get(h.key) == h.token || l.set(h)
}

type lease struct {
	*lock
	key, token string

	mu         sync.Mutex
	validUntil time.Time
	released   bool
}

func (h *lease) extend(sent time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	margin := h.ttl/100 + 2*time.Millisecond
	if h.flaw == noMargin {
		margin = 0
	}
	if h.validUntil.IsZero() || h.flaw == revivesExpired || h.now().Before(h.validUntil) {
		h.validUntil = sent.Add(h.ttl - margin)
	}
}

func (h *lease) Valid() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	over := h.released && h.flaw != validReleased || !h.now().Before(h.validUntil)
	if over && h.flaw != naive {
		return billing.ErrLeaseLost
	}
	return nil
}

func (h *lease) Release(context.Context) error {
	h.mu.Lock()
	h.released = true
	h.mu.Unlock()
	if h.flaw == releasesNothing {
		return nil
	}
	_, err := h.ask(h.server, func() bool {
		any := h.flaw == releasesAny || h.flaw == naive
		if any || h.memory.get(h.key) == h.token {
			delete(h.keys, h.key)
		}
		return true
	})
	return err
}

func (h *lease) renew() {
	h.mu.Lock()
	released := h.released
	h.mu.Unlock()
	if released && h.flaw != renewsReleased {
		return
	}
	sent := h.now()
	renewed, err := h.ask(h.server, func() bool {
		holder := h.memory.get(h.key)
		switch {
		case holder == h.token:
		case holder == "" && (h.flaw == renewalRecreates || h.flaw == renewsReleased):
		case holder != "" && h.flaw == renewsAny:
			h.token = holder
		default:
			return false
		}
		h.keys[h.key] = entry{h.token, time.Now().Add(h.ttl)}
		return true
	})
	switch {
	case err != nil && h.flaw != renewsOnceTried:
		time.AfterFunc(h.ttl/12, h.renew)
	case err == nil && renewed:
		h.extend(sent)
		time.AfterFunc(h.ttl/3, h.renew)
	}
}
