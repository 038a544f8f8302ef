package explore

import (
	"iter"
	"slices"
)

// tidy makes a schedule easier to follow. It stays as long and ends as it did; but nothing goes
// wrong that needn't, and servers take turns as seldom as changing one thing at a time comes to.
func (s *search) tidy(moves []named, wrong string) []named {
	better := func(changed []named) bool {
		return untidiness(changed) < untidiness(moves) && s.leads(changed, wrong)
	}
	for {
		changed, found := first(changes(moves), better)
		if !found {
			return moves
		}
		moves = changed
	}
}

func first[T any](all iter.Seq[T], is func(T) bool) (found T, ok bool) {
	for v := range all {
		if is(v) {
			return v, true
		}
	}
	return found, false
}

// untidiness counts what goes wrong, and then how often one server follows another.
func untidiness(moves []named) (n int) {
	for i, m := range moves {
		if m.kind.isFault() {
			n += len(moves) // more than there are turns
		}
		if i > 0 && m.who != moves[i-1].who {
			n++
		}
	}
	return n
}

// changes are the schedules in which a server goes on instead of something going wrong, and those
// in which some moves are made earlier or later. Not all of them can happen.
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

// leads reports whether the moves can happen, and lead to what is wrong and to nothing else before.
func (s *search) leads(moves []named, wrong string) bool {
	k := s.walk()
	for _, n := range moves {
		m, err := k.find(n)
		if err != nil || k.world.wrong() != "" {
			return false
		}
		k.take(m)
	}
	return k.world.wrong() == wrong
}

// inOrder names the servers in the order in which they begin, since they are alike.
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
