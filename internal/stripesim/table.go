package stripesim

import (
	"sync"
	"sync/atomic"
)

// object is what a table holds: a snapshot that knows when its object was created.
type object interface {
	createdAt() int64
}

// chunkSize is how many objects are allocated at once: small enough that an account of three
// customers stays small, large enough that a million objects are a thousand chunks.
const chunkSize = 1024

// table holds all objects of one kind by number. It only grows, and an object created later is
// never older than its predecessor, whatever the clock does. A slot is swapped to change an object.
type table[T object] struct {
	mu     sync.RWMutex
	chunks []*[chunkSize]atomic.Pointer[T]
	n      ref
	last   int64 // when the newest object was created

	changed func(r ref, o *T) // is told of each change; nil: nobody is
}

// add appends what build makes of the next number and creation time, and returns it. build runs
// under the table's lock: what it appends to another index is in the same order.
func (t *table[T]) add(now int64, build func(r ref, created int64) *T) *T {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = max(t.last, now)
	if int(t.n)%chunkSize == 0 {
		t.chunks = append(t.chunks, new([chunkSize]atomic.Pointer[T]))
	}
	o := build(t.n+1, t.last)
	t.chunks[t.n/chunkSize][t.n%chunkSize].Store(o)
	t.n++
	if t.changed != nil {
		t.changed(t.n, o)
	}
	return o
}

// get returns the present snapshot, or nil if there is no such object.
func (t *table[T]) get(r ref) *T {
	slot := t.slot(r)
	if slot == nil {
		return nil
	}
	return slot.Load()
}

// set swaps in a new snapshot of an object that exists. The caller holds the object's lock.
func (t *table[T]) set(r ref, o *T) {
	t.slot(r).Store(o)
	if t.changed != nil {
		t.changed(r, o)
	}
}

func (t *table[T]) slot(r ref) *atomic.Pointer[T] {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if r == 0 || r > t.n {
		return nil
	}
	i := r - 1
	return &t.chunks[i/chunkSize][i%chunkSize]
}

// len is the number of the newest object.
func (t *table[T]) len() ref {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.n
}

// created is when an object was created; objects never move, so searching by it is safe.
func (t *table[T]) created(r ref) int64 {
	return (*t.get(r)).createdAt()
}
