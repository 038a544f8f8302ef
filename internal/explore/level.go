package explore

import (
	"encoding/binary"
	"slices"
)

// A state's number names its shard, by the lowest bits of its hash, and its place there.
const (
	shardBits = 6
	shards    = 1 << shardBits
	chunkSize = 256 // states that a searcher takes at a time
	batchSize = 128 // chunks that are expanded before their successors are looked up

	// maxEdges is how many moves a shard remembers, to count the schedules by: they are most of the
	// memory of a search, and in one with more nobody wants to know.
	maxEdges = 1 << 20
)

// shard has a part of the states that were found, and of those to expand next.
type shard struct {
	seen    seen
	parents []uint32 // by place: the state from which it was found first
	moves   []move   // by place: the move that led to it

	edges []edge // of all moves that led to the shard's states
	states
}

// edge is a move from one state to another, by their numbers.
type edge struct{ from, to uint32 }

// states are worlds, each behind its place and its length.
type states struct {
	data   []byte
	chunks []int // where in data each chunk begins
	many   int
}

func (s *states) add(place uint32, world []byte) {
	if s.many%chunkSize == 0 {
		s.chunks = append(s.chunks, len(s.data))
	}
	s.many++
	s.data = binary.LittleEndian.AppendUint32(s.data, place)
	s.data = append(s.data, byte(len(world)), byte(len(world)>>8))
	s.data = append(s.data, world...)
}

// chunk is a part of a level, to be expanded by one searcher.
type chunk struct {
	shard int
	data  []byte
}

// level takes the states that were found last, as chunks, and makes room for the next.
func (s *search) level() (chunks []chunk) {
	for i := range s.shards {
		sh := &s.shards[i]
		for j, from := range sh.chunks {
			to := len(sh.data)
			if j+1 < len(sh.chunks) {
				to = sh.chunks[j+1]
			}
			chunks = append(chunks, chunk{i, sh.data[from:to]})
		}
		sh.states = states{}
	}
	return chunks
}

// successor is a state that was found.
type successor struct {
	hash   uint64
	parent uint32
	move   move
	wrong  bool
	from   int // where its world is in the successors' data
	to     int
}

// successors are what a chunk was expanded to, shard by shard.
type successors struct {
	data  []byte
	found [shards][]successor
	wrong []violation // the first of each word
	moves int
}

// reset empties them, and keeps their room.
func (s *successors) reset() {
	s.data, s.wrong, s.moves = s.data[:0], nil, 0
	for i := range s.found {
		s.found[i] = s.found[i][:0]
	}
}

// violation is a state in which something is wrong.
type violation struct {
	word   string
	parent uint32
	move   move
}

// expand finds out what can become of a chunk's states.
func (e *explorer) expand(c chunk, out *successors) {
	out.reset()
	r := reader(c.data)
	var w world
	for len(r) > 0 {
		place := uint32(r.uint(4))
		r.uint(2)
		r.world(&w)
		e.moves(&w, func(m move) {
			next := w
			e.apply(&next, m)
			next.sort()
			out.add(&next, m, place<<shardBits|uint32(c.shard))
		})
	}
}

func (s *successors) add(w *world, m move, parent uint32) {
	s.moves++
	from := len(s.data)
	s.data = w.append(s.data)
	hash := hashOf(s.data[from:])
	word := w.wrong()
	known := func(v violation) bool { return v.word == word }
	if word != "" && !slices.ContainsFunc(s.wrong, known) {
		s.wrong = append(s.wrong, violation{word, parent, m})
	}
	at := hash % shards
	s.found[at] = append(s.found[at],
		successor{hash, parent, m, word != "", from, len(s.data)})
}

// merge adds what a shard has not seen to the next level. The chunk's successors are looked at in
// their order, so that the outcome is the same however many searchers there were.
func (sh *shard) merge(at int, found *successors) (violations int) {
	for _, f := range found.found[at] {
		place, added := sh.seen.add(f.hash, uint32(len(sh.parents)))
		if len(sh.edges) < maxEdges {
			sh.edges = append(sh.edges, edge{f.parent, place<<shardBits | uint32(at)})
		}
		if !added {
			continue
		}
		sh.parents = append(sh.parents, f.parent)
		sh.moves = append(sh.moves, f.move)
		if f.wrong {
			violations++
			continue
		}
		sh.states.add(place, found.data[f.from:f.to])
	}
	return violations
}
