package timeline

import "time"

// half is half the height of the bars on a lane's line, in pixels.
const half = 8

// lane draws a lane: stretches first, marks on top of them, then labels.
func (s *sheet) lane(lane Lane) {
	y := s.lines[lane.Name]
	s.leases(lane, y)
	for _, step := range lane.Steps {
		s.stretch(step, y)
	}
	for i, step := range lane.Steps {
		s.mark(lane, i, step, y)
	}
	for _, l := range s.placed(s.labels(lane)) {
		s.text(l.left, y-half-6-float64(l.row*rowHeight), l.class, l.words)
	}
}

// leases draws how long a server believes that it holds a lease: until it releases or loses the
// lease, or is killed.
func (s *sheet) leases(lane Lane, y float64) {
	var since time.Duration
	holds := false
	for _, step := range lane.Steps {
		switch step.Kind {
		case Obtain:
			since, holds = step.To, true
		case Release, Lose, Kill:
			if holds {
				s.bar("held", since, step.To, y)
			}
			holds = false
		}
	}
	if holds {
		s.bar("held", since, s.Length, y)
	}
}

// bar draws a stretch of a lane as a rectangle.
func (s *sheet) bar(class string, from, to time.Duration, y float64) {
	s.shape("rect", class, `x="%.1f" y="%.1f" width="%.1f" height="%d"`,
		s.x(from), y-half, max(2, s.x(to)-s.x(from)), 2*half)
}

func (s *sheet) stretch(step Step, y float64) {
	line := func(class string) {
		s.shape("path", class, `d="M%.1f %.1fH%.1f"`, s.x(step.From), y, s.x(step.To))
	}
	switch slow := s.x(step.To)-s.x(step.From) > svgApart; {
	case step.Kind == Hold:
		s.bar("held", step.From, step.To, y)
	case step.Kind == Sent:
		line("way unanswered")
	case step.stretch() == Pause:
		s.bar("paused", step.From, step.To, y)
	case step.stretch() == Cut:
		s.bar("off", step.From, step.To, y)
	case step.stretch() == Sent, step.Kind == Take && slow:
		line("way")
	}
}

// mark draws the mark of a lane's i-th step, at the step's end.
func (s *sheet) mark(lane Lane, i int, step Step, y float64) {
	x := s.x(step.To)
	switch step.Kind {
	case Charge, Take:
		s.money(x, y, step.Nth)
	case Answer:
		s.shape("circle", "dot", `cx="%.1f" cy="%.1f" r="8"`, x, y)
		s.text(x, y+4, "sign", "=")
	case Held, Skip:
		s.shape("circle", "dot", `cx="%.1f" cy="%.1f" r="4"`, x, y)
	case Resend, Start, Restart, Pass, Replace, Act:
		s.shape("path", "fill", `d="M%.1f %.1fl9 6l-9 6z"`, x-3, y-6)
	case Claim, Token, Prepare, Register, Postpone, Return:
		s.shape("circle", "fill", `cx="%.1f" cy="%.1f" r="3"`, x, y)
	case Fail, Lose, Break, Kill, Expire, Refuse:
		if !lane.repeats(i) {
			s.shape("path", "cross", `d="M%.1f %.1fl12 12m0 -12l-12 12"`, x-6, y-6)
		}
	case Record:
		if lane.Name == Ledger {
			s.shape("rect", "dot", `x="%.1f" y="%.1f" width="12" height="12"`, x-6, y-6)
			s.text(x, y+4.5, "sign", "+")
		}
	}
	if step.Kind == Kill {
		s.down(lane, step.To, y)
	}
}

// money draws a charge: the invoice's first as a circle, any further one as a diamond.
func (s *sheet) money(x, y float64, nth int) {
	if nth > 1 {
		s.shape("path", "toomuch charge", `d="M%.1f %.1fl12 12l-12 12l-12 -12z"`, x, y-12)
	} else {
		s.shape("circle", "money charge", `cx="%.1f" cy="%.1f" r="9"`, x, y)
	}
	s.text(x, y+4.5, "sign", "$")
}

// down draws a server's absence, from its kill to its next start.
func (s *sheet) down(lane Lane, from time.Duration, y float64) {
	to := s.Length
	for _, step := range lane.Steps {
		if step.Kind == Start && step.To > from {
			to = min(to, step.To)
		}
	}
	s.shape("path", "paper", `d="M%.1f %.1fH%.1fv3H%.1fz"`, s.x(from)+8, y-1.5, s.x(to)-4,
		s.x(from)+8)
	s.shape("path", "down", `d="M%.1f %.1fH%.1f"`, s.x(from)+8, y, s.x(to)-4)
}
