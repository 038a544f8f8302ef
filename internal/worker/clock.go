package worker

import (
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// wake is the longest time without a look at the clock: a timer stands still while the machine
// is suspended, the clock does not.
const wake = time.Minute

// nap returns how long to wait before the next look at the clock.
func nap(due, now time.Time) time.Duration { return min(due.Sub(now.Round(0)), wake) }

// due returns the first scheduled time after both the last one and now: no time comes twice if the
// clock is set back or the timer fires early. It is zero if there is none within five years.
//
// cron is asked for readings of the zone's clock, written as UTC: in a zone whose clock is put
// forward or back, it misses some times, and returns others twice.
func (p plan) due(last, now time.Time) time.Time {
	if last.After(now) {
		now = last
	}
	if every, ok := p.schedule.(cron.ConstantDelaySchedule); ok { // "@every 1h" reads no clock
		return every.Next(now.In(p.zone))
	}
	for read := p.schedule.Next(reading(now.In(p.zone))); ; read = p.schedule.Next(read) {
		if read.IsZero() {
			return read
		}
		if at := firstAt(read, p.zone); at.After(now) {
			return at
		}
	}
}

// last returns the last scheduled time until now. It is zero if there is none within eight years (a
// leap day may be that far away), or if the schedule is an interval.
func (p plan) last(now time.Time) (last time.Time) {
	if _, ok := p.schedule.(cron.ConstantDelaySchedule); ok {
		return last
	}
	const day = 24 * time.Hour
	for _, back := range []time.Duration{
		time.Minute, time.Hour, day, 32 * day, 367 * day, 8 * 367 * day,
	} {
		due := p.due(time.Time{}, now.Add(-back))
		for ; !due.IsZero() && !due.After(now); due = p.due(due, due) {
			last = due
		}
		if !last.IsZero() {
			break
		}
	}
	return last
}

// nextThree returns the scheduled time and the two after it, for people.
func (p plan) nextThree(due time.Time) string {
	var times []string
	for ; len(times) < 3 && !due.IsZero(); due = p.due(due, due) {
		times = append(times, due.In(p.zone).Format(time.RFC3339))
	}
	return strings.Join(times, ", ")
}

// reading returns, as UTC, what a clock in t's zone shows at t.
func reading(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// firstAt returns the first time at which the zone's clock shows the reading; if it skips that
// reading, the end of the gap.
func firstAt(read time.Time, zone *time.Location) time.Time {
	y, m, d := read.Date()
	t := time.Date(y, m, d, read.Hour(), read.Minute(), read.Second(), read.Nanosecond(), zone)
	begin, end := t.ZoneBounds() // of the offset that time.Date has chosen
	switch shown := reading(t); {
	case shown.After(read):
		return begin
	case shown.Before(read):
		return end
	case begin.IsZero():
		return t
	}
	_, offset := begin.Add(-1).Zone()
	earlier := read.Add(-time.Duration(offset) * time.Second).In(zone)
	if earlier.Before(begin) {
		return earlier
	}
	return t
}
