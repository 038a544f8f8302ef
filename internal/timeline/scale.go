package timeline

import (
	"slices"
	"time"

	"example.com/triplecharge/internal/event"
)

// scale maps times to positions on a line. It is linear with two exceptions: long stretches in
// which nothing happens are shortened, and marks in the same lane are kept apart.
type scale struct {
	times []time.Duration // from 0 to the length, ascending
	xs    []float64       // their positions
	cuts  []int           // the shortened stretches, by the index of their end in times
}

// A stretch without events is shortened if it lasts longer than cutAfter (which is longer than a
// charge takes) and more than 1/cutPart of the whole. It then gets cutWidth of the line.
const (
	cutAfter = 300 * time.Millisecond
	cutPart  = 5
	cutWidth = 0.1
)

// newScale returns a scale of this width, on which marks in one lane are about least apart.
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

// gaps returns the widths of the stretches between the times, and records which are shortened.
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

// spread widens the gap before a mark that is too close to the previous one in its lane.
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

// x returns the position of a time. Times outside the scale are at its ends.
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

// marks returns the times of the marks in each lane.
func (p Picture) marks() [][]time.Duration {
	var lanes [][]time.Duration
	for _, lane := range p.all() {
		var marks []time.Duration
		for _, s := range lane.Steps {
			switch {
			case slices.Contains([]Kind{Charge, Answer, Sent, Hold, Pause, Cut}, s.Kind):
				marks = append(marks, s.From, s.To)
			case s.Kind != Fail || s.Event.Kind != event.InvoiceFailed:
				marks = append(marks, s.To)
			}
		}
		lanes = append(lanes, marks)
	}
	return lanes
}
