package worker

import (
	"archive/zip"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func scheduled(t *testing.T, schedule string, zone *time.Location) plan {
	t.Helper()
	s, err := parseSchedule(schedule, time.Unix(0, 0))
	must(t, err)
	return plan{schedule: s, zone: zone}
}

func TestATimeThatTheClockSkipsOrRepeatsFiresOnce(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ schedule, zone, now, due, next string }{
		{"0 2 1 * *", "Australia/ACT", "2028-09-30T00:00:00+10:00",
			"2028-10-01T03:00:00+11:00", "2028-11-01T02:00:00+11:00"},
		{"0 0 1 * *", "Australia/Lord_Howe", "2028-10-01T00:00:00+10:30",
			"2028-11-01T00:00:00+11:00", "2028-12-01T00:00:00+11:00"},
		{"30 1 1 * *", "America/New_York", "2026-10-31T00:00:00-04:00",
			"2026-11-01T01:30:00-04:00", "2026-12-01T01:30:00-05:00"},
		{"30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00+01:00",
			"2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"},
		{"0 0 * * *", "Africa/Cairo", "2026-04-23T12:00:00+02:00",
			"2026-04-24T01:00:00+03:00", "2026-04-25T00:00:00+03:00"},
	} {
		t.Run(test.zone+" "+test.schedule, func(t *testing.T) {
			t.Parallel()
			zone, err := time.LoadLocation(test.zone)
			must(t, err)
			p := scheduled(t, test.schedule, zone)
			now, err := time.Parse(time.RFC3339, test.now)
			must(t, err)
			due := p.due(time.Time{}, now)
			if got := due.In(zone).Format(time.RFC3339); got != test.due {
				t.Errorf("got %s, want %s", got, test.due)
			}
			if got := p.due(due, due).In(zone).Format(time.RFC3339); got != test.next {
				t.Errorf("got %s next, want %s", got, test.next)
			}
		})
	}
}

// With ZONES=all, in every zone that Go knows; otherwise in those with odd clocks.
func TestEachDayAndMonthIsDueOnce(t *testing.T) {
	t.Parallel()
	zones := []string{"UTC", "America/New_York", "Africa/Cairo", "Africa/Casablanca",
		"America/Nuuk", "America/Santiago", "Asia/Beirut", "Australia/Lord_Howe"}
	if os.Getenv("ZONES") == "all" {
		zones = allZones(t)
	}
	for _, name := range zones {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			zone, err := time.LoadLocation(name)
			must(t, err)
			for half := range 48 {
				at := fmt.Sprintf("%d %d", half%2*30, half/2)
				eachOnce(t, scheduled(t, at+" * * *", zone), half, 0, 1)
				eachOnce(t, scheduled(t, at+" 1 * *", zone), half, 1, 0)
			}
		})
	}
}

// eachOnce walks the scheduled times of 2026 to 2036, which lie the months and days apart.
func eachOnce(t *testing.T, p plan, half, months, days int) {
	t.Helper()
	begin := time.Date(2025, 12, 31, 23, 59, 59, 0, p.zone)
	want := time.Date(2026, 1, 1, half/2, half%2*30, 0, 0, time.UTC)
	for due := p.due(time.Time{}, begin); want.Year() <= 2036; due = p.due(due, due) {
		from, _ := due.ZoneBounds()
		before := reading(due.Add(-1)) // a nanosecond earlier: the gap's other end
		skipped := due.Equal(from) && before.Before(want) && reading(due).After(want)
		if got := reading(due); !got.Equal(want) && !skipped {
			t.Fatalf("got %v, want the clock to show %v", due, want)
		}
		want = want.AddDate(0, months, days)
	}
}

func allZones(t *testing.T) (names []string) {
	t.Helper()
	//lint:ignore SA1019 the test runs where it was built
	path := filepath.Join(runtime.GOROOT(), "lib", "time", "zoneinfo.zip")
	archive, err := zip.OpenReader(path)
	must(t, err)
	defer archive.Close()
	for _, f := range archive.File {
		if !strings.HasSuffix(f.Name, "/") {
			names = append(names, f.Name)
		}
	}
	if len(names) < 400 {
		t.Fatalf("got %d zones, want all", len(names))
	}
	return names
}

func TestTheClockIsLookedAtEachMinute(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, test := range []struct{ left, want time.Duration }{
		{30 * 24 * time.Hour, time.Minute}, {time.Second, time.Second}, {-time.Hour, -time.Hour},
	} {
		if got := nap(now.Add(test.left).Round(0), now); got != test.want {
			t.Errorf("%s before it: got a wait of %s, want %s", test.left, got, test.want)
		}
	}
}
