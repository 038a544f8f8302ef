package timeline

import (
	"slices"
	"time"
)

// scale puts times on a line. Time is drawn to scale, but for two things: a long stretch in which
// nothing happens is cut short, and two marks of one lane are kept apart.
type scale struct {
	times []time.Duration // from 0 to the length, ascending
	xs    []float64       // where they are
	cuts  []int           // the stretches that are cut, by the index of their end in times
}

const (
	// cutAfter is how long nothing must happen for the line to be cut: longer than a charge takes.
	cutAfter = 300 * time.Millisecond
	// cutPart is the part of the whole that a stretch must be, to be cut.
	cutPart = 5
	// cutWidth is the part of the line that is left of it.
	cutWidth = 0.1
)

// newScale makes a scale of the width, on which the marks of a lane are about least apart.
func newScale(length time.Duration, lanes [][]time.Duration, width, least float64) scale {
	s := scale{times: []time.Duration{0, length}}
	for _, lane := range lanes {
		s.times = append(s.times, lane...)
	}
	slices.Sort(s.times)
	s.times = slices.Compact(s.times)
	if len(s.times) == 1 {
		s.xs = []float64{0}
		return s
	}
	gaps := s.gaps(length, width)
	s.spread(gaps, lanes, least)
	sum := 0.0
	for _, g := range gaps {
		sum += g
	}
	s.xs = []float64{0}
	for i, g := range gaps {
		s.xs = append(s.xs, s.xs[i]+g*width/sum)
	}
	return s
}

// gaps are the widths of the stretches between the times, those that are too long cut.
func (s *scale) gaps(length time.Duration, width float64) []float64 {
	left := length
	for i := 1; i < len(s.times); i++ {
		if d := s.times[i] - s.times[i-1]; d > cutAfter && d > length/cutPart {
			s.cuts = append(s.cuts, i)
			left -= d
		}
	}
	rest := width * (1 - cutWidth*float64(len(s.cuts)))
	gaps := make([]float64, len(s.times)-1)
	for i := range gaps {
		if slices.Contains(s.cuts, i+1) {
			gaps[i] = width * cutWidth
		} else {
			gaps[i] = rest * float64(s.times[i+1]-s.times[i]) / float64(left)
		}
	}
	return gaps
}

// spread widens what is before a mark that is too near to the one before it in its lane.
func (s *scale) spread(gaps []float64, lanes [][]time.Duration, least float64) {
	type pair struct{ from, to int }
	var pairs []pair
	for _, lane := range lanes {
		marks := slices.Clone(lane)
		slices.Sort(marks)
		marks = slices.Compact(marks)
		for i := 1; i < len(marks); i++ {
			from, _ := slices.BinarySearch(s.times, marks[i-1])
			to, _ := slices.BinarySearch(s.times, marks[i])
			pairs = append(pairs, pair{from, to})
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int { return a.to - b.to })
	for _, p := range pairs {
		apart := 0.0
		for _, g := range gaps[p.from:p.to] {
			apart += g
		}
		if apart < least {
			gaps[p.to-1] += least - apart
		}
	}
}

// x is where a time is. What is outside the scale is at its ends.
func (s scale) x(t time.Duration) float64 {
	i, found := slices.BinarySearch(s.times, t)
	switch {
	case found:
		return s.xs[i]
	case i == 0:
		return 0
	case i == len(s.times):
		return s.xs[i-1]
	}
	from, to := s.times[i-1], s.times[i]
	return s.xs[i-1] + (s.xs[i]-s.xs[i-1])*float64(t-from)/float64(to-from)
}

// marks are the times at which something is to be seen in each lane.
func (p Picture) marks() [][]time.Duration {
	var lanes [][]time.Duration
	for _, lane := range append(slices.Clone(p.Lanes), p.Stores...) {
		var marks []time.Duration
		for _, s := range lane.Steps {
			switch s.Kind {
			case Charge, Answer, Sent, Hold, Stand, Cut:
				marks = append(marks, s.From, s.To)
			case Fail:
				if s.Event.Name != "invoice.failed" {
					marks = append(marks, s.To)
				}
			default:
				marks = append(marks, s.To)
			}
		}
		lanes = append(lanes, marks)
	}
	return lanes
}
