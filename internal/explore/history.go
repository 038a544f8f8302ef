package explore

import (
	"sync"

	"example.com/triplecharge/billing"
)

// history names what a server has been told since it began. It is a hash, so that it is the same in
// every run, whoever comes to it first.
type history uint64

const (
	idle history = iota // it has not begun
	done                // it has come to its end; how is of no interest to anybody
)

// point is where a history leads: to a call that needs an answer, or to an end.
type point struct {
	answers []answer
	program uint8
	next    call
	end     *ending
}

// after is the history that an answer makes of this one.
func (h history) after(program uint8, a answer) history {
	const odd = 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio: it spreads what differs little
	x := (uint64(h)^a.bits()<<3^uint64(program)<<1)*odd + odd
	x ^= x >> 29
	x *= 0xbf58476d1ce4e5b9 // as in splitmix64
	x ^= x >> 32
	return history(x | 1<<63) // never idle, never done
}

// histories are the points that servers have come to, for all who search. Each searcher has a view.
type histories struct {
	programs []billing.Mode
	mu       sync.Mutex
	points   map[history]*point
}

// view is one searcher's: what it has looked up once, it has without a lock.
type view struct {
	all    *histories
	points map[history]*point
}

func newHistories(programs ...billing.Mode) *histories {
	return &histories{programs: programs, points: make(map[history]*point)}
}

func (all *histories) view() view { return view{all, make(map[history]*point)} }

// at returns the point of a history that has been added.
func (v view) at(h history) *point {
	p, known := v.points[h]
	if known {
		return p
	}
	v.all.mu.Lock()
	p = v.all.points[h]
	v.all.mu.Unlock()
	v.points[h] = p
	return p
}

// begin returns the history of a server that begins with the invoice as it is.
func (v view) begin(program uint8, c card) history {
	return v.add(idle, program, nil, answer{card: c})
}

// told returns the history of a server that was told one more answer.
func (v view) told(h history, a answer) history {
	p := v.at(h)
	return v.add(h, p.program, p.answers, a)
}

// add finds out where an answer leads, if nobody has been there.
func (v view) add(from history, program uint8, before []answer, a answer) history {
	to := from.after(program, a)
	if _, known := v.points[to]; known {
		return to
	}
	v.all.mu.Lock()
	p, known := v.all.points[to]
	v.all.mu.Unlock()
	if !known {
		p = &point{answers: append(before[:len(before):len(before)], a), program: program}
		p.next, p.end = run(v.all.programs[program], p.answers)
		v.all.mu.Lock()
		v.all.points[to] = p
		v.all.mu.Unlock()
	}
	v.points[to] = p
	return to
}
