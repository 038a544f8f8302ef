package stripesim

import (
	"crypto/rand"
	"encoding/binary"
	"strings"
)

type kind uint8

const (
	kindNone kind = iota
	kindCustomer
	kindMethod
	kindIntent
	kindCharge
	kindRefund
	kindDispute
	kindTransaction
	kindEvent
	kindEndpoint
	kindRequest
	kinds
)

// names are the words for each kind: how its ids begin, what Stripe calls it in an error message,
// and the parameter that such an error names if the id was in the path.
var names = [kinds]struct{ prefix, noun, param string }{
	kindCustomer:    {"cus_", "customer", "id"},
	kindMethod:      {"pm_1", "PaymentMethod", "payment_method"},
	kindIntent:      {"pi_3", "payment_intent", "intent"},
	kindCharge:      {"ch_3", "charge", "id"},
	kindRefund:      {"re_3", "refund", "refund"},
	kindDispute:     {"du_1", "dispute", "dispute"},
	kindTransaction: {"txn_3", "balance transaction", "id"},
	kindEvent:       {"evt_1", "event", "id"},
	kindEndpoint:    {"we_1", "webhook endpoint", "webhook_endpoint"},
	kindRequest:     {"req_", "request", ""},
}

// ref is the number of an object within its kind, counted from one in the order of creation; zero
// is no object.
type ref uint64

// ids turns refs into ids and back, so no map of ids is kept. Each account draws a random tag that
// all its ids carry: an id from an earlier run, which a ledger on disk may still hold, is unknown
// to this account instead of naming some other object.
type ids struct {
	tag string
	key uint64
}

const (
	digits    = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	tagLength = 10
	// numberLength is how many base-62 digits hold any uint64.
	numberLength = 11
	// secretKind makes the client secret of a PaymentIntent from the same permutation as its id.
	secretKind = uint64(kinds)
)

func newIDs() ids {
	var seed [2 * 8]byte
	rand.Read(seed[:]) // documented never to fail
	tag := base62(nil, binary.BigEndian.Uint64(seed[:8]))
	return ids{string(tag[len(tag)-tagLength:]), binary.BigEndian.Uint64(seed[8:])}
}

// id is the id of an object as Stripe would write it, "" for no object.
func (i *ids) id(k kind, r ref) string {
	if r == 0 {
		return ""
	}
	return string(i.append(nil, k, r))
}

func (i *ids) append(b []byte, k kind, r ref) []byte {
	b = append(b, names[k].prefix...)
	b = append(b, i.tag...)
	return base62(b, scramble(uint64(r)^i.mask(uint64(k))))
}

// secret appends the part of a client secret that follows the id.
func (i *ids) secret(b []byte, r ref) []byte {
	b = base62(b, scramble(uint64(r)^i.mask(secretKind)))
	return base62(b, scramble(uint64(r)^i.mask(secretKind+1)))
}

// ref is the number behind an id of this account and kind. Whether the object exists, only
// its table knows.
func (i *ids) ref(k kind, id string) (ref, bool) {
	rest, ok := strings.CutPrefix(id, names[k].prefix)
	if !ok {
		return 0, false
	}
	rest, ok = strings.CutPrefix(rest, i.tag)
	if !ok || len(rest) != numberLength {
		return 0, false
	}
	var n uint64
	for _, c := range []byte(rest) {
		d := strings.IndexByte(digits, c)
		if d < 0 {
			return 0, false
		}
		n = n*uint64(len(digits)) + uint64(d)
	}
	return ref(unscramble(n) ^ i.mask(uint64(k))), true
}

// mask differs by kind, so the ids of the n-th customer and the n-th charge do not look alike.
func (i *ids) mask(k uint64) uint64 {
	return i.key ^ k*0x9e3779b97f4a7c15
}

// base62 appends n with leading zeros.
func base62(b []byte, n uint64) []byte {
	var d [numberLength]byte
	for i := len(d) - 1; i >= 0; i-- {
		d[i] = digits[n%uint64(len(digits))]
		n /= uint64(len(digits))
	}
	return append(b, d[:]...)
}

// scramble is a permutation of the 64-bit numbers whose neighbours look unrelated: SplitMix64's
// finalizer (Steele, Lea, Flood 2014). unscramble is its inverse.
func scramble(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func unscramble(x uint64) uint64 {
	x = (x ^ x>>31 ^ x>>62) * 0x319642b2d24d8ec3
	x = (x ^ x>>27 ^ x>>54) * 0x96de1b173f119089
	return x ^ x>>30 ^ x>>60
}
