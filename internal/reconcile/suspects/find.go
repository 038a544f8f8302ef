package suspects

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"time"
)

// Options say which payments are suspected of being one.
type Options struct {
	// By are keys of the metadata: payments with the same values are suspected. If there are none,
	// those are that have the same customer, amount and currency.
	By     []string
	Within time.Duration // the longest time between two of them; 0: any
}

// Suspect is a group of payments that may be one payment taken more than once.
type Suspect struct {
	Payments []Payment `json:"payments"` // the earliest first
	Keep     string    `json:"keep"`     // of a likely one: the payment that stays
	Sure     string    `json:"sure"`     // likely, unsure, or settled
	Why      string    `json:"why"`
}

// How sure it is.
const (
	Likely  = "likely"
	Unsure  = "unsure"
	Settled = "settled" // at most one payment still has the customer's money
)

// Back returns what would be given back of a payment: of an unsure suspect nothing, since a person
// must decide.
func (s Suspect) Back(p Payment) int64 {
	if s.Sure != Likely || s.Keep == p.ID {
		return 0
	}
	return p.left()
}

// rank puts those first about which there is something to do.
func rank(s Suspect) int { return slices.Index([]string{Likely, Unsure, Settled}, s.Sure) }

func (s Suspect) back() (minor int64) {
	for _, p := range s.Payments {
		minor += s.Back(p)
	}
	return minor
}

// left is what the customer has not got back.
func (p Payment) left() int64 { return max(0, p.AmountMinor-p.RefundedMinor) }

// Report is what was found.
type Report struct {
	Payments int              `json:"payments"` // that took money
	Skipped  map[string]int   `json:"skipped"`  // the others, by status
	Nameless int              `json:"nameless"` // payments that lack what they would be grouped by
	Suspects []Suspect        `json:"suspects"`
	Back     map[string]int64 `json:"back_minor"` // what would be given back, by currency
}

// Find reads all payments twice. The first time it counts them by group and time, so that in memory
// are only a number for each payment and those that may have a double.
func (o Options) Find(read Each) (Report, error) {
	r := Report{Skipped: map[string]int{}, Suspects: []Suspect{}, Back: map[string]int64{}}
	seed := maphash.MakeSeed()
	place := func(group string, slot int64) uint64 {
		return maphash.Comparable(seed, struct {
			group string
			slot  int64
		}{group, slot})
	}
	counts := map[uint64]uint8{}
	err := read(func(p Payment) {
		r.Payments++
		if group := o.group(p); group == "" {
			r.Nameless++
		} else if at := place(group, o.slot(p)); counts[at] < 2 {
			counts[at]++
		}
	}, func(status string) { r.Skipped[status]++ })
	if err != nil {
		return r, err
	}
	groups := map[string][]Payment{}
	err = read(func(p Payment) {
		group, slot := o.group(p), o.slot(p)
		if group != "" && (counts[place(group, slot)] > 1 || o.Within > 0 &&
			counts[place(group, slot-1)]+counts[place(group, slot+1)] > 0) {
			groups[group] = append(groups[group], p)
		}
	}, func(string) {})
	for _, group := range slices.Sorted(maps.Keys(groups)) {
		r.add(o, groups[group])
	}
	slices.SortStableFunc(r.Suspects, func(a, b Suspect) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(b.back(), a.back()),
			a.Payments[0].Created.Compare(b.Payments[0].Created))
	})
	return r, err
}

// group names what a payment has in common with its doubles; "" if it lacks that.
func (o Options) group(p Payment) string {
	if len(o.By) == 0 {
		if p.Customer == "" {
			return ""
		}
		return fmt.Sprintf("%s\x00%d\x00%s", p.Customer, p.AmountMinor, p.Currency)
	}
	var values []string
	for _, key := range o.By {
		if p.Metadata[strings.ToLower(key)] == "" && p.Metadata[key] == "" {
			return ""
		}
		values = append(values, cmp.Or(p.Metadata[key], p.Metadata[strings.ToLower(key)]))
	}
	return strings.Join(values, "\x00")
}

// slot numbers the stretches of time: doubles are in the same one or in two that touch.
func (o Options) slot(p Payment) int64 {
	if o.Within <= 0 {
		return 0
	}
	return p.Created.UnixNano() / int64(o.Within)
}

// add cuts a group where too much time lies between two payments, and judges each part.
func (r *Report) add(o Options, group []Payment) {
	slices.SortFunc(group, func(a, b Payment) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	for begin, end := 0, 1; end <= len(group); end++ {
		if end < len(group) && (o.Within <= 0 ||
			group[end].Created.Sub(group[end-1].Created) <= o.Within) {
			continue
		}
		if end-begin > 1 {
			s := o.judge(group[begin:end])
			for _, p := range s.Payments {
				if back := s.Back(p); back > 0 {
					r.Back[p.Currency] += back
				}
			}
			r.Suspects = append(r.Suspects, s)
		}
		begin = end
	}
}

// traits are what doubles have in common; two of them are worth saying.
var traits = []struct {
	name string
	of   func(Payment) string
	said bool
}{
	{"amount", func(p Payment) string { return amount(p.AmountMinor, p.Currency) }, false},
	{"customer", func(p Payment) string { return p.Customer }, false},
	{"description", func(p Payment) string { return p.Description }, true},
	{"statement descriptor", func(p Payment) string { return p.Descriptor }, true},
}

// judge picks the payment to keep: the earliest of which nothing was given back.
func (o Options) judge(payments []Payment) Suspect {
	s, standing, first := Suspect{Payments: payments, Sure: Likely}, 0, payments[0]
	s.Why = fmt.Sprintf("%d payments of %s in %v", len(payments),
		cmp.Or(first.Customer, "no customer"),
		payments[len(payments)-1].Created.Sub(first.Created))
	var doubts []string
	for _, trait := range traits {
		of := trait.of(first)
		switch other := func(p Payment) bool { return trait.of(p) != of }; {
		case slices.ContainsFunc(payments, other):
			doubts = append(doubts, trait.name+"s differ")
		case trait.said && of != "":
			s.Why += ", same " + trait.name
		}
	}
	prefix := first.Key
	for _, p := range payments {
		if p.left() > 0 {
			standing++
		}
		if s.Keep == "" && p.RefundedMinor == 0 && !p.Disputed {
			s.Keep = p.ID
		}
		if p.Unclear {
			doubts = append(doubts, p.name()+" was captured in part: see what was given back of it")
		}
		if p.Disputed {
			doubts = append(doubts, p.name()+" is disputed: that money may go back another way")
		}
		for _, either := range []map[string]string{first.Metadata, p.Metadata} {
			for key := range either {
				if p.Metadata[key] != first.Metadata[key] {
					doubts = append(doubts, "metadata "+key+" differs")
				}
			}
		}
		for !strings.HasPrefix(p.Key, prefix) {
			prefix = prefix[:len(prefix)-1]
		}
	}
	if len(prefix) >= shortestPrefix {
		s.Why += fmt.Sprintf(", idempotency keys that begin with %q", prefix)
	}
	if s.Keep == "" && standing > 1 {
		doubts = append(doubts, "none is untouched: choose which to keep")
	}
	switch {
	case standing < 2:
		s.Sure, s.Keep = Settled, ""
	case len(doubts) > 0:
		s.Sure, s.Keep = Unsure, ""
	}
	slices.Sort(doubts)
	if doubts = slices.Compact(doubts); len(doubts) > 0 {
		s.Why += "; " + strings.Join(doubts, "; ")
	}
	return s
}

// shortestPrefix is longer than random keys have in common.
const shortestPrefix = 6
