package timeline

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever the times are, the line has the right length, and no later time is drawn before an
// earlier one.
func TestTheScaleKeepsTheOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		times := rapid.SliceOf(rapid.Map(rapid.Int64Range(0, int64(20*time.Second)),
			func(n int64) time.Duration { return time.Duration(n) }))
		lanes := rapid.SliceOfN(times, 0, 5).Draw(t, "lanes")
		var length time.Duration
		for _, lane := range lanes {
			for _, at := range lane {
				length = max(length, at)
			}
		}
		s := newScale(length, lanes, 100, 3)
		if got := s.x(length); length > 0 && (got < 99.99 || got > 100.01) {
			t.Fatalf("the end is at %v", got)
		}
		if s.x(0) != 0 || s.x(-time.Second) != 0 {
			t.Fatalf("the beginning is at %v", s.x(0))
		}
		for i := 1; i < len(s.xs); i++ {
			if !(s.xs[i] >= s.xs[i-1]) || s.x(s.times[i]-1) > s.xs[i] {
				t.Fatalf("%v is at %v, %v before it at %v", s.times[i], s.xs[i], s.times[i-1],
					s.xs[i-1])
			}
		}
	})
}

func TestWhatIsLongAndEmptyIsCut(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for name, test := range map[string]struct {
		times []time.Duration
		cuts  int
	}{
		"nothing":                 {nil, 0},
		"a charge of a quarter":   {[]time.Duration{0, 250 * ms, 255 * ms}, 0},
		"two seconds":             {[]time.Duration{0, 10 * ms, 2010 * ms, 2020 * ms}, 1},
		"nothing but two seconds": {[]time.Duration{0, 2000 * ms}, 1},
		"steps of a second each":  {seconds(8), 0},
	} {
		var length time.Duration
		if len(test.times) > 0 {
			length = test.times[len(test.times)-1]
		}
		s := newScale(length, [][]time.Duration{test.times}, 100, 0)
		if len(s.cuts) != test.cuts {
			t.Errorf("%s: %d cuts, want %d", name, len(s.cuts), test.cuts)
		}
		for _, i := range s.cuts {
			if wide := s.xs[i] - s.xs[i-1]; test.cuts > 0 && len(test.times) > 2 && wide > 11 {
				t.Errorf("%s: what is cut is %.1f wide", name, wide)
			}
		}
	}
}

func seconds(n int) []time.Duration {
	var times []time.Duration
	for i := range n {
		times = append(times, time.Duration(i)*time.Second)
	}
	return times
}
