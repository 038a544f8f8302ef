package worker

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // so that --timezone works where no zones are installed, as in small containers

	"github.com/robfig/cron/v3"

	"example.com/triplecharge/billing"
)

// parseZone returns the time zone of that name, which must mean the same to every server.
func parseZone(name string) (*time.Location, error) {
	// Not time.Local.String(): that is "UTC" where no zone is set, as in a container.
	if name == "" || name == "Local" {
		return nil, fmt.Errorf("%q: servers might disagree about it", name)
	}
	return time.LoadLocation(name)
}

// parseAt parses a due time; nil is "now". The time must be in the same month there, where its
// offset is used, and in the zone: "Z" is an offset, too. It must be near now, unless forced: a
// typing error must not bill another year.
func parseAt(s string, zone *time.Location, now time.Time, force bool) (*time.Time, error) {
	if s == "now" {
		return nil, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return nil, fmt.Errorf("%q: want a time such as 2026-12-01T00:00:00Z, or now", s)
	}
	there, here := billing.PeriodOf(t), billing.PeriodOf(t.In(zone))
	if err := here.Validate(); err != nil {
		return nil, fmt.Errorf("%q: %w", s, err)
	}
	if there != here {
		return nil, fmt.Errorf("%q is in %s, but in the time zone %s it is in %s, which would be "+
			"billed: give the time with that zone's offset, or set --timezone",
			s, there, zone, here)
	}
	if !force && (t.Before(now.AddDate(-1, 0, 0)) || t.After(now.AddDate(1, 0, 0))) {
		return nil, fmt.Errorf("%q is more than a year from today, %s: if %s is to be billed, "+
			"add --force-at, or \"force\": true to POST /runs",
			s, now.In(zone).Format(time.DateOnly), here)
	}
	return &t, nil
}

// orNow returns the due time; nil is now.
func orNow(at *time.Time) time.Time {
	if at == nil {
		return time.Now()
	}
	return *at
}

func parseSchedule(s string, now time.Time) (cron.Schedule, error) {
	if strings.Contains(s, "TZ=") {
		return nil, fmt.Errorf("%q: give the time zone as --timezone, which also sets the month", s)
	}
	if strings.Contains(s, "?") {
		return nil, fmt.Errorf("%q: this is AWS' syntax, whose sixth field is the year: want "+
			"minute, hour, day, month and weekday with * for any, such as \"0 0 1 * *\"", s)
	}
	if every, ok := strings.CutPrefix(s, "@every "); ok {
		if d, err := time.ParseDuration(every); err != nil || d <= 0 || d%time.Second != 0 {
			return nil, fmt.Errorf("%q: want whole seconds, one or more, such as @every 1h", s)
		}
	}
	schedule, err := cron.NewParser(cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom |
		cron.Month | cron.Dow | cron.Descriptor).Parse(s)
	if err != nil {
		return nil, fmt.Errorf("%q: %w: want minute, hour, day, month and weekday, "+
			"such as \"0 0 1 * *\"", s, err)
	}
	if schedule.Next(now).IsZero() { // cron searches five years ahead
		return nil, fmt.Errorf("%q: this schedule never fires", s)
	}
	return schedule, nil
}
