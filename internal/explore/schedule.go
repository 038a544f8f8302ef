package explore

import (
	_ "embed" // for the schedules
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/faults"
)

// Schedule is a sequence of moves, up to the one after which something is wrong.
type Schedule struct {
	Mode    billing.Mode
	Servers int
	Beside  string // the mode that the first server runs instead; "" for the same
	Wrong   string // the words of package verdict; "" if nothing is wrong
	moves   []named
}

// named is a move by the name of its server, since the servers of a world change their places.
type named struct {
	kind kind
	// who is a server's name, or an orphan's, lease's, key's or node's number; "" for the only one.
	who string
}

// kindNames are the names of moves in a schedule's text, in the order of the kinds.
func kindNames() []string {
	return strings.Fields(`begin ask send carry reply
		arrive end-lease end-claim end-pause redis-up replace-card accept-again hear recovery-run
		expire crash drop-and-crash lose-reply give-up refuse fail-before fail-after cut
		forget decline redis-empty redis-down cancel pay-by-hand change-amount move-customer
		ledger-forgets clock-jumps`)
}

func (s Schedule) words() []string { return strings.Split(s.Wrong, ", ") }

// Len returns the number of moves.
func (s Schedule) Len() int { return len(s.moves) }

// String returns the schedule as ParseSchedule reads it: mode:servers:moves, such as
// locked:3:a.begin,a.ask.
func (s Schedule) String() string {
	mode := s.Mode.Name
	if s.Beside != "" {
		mode += "+" + s.Beside
	}
	var moves []string
	for _, m := range s.moves {
		text := kindNames()[m.kind]
		if m.who != "" {
			text = m.who + "." + text
		}
		moves = append(moves, text)
	}
	return fmt.Sprintf("%s:%d:%s", mode, s.Servers, strings.Join(moves, ","))
}

// ParseSchedule reads what Schedule.String prints. Narrate finds out whether it can happen.
func ParseSchedule(text string) (s Schedule, err error) {
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return s, fmt.Errorf("schedule %q: want mode:servers:moves, as explore prints it", text)
	}
	mode, beside, mixed := strings.Cut(parts[0], "+")
	s.Beside = beside
	if s.Mode, err = billing.ModeNamed(mode); err != nil {
		return s, fmt.Errorf("schedule: %w", err)
	}
	runs := func(row faults.Row) bool { return beside != "" && row.Beside == beside }
	if mixed && !slices.ContainsFunc(faults.Rows(), runs) {
		return s, fmt.Errorf("schedule: no fault runs %q beside another mode", beside)
	}
	s.Servers, err = strconv.Atoi(parts[1])
	if err != nil || s.Servers < 1 || s.Servers > MaxServers {
		return s, fmt.Errorf("schedule: %q servers: want 1 to %d", parts[1], MaxServers)
	}
	for i, move := range strings.Split(parts[2], ",") {
		m, err := parseMove(move)
		if err != nil {
			return s, fmt.Errorf("schedule, move %d: %w", i+1, err)
		}
		s.moves = append(s.moves, m)
	}
	return s, nil
}

func parseMove(text string) (named, error) {
	who, name, has := strings.Cut(text, ".")
	if !has {
		who, name = "", text
	}
	if k := slices.Index(kindNames(), name); k >= 0 {
		return named{kind(k), who}, nil
	}
	return named{}, fmt.Errorf("%q is not a move such as a.begin or recovery-run", text)
}

// ofOne reports whether there is only one thing that a move can happen to.
func (k kind) ofOne() bool {
	switch k {
	case endClaim, endPause, replaceCard, acceptAgain, recoveryRun, decline,
		changeAmount, moveCustomer, ledgerForgets:
		return true
	}
	return false
}

// playback makes moves one by one, and keeps the servers' names.
type playback struct {
	explorer
	world world
	names []string
}

// fresh is the name of the server that makes the recovery run.
const fresh = "fresh"

func (e explorer) playback(w world) *playback {
	k := &playback{explorer: e, world: w}
	for i := range int(w.many) {
		k.names = append(k.names, letter(i))
	}
	k.sort()
	return k
}

// letter returns the name of a server in a schedule.
func letter(i int) string { return string(rune('a' + i)) }

// sort sorts the world, and the names with the servers.
func (k *playback) sort() {
	from := k.world.sort()
	old := slices.Clone(k.names)
	for i := range k.names {
		k.names[i] = old[from[i]]
	}
}

