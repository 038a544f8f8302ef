package explore

// seen is a set of hashes, and a number with each: open addressing, so that it takes little more
// than they do. Its zero value is empty.
type seen struct {
	hashes  []uint64 // 0 is a free place
	numbers []uint32
	size    int
}

// add adds a hash with a number, or returns the number that it has already.
func (s *seen) add(hash uint64, number uint32) (has uint32, added bool) {
	const fullest = 0.75 // beyond that, looking for a place takes long
	if float64(s.size+1) > fullest*float64(len(s.hashes)) {
		s.grow()
	}
	i := s.place(hash)
	if s.hashes[i] != 0 {
		return s.numbers[i], false
	}
	s.hashes[i], s.numbers[i] = hash, number
	s.size++
	return number, true
}

// place returns where the hash is, or would be.
func (s *seen) place(hash uint64) int {
	mask := len(s.hashes) - 1
	i := int(hash>>shardBits) & mask // the lowest bits are alike in a shard
	for s.hashes[i] != 0 && s.hashes[i] != hash {
		i = (i + 1) & mask
	}
	return i
}

func (s *seen) grow() {
	const first = 64
	old := *s
	n := max(first, 2*len(old.hashes))
	s.hashes, s.numbers = make([]uint64, n), make([]uint32, n)
	for i, hash := range old.hashes {
		if hash != 0 {
			j := s.place(hash)
			s.hashes[j], s.numbers[j] = hash, old.numbers[i]
		}
	}
}
