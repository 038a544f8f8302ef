package stripesim

import (
	"hash/maphash"
	"net/http"
	"sync"
	"time"
)

// maxKey is the longest idempotency key that Stripe accepts
// (https://docs.stripe.com/api/idempotent_requests).
const maxKey = 255

// keyLifetime is how long a key is remembered: Stripe promises 24 hours "at least".
const keyLifetime = 24 * time.Hour

// keyShards spreads the keys over locks that requests seldom share.
const keyShards = 64

// keyStore remembers the answer under each idempotency key. Keys belong to the account, whichever
// of its API keys a request has (https://docs.stripe.com/api/idempotent_requests).
type keyStore struct {
	seed   maphash.Seed // random, so nobody can craft two requests with equal fingerprints
	shards [keyShards]keyShard
}

// keyShard drops its forgotten keys once in a lifetime, all at once: a queue would cost memory for
// each key.
type keyShard struct {
	mu      sync.Mutex
	keys    map[string]*keyEntry
	dropped time.Time
}

// keyEntry is one key: the request it is bound to and, once that has executed, its reply.
type keyEntry struct {
	path       string
	parameters uint64 // a fingerprint
	bound      time.Time
	request    ref
	status     int // zero while the request executes
	body       view
}

// bindResult is the state in which a request finds its key.
type bindResult int

const (
	keyFree     bindResult = iota // it is bound now, and the request executes
	keyInUse                      // the first request still executes
	keySaved                      // the first request's reply is to be replayed
	keyMismatch                   // it was first used with other parameters, or elsewhere
)

// runOnce executes the request unless its key was used before.
func (c *call) runOnce() reply {
	keys := &c.account.keys
	path := c.http.URL.Path
	entry, result := keys.bind(c.key, keyEntry{
		path: path, parameters: keys.fingerprint(c),
		bound: c.sim.clock.now(), request: c.request,
	})
	switch result {
	case keyInUse:
		return reply{status: http.StatusConflict, body: errKeyInUse(c.key), request: entry.request}
	case keySaved:
		return reply{status: entry.status, body: entry.body, request: entry.request,
			saved: true, replayed: true}
	case keyMismatch:
		err := errKeyReused(c.key, entry.path, path)
		return reply{status: err.status, body: err, request: entry.request}
	}

	saved := false
	defer func() {
		if !saved {
			keys.release(c.key, entry)
		}
	}()
	body, err := c.execute()
	answer := reply{status: http.StatusOK, body: body, request: c.request, saved: true}
	if err != nil {
		answer.status, answer.body = err.status, err
		answer.saved = (c.began || err.executed) && err.status != http.StatusTooManyRequests
	}
	if saved = answer.saved; saved {
		keys.save(c.key, entry, &answer)
	}
	return answer
}

// fingerprint identifies the parameters of a request.
func (k *keyStore) fingerprint(c *call) uint64 {
	var buf [1 << 10]byte
	return maphash.Bytes(k.seed, c.form.canonical(buf[:0]))
}

func (k *keyStore) shard(n string) *keyShard {
	return &k.shards[maphash.String(k.seed, n)%keyShards]
}

// bind looks the key up, and binds it to the request if it is free. The entry returned is a copy,
// unless the key is newly bound.
func (k *keyStore) bind(n string, next keyEntry) (*keyEntry, bindResult) {
	s := k.shard(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys == nil || next.bound.Sub(s.dropped) >= keyLifetime {
		kept := make(map[string]*keyEntry)
		for n, entry := range s.keys {
			if !entry.forgotten(next.bound) {
				kept[n] = entry
			}
		}
		s.keys, s.dropped = kept, next.bound
	}
	if found := s.keys[n]; found != nil && !found.forgotten(next.bound) {
		entry := *found
		switch {
		case entry.path != next.path, entry.parameters != next.parameters:
			return &entry, keyMismatch
		case entry.status == 0:
			return &entry, keyInUse
		}
		return &entry, keySaved
	}
	s.keys[n] = &next
	return &next, keyFree
}

// forgotten reports whether the key is too old. One whose request still executes never is.
func (e *keyEntry) forgotten(now time.Time) bool {
	return e.status != 0 && now.Sub(e.bound) >= keyLifetime
}

// save keeps the reply for replays.
func (k *keyStore) save(n string, entry *keyEntry, r *reply) {
	s := k.shard(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	entry.status, entry.body = r.status, r.body
}

// release unbinds a key whose request did not execute, so another request may use it.
func (k *keyStore) release(n string, entry *keyEntry) {
	s := k.shard(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys[n] == entry {
		delete(s.keys, n)
	}
}
