package explore

// countSchedules counts the ways from the first state to the states where the search stops. Ways of
// different lengths may meet, so it visits each state after all states that lead to it.
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

	// Sort the edges by the state that they come from.
	begins := make([]uint32, states+1)
	waits := make([]uint32, states) // how many edges a state still waits for
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

// eachEdge skips the edge from the first state to itself.
func (s *search) eachEdge(do func(edge)) {
	for i := range s.shards {
		for _, e := range s.shards[i].edges {
			if e.from != e.to {
				do(e)
			}
		}
	}
}