func (k *playback) take(m move) {
	k.apply(&k.world, m)
	if m.kind == recoveryRun {
		k.names = []string{fresh}
	}
	k.sort()
}

// named returns a move by the name of its server.
func (k *playback) named(m move) named {
	switch {
	case m.kind.ofServer():
		return named{m.kind, k.names[m.who]}
	case m.kind.ofOne():
		return named{m.kind, ""}
	}
	return named{m.kind, strconv.Itoa(int(m.who))}
}

func (k *playback) find(want named) (found move, err error) {
	err = errors.New("it can't happen there")
	k.moves(&k.world, func(m move) {
		if k.named(m) == want {
			found, err = m, nil
		}
	})
	return found, err
}

// schedule returns the simplified way to a violation.
func (s *search) schedule(v violation) Schedule {
	moves := []move{v.move}
	for at := v.parent; ; {
		sh, place := &s.shards[at%shards], at/shards
		if sh.parents[place] == at {
			break
		}
		moves = append(moves, sh.moves[place])
		at = sh.parents[place]
	}
	slices.Reverse(moves)
	out := Schedule{Mode: s.Mode, Servers: s.Servers, Wrong: v.word, Beside: s.beside()}
	k := s.playback()
	for _, m := range moves {
		out.moves = append(out.moves, k.named(m))
		k.take(m)
	}
	out.moves = s.simplify(out.moves, v.word)
	if out.Beside == "" {
		out.moves = inOrder(out.moves)
	}
	return out
}

// playback begins where the search began.
func (s *search) playback() *playback {
	_, first := s.start()
	return s.workers[0].playback(first)
}

//go:embed testdata/schedules.txt
var schedules string

// Counterexamples returns the known schedules that break a mode, by name:
// <mode>/<fault>/<what is wrong>. The fault "any" is any one fault at any point.
func Counterexamples() map[string]Schedule {
	known := map[string]Schedule{}
	for line := range strings.Lines(schedules) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		if s, err := ParseSchedule(text); err == nil { // a test holds that it is nil
			s.Wrong = name[strings.LastIndex(name, "/")+1:]
			known[name] = s
		}
	}
	return known
}

// simplify makes a schedule easier to follow: it has the same length and end, and the fewest faults
// and changes of turn that single changes can reach.
func (s *search) simplify(moves []named, wrong string) []named {
	for changed := range changes(moves) {
		if complexity(changed) < complexity(moves) && s.leads(changed, wrong) {
			return s.simplify(changed, wrong)
		}
	}
	return moves
}

// complexity counts the faults first, then how often one server follows another.
func complexity(moves []named) (n int) {
	for i, m := range moves {
		if m.kind.isFault() {
			n += len(moves) // more than all turns count
		}
		if i > 0 && m.who != moves[i-1].who {
			n++
		}
	}
	return n
}

// changes are the schedules in which one fault is replaced by a server's own move, and those in
// which some moves are made earlier or later. Not all of them can happen.
func changes(moves []named) iter.Seq[[]named] {
	return func(yield func([]named) bool) {
		for i, m := range moves {
			for _, plain := range []kind{ask, carry, reply} {
				changed := slices.Clone(moves)
				changed[i] = named{plain, m.who}
				if m.kind.isFault() && !yield(changed) {
					return
				}
			}
		}
		for from := range moves {
			for to := from + 1; to <= len(moves); to++ {
				rest := slices.Delete(slices.Clone(moves), from, to)
				for at := range len(rest) + 1 {
					if !yield(slices.Insert(slices.Clone(rest), at, moves[from:to]...)) {
						return
					}
				}
			}
		}
	}
}

// leads reports whether the moves can happen and end in this violation, with no other before it.
func (s *search) leads(moves []named, wrong string) bool {
	k := s.playback()
	for _, n := range moves {
		m, err := k.find(n)
		if err != nil || k.world.wrong() != "" {
			return false
		}
		k.take(m)
	}
	return k.world.wrong() == wrong
}

// inOrder renames the servers in the order in which they begin, since they are alike.
func inOrder(moves []named) []named {
	names := map[string]string{}
	moves = slices.Clone(moves)
	for i, m := range moves {
		if !m.kind.ofServer() || m.who == fresh {
			continue
		}
		if names[m.who] == "" {
			names[m.who] = letter(len(names))
		}
		moves[i].who = names[m.who]
	}
	return moves
}
