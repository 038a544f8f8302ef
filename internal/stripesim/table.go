package stripesim

import (
	"net/http"
	"sync"
	"sync/atomic"
)

// head is what all objects have: a number, and when they were created.
type head struct {
	ref     ref
	created int64
}

func (h *head) self() *head { return h }

// headOf returns the head of a snapshot, which begins with it.
func headOf(snapshot any) *head { return snapshot.(interface{ self() *head }).self() }

// chunkSize is how many objects are allocated at once: small enough that an account of three
// customers stays small, large enough that a million objects are a thousand chunks.
const chunkSize = 1024

// table holds all objects of one kind by number. It only grows, and an object created later is
// never older than its predecessor, whatever the clock does. A slot is swapped to change an object.
type table[T any] struct {
	kind  kind
	ids   *ids
	index *searchIndex          // records each change; nil if the kind cannot be searched
	guard func(ref) (kind, ref) // what the lock of an object is on; nil: the object itself

	mu     sync.RWMutex
	chunks []*[chunkSize]atomic.Pointer[T]
	n      ref
	last   int64 // when the newest object was created
}

// register makes t the account's table for a kind.
func (t *table[T]) register(a *account, k kind) {
	t.kind, t.ids, a.tables[k] = k, &a.ids, t
}

// add appends a new object, gives it its head, and returns it. link, if not nil, completes it under
// the table's lock, so what it appends to another index is in the same order.
func (t *table[T]) add(now int64, o *T, link func()) *T {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = max(t.last, now)
	if int(t.n)%chunkSize == 0 {
		t.chunks = append(t.chunks, new([chunkSize]atomic.Pointer[T]))
	}
	*headOf(o) = head{t.n + 1, t.last}
	if link != nil {
		link()
	}
	t.chunks[t.n/chunkSize][t.n%chunkSize].Store(o)
	t.n++
	if t.index != nil {
		t.index.note(t.kind, t.n, nil)
	}
	return o
}

// get returns the current snapshot, or nil if there is no such object.
func (t *table[T]) get(r ref) *T {
	slot := t.slot(r)
	if slot == nil {
		return nil
	}
	return slot.Load()
}

// set swaps in a new snapshot of an object that exists. The caller holds the object's lock.
func (t *table[T]) set(r ref, o *T) {
	slot := t.slot(r)
	if t.index != nil {
		t.index.note(t.kind, r, any(slot.Load()).(view))
	}
	slot.Store(o)
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
func (t *table[T]) created(r ref) int64 { return headOf(t.get(r)).created }

// load is get for an object that is known to exist and whose type is not.
func (t *table[T]) load(r ref) view { return any(t.get(r)).(view) }

// find returns the object with this id, nil if there is none.
func (t *table[T]) find(id string) *T {
	r, _ := t.ids.ref(t.kind, id)
	return t.get(r)
}

// find returns the object with this id, zero if there is none.
func (a *account) find(k kind, id string) ref {
	if r, ok := a.ids.ref(k, id); ok && r <= a.tables[k].len() {
		return r
	}
	return 0
}

// named is find for an id in a request, which is refused if there is no such object.
func (a *account) named(k kind, id, param string, status int) ref {
	r := a.find(k, id)
	if r == 0 {
		refuse(errNoSuch(k, id, param, status))
	}
	return r
}

func (c *call) refInPath(k kind) ref {
	return c.account.named(k, c.http.PathValue("id"), names[k].param, http.StatusNotFound)
}

func (t *table[T]) inPath(c *call) *T { return t.get(c.refInPath(t.kind)) }

// lock serializes changes of the object. The caller calls release unless there is an error.
func (t *table[T]) lock(a *account, r ref) (release func(), err *apiError) {
	k := t.kind
	if t.guard != nil {
		k, r = t.guard(r)
	}
	return a.locks.acquire(k, r)
}

// lockInPath locks the object that the path names, until the request ends, and returns its snapshot
// as it then is.
func (t *table[T]) lockInPath(c *call) *T {
	r := c.refInPath(t.kind)
	c.keeps(t.lock(c.account, r))
	return t.get(r)
}

// update answers a request that changes an object, whose lock the request holds, and reports it.
func (t *table[T]) update(c *call, typ string, current, next *T) view {
	c.begin()
	t.set(headOf(next).ref, next)
	now := any(next).(view)
	c.account.emitUpdate(c, typ, any(current).(view), now)
	return now
}

// retrieve is the endpoint that answers with the object that the path names.
func retrieve(k kind) func(*call) view {
	return func(c *call) view {
		c.done(k)
		return c.account.tables[k].load(c.refInPath(k))
	}
}
