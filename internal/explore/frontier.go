package explore

import (
	"encoding/binary"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// A state's number holds its shard, in the lowest bits of its hash, and its place in the shard.
const (
	shardBits = 6
	shards    = 1 << shardBits
	chunkSize = 256 // states that a worker takes at a time
	batchSize = 128 // chunks that are expanded before their successors are looked up

	// maxEdges limits the moves that a shard remembers for counting schedules, since they need most
	// of a search's memory. Larger searches skip the count.
	maxEdges = 1 << 20
)

// shard holds a part of all states found, and of the states to expand next.
type shard struct {
	places  map[uint64]uint32 // by hash
	parents []uint32          // by place: the state that it was first reached from
	moves   []move            // by place: the move that reached it

	edges []edge // all moves that lead to the shard's states
	states
}

// edge is a move between two states, by their numbers.
type edge struct{ from, to uint32 }

// states are encoded worlds, each after its place and its length.
type states struct {
	data   []byte
	chunks []int // where each chunk begins in data
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

// chunk is a part of the frontier that one worker expands.
type chunk struct {
	shard int
	data  []byte
}

// takeFrontier takes the states that were found last, as chunks, and empties the frontier.
func (s *search) takeFrontier() (chunks []chunk) {
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

// successor is a state that a move leads to.
type successor struct {
	hash   uint64
	parent uint32
	move   move
	wrong  bool
	from   int // where its encoded world is in the successors' data
	to     int
}

// successors are the states that a chunk leads to, shard by shard.
type successors struct {
	data  []byte
	found [shards][]successor
	wrong []violation // the first of each word
	moves int
}

// reset empties them and keeps the memory.
func (s *successors) reset() {
	s.data, s.wrong, s.moves = s.data[:0], nil, 0
	for i := range s.found {
		s.found[i] = s.found[i][:0]
	}
}

// violation is a move to a state in which something is wrong.
type violation struct {
	word   string
	parent uint32
	move   move
}

// expand makes every possible move from a chunk's states.
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
	hash := xxhash.Sum64(s.data[from:])
	word := w.wrong()
	known := func(v violation) bool { return v.word == word }
	if word != "" && !slices.ContainsFunc(s.wrong, known) {
		s.wrong = append(s.wrong, violation{word, parent, m})
	}
	at := hash % shards
	s.found[at] = append(s.found[at], successor{hash, parent, m, word != "", from, len(s.data)})
}

// merge adds the states that are new to the shard to the frontier. It keeps the successors' order,
// so that the outcome doesn't depend on the number of workers.
func (sh *shard) merge(at int, found *successors) (violations int) {
	for _, f := range found.found[at] {
		place, known := sh.places[f.hash]
		if !known {
			place = uint32(len(sh.parents))
			sh.places[f.hash] = place
		}
		if len(sh.edges) < maxEdges {
			sh.edges = append(sh.edges, edge{f.parent, place<<shardBits | uint32(at)})
		}
		if known {
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
