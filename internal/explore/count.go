package explore

// countSchedules counts the ways from the first state to those behind which nothing happens, or
// nothing that was looked at. Where two ways of different lengths meet, the levels of the search
// don't say how many there are; so each state comes behind all that lead to it.
func (s *search) countSchedules() (total float64) {
	var (
		offsets [shards + 1]uint32
		many    int
	)
	for i := range s.shards {
		if len(s.shards[i].edges) == maxEdges {
			return 0
		}
		offsets[i+1] = offsets[i] + uint32(len(s.shards[i].parents))
		many += len(s.shards[i].edges)
	}
	states := offsets[shards]
	index := func(number uint32) uint32 { return offsets[number%shards] + number/shards }

	// The edges by the states that they come from.
	begins := make([]uint32, states+1)
	waits := make([]uint32, states) // for so many edges
	s.eachEdge(func(e edge) {
		begins[index(e.from)+1]++
		waits[index(e.to)]++
	})
	for i := range states {
		begins[i+1] += begins[i]
	}
	to, next := make([]uint32, many), append([]uint32(nil), begins...)
	s.eachEdge(func(e edge) {
		from := index(e.from)
		to[next[from]] = index(e.to)
		next[from]++
	})

	ways := make([]float64, states)
	var ready []uint32
	for i := range states {
		if waits[i] == 0 { // the first state only
			ways[i], ready = 1, append(ready, i)
		}
	}
	for len(ready) > 0 {
		from := ready[len(ready)-1]
		ready = ready[:len(ready)-1]
		if begins[from] == begins[from+1] {
			total += ways[from]
		}
		for _, t := range to[begins[from]:begins[from+1]] {
			ways[t] += ways[from]
			if waits[t]--; waits[t] == 0 {
				ready = append(ready, t)
			}
		}
	}
	return total
}

// eachEdge leaves out that the first state comes from itself.
func (s *search) eachEdge(do func(edge)) {
	for i := range s.shards {
		for _, e := range s.shards[i].edges {
			if e.from != e.to {
				do(e)
			}
		}
	}
}
