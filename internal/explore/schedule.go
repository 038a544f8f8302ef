package explore

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/verdicts"
)

// Schedule is the order in which things happened, up to where something is wrong.
type Schedule struct {
	Mode    billing.Mode
	Servers int
	Mixed   bool   // the first server runs what verdicts.MixedWith names
	Wrong   string // in the words of package verdicts; "" if nothing is
	moves   []named
}

// named is a move of a server that has a name, wherever it stands by now.
type named struct {
	kind kind
	who  string // the server's name, or the place of what is not a server's; "" if there is one only
}

// kindNames are the moves' names in a schedule's text.
func kindNames() map[kind]string {
	return map[kind]string{
		begin: "begin", ask: "ask", send: "send", carry: "carry", reply: "reply",
		arrive: "arrive", endLease: "end-lease", endClaim: "end-claim", endPause: "end-pause",
		redisUp: "redis-up", replaceCard: "replace-card", acceptAgain: "accept-again",
		quietRun: "quiet-run",

		expire: "expire", crash: "crash", dropAndCrash: "drop-and-crash",
		loseReply: "lose-reply", giveUp: "give-up", refuse: "refuse",
		failBefore: "fail-before", failAfter: "fail-after", cut: "cut", forget: "forget",
		decline: "decline", redisEmpty: "redis-empty", redisDown: "redis-down",
	}
}

// words are what is wrong, one by one.
func (s Schedule) words() []string { return strings.Split(s.Wrong, ", ") }

// Len is how many moves the schedule has.
func (s Schedule) Len() int { return len(s.moves) }

// String is the schedule as ParseSchedule reads it: mode:servers:moves, such as
// locked:3:a.begin,a.ask.
func (s Schedule) String() string {
	mode := s.Mode.Name
	if s.Mixed {
		mode += "+" + verdicts.MixedWith
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

// ParseSchedule reads what Schedule.String prints. Whether it can happen is found out by Tell.
func ParseSchedule(text string) (s Schedule, err error) {
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return s, fmt.Errorf("schedule %q: want mode:servers:moves, as explore prints it", text)
	}
	mode, with, mixed := strings.Cut(parts[0], "+")
	if s.Mode, err = billing.ModeNamed(mode); err != nil {
		return s, fmt.Errorf("schedule: %w", err)
	}
	if s.Mixed = mixed; mixed && with != verdicts.MixedWith {
		return s, fmt.Errorf("schedule: a mode is mixed with %s only", verdicts.MixedWith)
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
	for k, known := range kindNames() {
		if known == name {
			return named{k, who}, nil
		}
	}
	return named{}, fmt.Errorf("%q is none: want such as a.begin or quiet-run", text)
}

// ofOne reports whether there is only one that a move can be about.
func (k kind) ofOne() bool {
	switch k {
	case endClaim, endPause, replaceCard, acceptAgain, quietRun, decline:
		return true
	}
	return false
}

// walk is a way through worlds, on which servers keep their names.
type walk struct {
	explorer
	world world
	names []string
}

// fresh is the name of the server that a quiet run is made on.
const fresh = "fresh"

func (e explorer) walk(w world) *walk {
	k := &walk{explorer: e, world: w}
	for i := range int(w.many) {
		k.names = append(k.names, letter(i))
	}
	k.sort()
	return k
}

// letter is the name of a server in a schedule.
func letter(i int) string { return string(rune('a' + i)) }

// sort keeps the names beside the servers.
func (k *walk) sort() {
	from := k.world.sort()
	old := slices.Clone(k.names)
	for i := range k.names {
		k.names[i] = old[from[i]]
	}
}

// take lets a move happen.
func (k *walk) take(m move) {
	k.apply(&k.world, m)
	if m.kind == quietRun {
		k.names = []string{fresh}
	}
	k.sort()
}

// named gives a move the name of its server.
func (k *walk) named(m move) named {
	switch {
	case m.kind.ofServer():
		return named{m.kind, k.names[m.who]}
	case m.kind.ofOne():
		return named{m.kind, ""}
	}
	return named{m.kind, strconv.Itoa(int(m.who))}
}

// find returns the move of that name, if it can happen.
func (k *walk) find(want named) (found move, err error) {
	err = errors.New("it can't happen there")
	k.moves(&k.world, func(m move) {
		if k.named(m) == want {
			found, err = m, nil
		}
	})
	return found, err
}

// schedule is the way to a violation.
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
	out := Schedule{
		Mode: s.Mode, Servers: s.Servers, Wrong: v.word,
		Mixed: slices.Contains(s.Only, verdicts.MixedModes),
	}
	k := s.walk()
	for _, m := range moves {
		out.moves = append(out.moves, k.named(m))
		k.take(m)
	}
	out.moves = s.tidy(out.moves, v.word)
	if !out.Mixed {
		out.moves = inOrder(out.moves)
	}
	return out
}

// walk begins where the search began.
func (s *search) walk() *walk {
	_, first := s.start()
	return s.workers[0].walk(first)
}
