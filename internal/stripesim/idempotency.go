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

// keyStore remembers the answer under each idempotency key. Keys belong to the account, whichever
// of its API keys a request has (https://docs.stripe.com/api/idempotent_requests). It drops its
// forgotten keys once in a lifetime, all at once: a queue would cost memory for each key.
type keyStore struct {
	seed    maphash.Seed // random, so nobody can craft two requests with equal fingerprints
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

// runOnce executes the request unless its key was used before.
func (c *call) runOnce() (answer reply) {
	keys := &c.account.keys
	entry := &keyEntry{path: c.http.URL.Path, parameters: keys.fingerprint(c),
		bound: c.sim.clock.now(), request: c.request}
	if used := keys.bind(c.key, entry); used != nil {
		return *used
	}
	defer func() { keys.settle(c.key, entry, &answer) }() // also if the request is dropped
	body, err := c.execute()
	if err != nil {
		answer = err.reply(c.request)
		answer.saved = (c.began || err.executed) && err.status != http.StatusTooManyRequests
		return answer
	}
	return reply{status: http.StatusOK, body: body, request: c.request, saved: true}
}

func (k *keyStore) fingerprint(c *call) uint64 {
	var buf [1 << 10]byte
	return maphash.Bytes(k.seed, c.form.canonical(buf[:0]))
}

// bind binds a free key to the entry's request. For a key that was used before, it returns the
// reply.
func (k *keyStore) bind(n string, next *keyEntry) (used *reply) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.keys == nil || next.bound.Sub(k.dropped) >= keyLifetime {
		kept := make(map[string]*keyEntry)
		for n, entry := range k.keys {
			if !entry.forgotten(next.bound) {
				kept[n] = entry
			}
		}
		k.keys, k.dropped = kept, next.bound
	}
	first := k.keys[n]
	if first == nil || first.forgotten(next.bound) {
		k.keys[n] = next
		return nil
	}
	answer := reply{status: first.status, body: first.body, request: first.request,
		saved: true, replayed: true}
	switch {
	case first.path != next.path, first.parameters != next.parameters:
		answer = errKeyReused(n, first.path, next.path).reply(first.request)
	case first.status == 0:
		answer = errKeyInUse(n).reply(first.request)
	}
	return &answer
}

// forgotten reports whether the key is too old. One whose request still executes never is.
func (e *keyEntry) forgotten(now time.Time) bool {
	return e.status != 0 && now.Sub(e.bound) >= keyLifetime
}

// settle keeps the reply for replays or, if it is not to be saved, unbinds the key, so another
// request may use it.
func (k *keyStore) settle(n string, entry *keyEntry, r *reply) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if r.saved {
		entry.status, entry.body = r.status, r.body
	} else if k.keys[n] == entry {
		delete(k.keys, n)
	}
}
