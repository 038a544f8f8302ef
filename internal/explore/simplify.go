package explore

import (
	"iter"
	"slices"
)

// simplify makes a schedule easier to follow: it has the same length and end, and the fewest faults
// and changes of turn that single changes can reach.
func (s *search) simplify(moves []named, wrong string) []named {
	for changed := range changes(moves) {
		if complexity(changed) < complexity(moves) && s.leads(changed, wrong) {
			return s.simplify(changed, wrong)
		}
	}
	return moves
}

// complexity counts the faults first, then how often one server follows another.
func complexity(moves []named) (n int) {
	for i, m := range moves {
		if m.kind.isFault() {
			n += len(moves) // more than all turns count
		}
		if i > 0 && m.who != moves[i-1].who {
			n++
		}
	}
	return n
}

// changes are the schedules in which one fault is replaced by a server's own move, and those in
// which some moves are made earlier or later. Not all of them can happen.
func changes(moves []named) iter.Seq[[]named] {
	return func(yield func([]named) bool) {
		for i, m := range moves {
			for _, plain := range []kind{ask, carry, reply} {
				changed := slices.Clone(moves)
				changed[i] = named{plain, m.who}
				if m.kind.isFault() && !yield(changed) {
					return
				}
			}
		}
		for from := range moves {
			for to := from + 1; to <= len(moves); to++ {
				rest := slices.Delete(slices.Clone(moves), from, to)
				for at := range len(rest) + 1 {
					if !yield(slices.Insert(slices.Clone(rest), at, moves[from:to]...)) {
						return
					}
				}
			}
		}
	}
}

// leads reports whether the moves can happen and end in this violation, with no other before it.
func (s *search) leads(moves []named, wrong string) bool {
	k := s.playback()
	for _, n := range moves {
		m, err := k.find(n)
		if err != nil || k.world.wrong() != "" {
			return false
		}
		k.take(m)
	}
	return k.world.wrong() == wrong
}

// inOrder renames the servers in the order in which they begin, since they are alike.
func inOrder(moves []named) []named {
	names := map[string]string{}
	moves = slices.Clone(moves)
	for i, m := range moves {
		if !m.kind.ofServer() || m.who == fresh {
			continue
		}
		if names[m.who] == "" {
			names[m.who] = letter(len(names))
		}
		moves[i].who = names[m.who]
	}
	return moves
}
