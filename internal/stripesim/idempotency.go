package stripesim

import (
	"hash/maphash"
	"net/http"
	"sync"
	"time"
)

// maxKey is the longest idempotency key that Stripe accepts
// (https://stripe.com/docs/api/idempotent_requests).
const maxKey = 255

// keyLifetime is how long a key is remembered: Stripe promises 24 hours "at least".
const keyLifetime = 24 * time.Hour

// keyShards spreads the keys so that requests seldom meet; a power of two.
const keyShards = 64

// keyStore remembers what was answered under each idempotency key.
type keyStore struct {
	seed   maphash.Seed // random, so that nobody can make two requests that look the same
	shards [keyShards]keyShard
}

// keyShard has two generations: what is older than both lifetimes goes with its map, without a
// queue that would cost memory for each key.
type keyShard struct {
	mu         sync.Mutex
	young, old map[keyName]*keyEntry
	rotated    time.Time
}

type keyName struct {
	scope uint64
	key   string
}

// keyEntry is one key: the request it is bound to and, once that has executed, its reply.
type keyEntry struct {
	endpoint, parameters uint64 // fingerprints
	bound                time.Time
	request              ref
	status               int // zero while the request executes
	body                 any
}

// bindResult is how a request finds its key.
type bindResult int

const (
	keyFree      bindResult = iota // it is bound now, and the request executes
	keyInUse                       // the first request still executes
	keySaved                       // the first request's reply is to be replayed
	keyMismatch                    // it was first used with other parameters
	keyElsewhere                   // it was first used at another endpoint
)

// runOnce executes the request unless its key says that it was executed already.
func (c *call) runOnce() reply {
	keys := &c.account.keys
	endpoint, parameters := keys.fingerprint(c)
	entry, result := keys.bind(keyName{c.scope, c.key}, keyEntry{
		endpoint: endpoint, parameters: parameters,
		bound: c.sim.clock.now(), request: c.request,
	})
	switch result {
	case keyInUse:
		return reply{status: http.StatusConflict, body: errKeyInUse(c.key), request: entry.request}
	case keySaved:
		return reply{status: entry.status, body: entry.body, request: entry.request,
			saved: true, replayed: true}
	case keyMismatch, keyElsewhere:
		err := errKeyReused(c.key, result == keyMismatch)
		return reply{status: err.status, body: err, request: entry.request}
	}

	saved := false
	defer func() {
		if !saved {
			keys.release(keyName{c.scope, c.key}, entry)
		}
	}()
	body, err := c.execute()
	answer := reply{status: http.StatusOK, body: body, request: c.request, saved: true}
	if err != nil {
		answer.status, answer.body = err.status, err
		answer.saved = (c.began || err.executed) && err.status != http.StatusTooManyRequests
	}
	if saved = answer.saved; saved {
		keys.save(keyName{c.scope, c.key}, entry, &answer)
	}
	return answer
}

// fingerprint identifies the endpoint and the parameters of a request.
func (k *keyStore) fingerprint(c *call) (endpoint, parameters uint64) {
	endpoint = maphash.String(k.seed, c.http.URL.Path)
	var buf [1 << 10]byte
	return endpoint, maphash.Bytes(k.seed, c.form.canonical(buf[:0]))
}

func (k *keyStore) shard(n keyName) *keyShard {
	h := n.scope
	for _, b := range []byte(n.key) {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return &k.shards[scramble(h)%keyShards]
}

// bind looks the key up, and binds it to the request if nobody has. The entry returned is a copy,
// except for a key that is newly bound.
func (k *keyStore) bind(n keyName, next keyEntry) (*keyEntry, bindResult) {
	s := k.shard(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rotate(next.bound)
	if found := s.find(n, next.bound); found != nil {
		entry := *found
		switch {
		case entry.endpoint != next.endpoint:
			return &entry, keyElsewhere
		case entry.parameters != next.parameters:
			return &entry, keyMismatch
		case entry.status == 0:
			return &entry, keyInUse
		}
		return &entry, keySaved
	}
	delete(s.old, n)
	s.young[n] = &next
	return &next, keyFree
}

// find returns the entry of a key that is not forgotten. One that still executes is never
// forgotten.
func (s *keyShard) find(n keyName, now time.Time) *keyEntry {
	entry := s.young[n]
	if entry == nil {
		entry = s.old[n]
	}
	if entry != nil && entry.status != 0 && now.Sub(entry.bound) >= keyLifetime {
		return nil
	}
	return entry
}

// rotate forgets the old generation once all in it have outlived their lifetime.
func (s *keyShard) rotate(now time.Time) {
	if s.young == nil {
		s.young, s.rotated = make(map[keyName]*keyEntry), now
	}
	for range 2 {
		if now.Sub(s.rotated) < keyLifetime {
			return
		}
		next := make(map[keyName]*keyEntry)
		for n, entry := range s.old {
			if entry.status == 0 {
				next[n] = entry
			}
		}
		s.old, s.young = s.young, next
		s.rotated = s.rotated.Add(keyLifetime)
	}
	s.rotated = now // both generations are older than that
}

// save keeps the reply for replays.
func (k *keyStore) save(n keyName, entry *keyEntry, r *reply) {
	s := k.shard(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	entry.status, entry.body = r.status, r.body
}

// release unbinds a key whose request did not execute, so that it may be used for another.
func (k *keyStore) release(n keyName, entry *keyEntry) {
	s := k.shard(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, generation := range []map[keyName]*keyEntry{s.young, s.old} {
		if generation[n] == entry {
			delete(generation, n)
		}
	}
}
