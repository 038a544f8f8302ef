package stripesim

import (
	"hash/maphash"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// FuzzForm holds the form decoder to what it cannot say otherwise: it never panics, and two
// spellings of the same parameters are the same.
func FuzzForm(f *testing.F) {
	for _, seed := range []string{
		"", "a=1", "a[b]=1&a[c][d]=2", "a[]=1&a[]=2", "a[0][b]=1", "a=1&a[b]=2", "a[b", "[a]=1",
		"a%5Bb%5D=%F0%9F%92%B6", "a=%zz", "a=1&&b=2&", "=1", "a[b]c=1", "a[]]=1", "a=b=c",
		"%00=%00",
		"metadata[a]=&metadata=", "expand[]=x&expand[0]=y", "a[[b]]=1",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, encoded string) {
		var form field
		if err := decodeForm(&form, encoded); err != nil {
			return
		}
		var again field
		if err := decodeForm(&again, form.encode(nil, "")); err != nil {
			t.Fatalf("%q is decoded, but what comes of it is not: %v", encoded, err)
		}
		if a, b := string(form.canonical(nil)), string(again.canonical(nil)); a != b {
			t.Errorf("%q is %s, and encoded again it is %s", encoded, a, b)
		}
		p := newParams(&form)
		p.text("a")
		p.integer("amount", 1)
		p.list("expand")
		p.metadata(nil)
		if q := p.object("card"); q != nil {
			q.flag("b")
		}
		p.problem()
	})
}

// encode writes the parameters in the plainest way.
func (f *field) encode(b []byte, name string) string {
	if !f.nested {
		return string(b) + url.QueryEscape(name) + "=" + url.QueryEscape(f.value) + "&"
	}
	encoded := string(b)
	for _, c := range f.children {
		encoded = c.encode([]byte(encoded), join(name, c.name))
	}
	return encoded
}

// FuzzKeys holds the key store to a plain model of it: two keys, two parameter sets, and time. Each
// byte of the program is one step.
func FuzzKeys(f *testing.F) {
	f.Add([]byte{0, 4, 0, 8, 0})             // bind, save, replay, release, bind
	f.Add([]byte{0, 0, 1, 2, 3})             // in use, mismatch, elsewhere
	f.Add([]byte{0, 4, 0x60, 0, 4, 0x7f, 0}) // forget after a day
	f.Add([]byte{0, 0x7f, 0x7f, 0, 4, 0x7f, 0x7f, 0})
	f.Fuzz(func(t *testing.T, program []byte) {
		s, m := &keyStore{seed: maphash.MakeSeed()}, newKeyModel()
		now := time.Unix(0, 0)
		entries := make(map[string]*keyEntry)
		for _, step := range program {
			key := string('a' + rune(step&1))
			switch {
			case step >= 0x40: // time passes, up to two and a half days
				now = now.Add(time.Duration(step-0x3f) * time.Hour)
			case step&0x0c == 4 && m.executing[key]:
				s.settle(key, entries[key], &reply{status: http.StatusOK, saved: true})
				m.executing[key] = false
			case step&0x0c == 8 && m.executing[key]:
				s.settle(key, entries[key], &reply{})
				delete(m.parameters, key)
				m.executing[key] = false
			default:
				parameters := uint64(step>>1) & 1
				entry := &keyEntry{parameters: parameters, bound: now}
				used, want := s.bind(key, entry), m.bind(key, parameters, now)
				switch {
				case (used == nil) != (want == 0), used != nil && used.status != want:
					t.Fatalf("step %#x of %x: got %+v, want %d", step, program, used, want)
				case used == nil:
					entries[key] = entry
				}
			}
		}
	})
}

// keyModel is what a key store remembers.
type keyModel struct {
	parameters map[string]uint64
	bound      map[string]time.Time
	executing  map[string]bool
}

func newKeyModel() *keyModel {
	return &keyModel{map[string]uint64{}, map[string]time.Time{}, map[string]bool{}}
}

// bind returns the status of the answer to a key that was used before, zero if the key is free.
func (m *keyModel) bind(key string, parameters uint64, now time.Time) int {
	old, known := m.parameters[key]
	if known && !m.executing[key] && now.Sub(m.bound[key]) >= keyLifetime {
		known = false
	}
	switch {
	case !known:
		m.parameters[key], m.bound[key], m.executing[key] = parameters, now, true
		return 0
	case old != parameters:
		return http.StatusBadRequest
	case m.executing[key]:
		return http.StatusConflict
	}
	return http.StatusOK
}

// FuzzQuery holds the reader of search queries to its word: what it accepts it can evaluate.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"status:'succeeded'", `metadata["a"]:"b" AND amount>1`, "a:1 OR b:2", "-a~'b'", "a:null",
		`metadata['a\'b']:'c'`, "a", "a:", "a:'", "metadata[", "AND", "a:1 AND", "a:1OR b:2",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := parseQuery(text)
		if err != nil {
			return
		}
		if len(q.clauses) == 0 {
			t.Fatalf("%q is a query without a clause", text)
		}
		for _, c := range q.clauses {
			c.compare("1", true)
			c.compare("x", false)
		}
		if q.check(kindCharge) == nil {
			o := &charge{method: &paymentMethod{card: &card{}}, metadata: metadata{{"a", "b"}}}
			q.matches(&writer{account: &account{ids: newIDs()}}, kindCharge, o)
		}
	})
}

// FuzzID holds ids to being one to one, and to belonging to one account and kind.
func FuzzID(f *testing.F) {
	f.Add(uint64(1), uint8(kindIntent))
	f.Add(^uint64(0), uint8(kindRequest))
	mine, other := newIDs(), newIDs()
	f.Fuzz(func(t *testing.T, n uint64, k uint8) {
		kind := kind(k%uint8(kinds-1)) + 1
		id := mine.id(kind, ref(n))
		if got, ok := mine.ref(kind, id); !ok || got != ref(n) {
			t.Errorf("%s is %d, %t, want %d", id, got, ok, n)
		}
		if got, ok := other.ref(kind, id); ok {
			t.Errorf("%s is %d in another account", id, got)
		}
		next := kind%(kinds-1) + 1
		if got, ok := mine.ref(next, id); ok {
			t.Errorf("%s, a %s, is the %s %d", id, names[kind].noun, names[next].noun, got)
		}
	})
}
