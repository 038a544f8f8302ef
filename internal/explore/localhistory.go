package explore

import (
	"sync"

	"example.com/triplecharge/billing"
)

// history identifies the answers that a server has received since it began. It is a hash of them,
// so that it is the same in every search, whichever worker finds it first.
type history uint64

const (
	idle history = iota // it has not begun
	done                // it has ended, no matter how
)

// point is where a history leads: a call that needs an answer, or an end.
type point struct {
	answers []answer
	program uint8
	next    call
	end     *ending
}

// after returns the history that one more answer leads to.
func (h history) after(program uint8, a answer) history {
	const odd = 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio: it spreads similar numbers
	x := (uint64(h)^a.bits()<<3^uint64(program)<<1)*odd + odd
	x ^= x >> 29
	x *= 0xbf58476d1ce4e5b9 // as in splitmix64
	x ^= x >> 32
	return history(x | 1<<63) // never idle, never done
}

// histories are all points that servers have reached. Safe for concurrent use.
type histories struct {
	programs []program
	leases   leaseNumbers
	points   sync.Map // *point by history
}

// program is what a server runs.
type program struct {
	mode   billing.Mode
	lock   lock
	leases *leaseNumbers
}

// numberLeases runs the mode once, so that its leases have the same numbers in every search,
// whichever worker asks for them first.
func (p program) numberLeases() {
	const calls = 100 // more than a mode makes; a mode that waits for something may never end
	answers := []answer{{card: oldCard}}
	for range calls {
		if _, end := p.run(answers, nil); end != nil {
			return
		}
		answers = append(answers, answer{n: 1, intent: 1})
	}
}

func newHistories(modes ...billing.Mode) *histories {
	all := &histories{}
	for _, m := range modes {
		p := program{m, locks()[m.Lock], &all.leases}
		p.numberLeases()
		all.programs = append(all.programs, p)
	}
	return all
}

// at returns the point of a history that begin or after has returned.
func (all *histories) at(h history) *point {
	p, _ := all.points.Load(h)
	return p.(*point)
}

// begin returns the history of a server that begins with the invoice as it is listed.
func (all *histories) begin(program uint8, c card, t terms) history {
	return all.add(idle, program, nil, answer{card: c, terms: t})
}

// after returns the history of a server that has received one more answer.
func (all *histories) after(h history, a answer) history {
	p := all.at(h)
	return all.add(h, p.program, p.answers, a)
}

// add runs the program to find out where an answer leads, unless that is known.
func (all *histories) add(from history, program uint8, before []answer, a answer) history {
	to := from.after(program, a)
	if _, known := all.points.Load(to); !known {
		p := &point{answers: append(before[:len(before):len(before)], a), program: program}
		p.next, p.end = all.programs[program].run(p.answers, nil)
		all.points.Store(to, p)
	}
	return to
}

func (all *histories) runs() (n int) {
	all.points.Range(func(any, any) bool { n++; return true })
	return n
}
