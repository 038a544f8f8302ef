package player_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"example.com/triplecharge/internal/site/player"
)

// got is the last answer.
type got struct {
	ID       int
	Problem  string
	Progress string
	Said     []string
	Found    []player.Recording
	Parts    string
}

func ask(t *testing.T, question string) (answer got) {
	t.Helper()
	player.Answer(t.Context(), question, func(text string) {
		answer = got{}
		if err := json.Unmarshal([]byte(text), &answer); err != nil {
			t.Fatal(err)
		}
	})
	return answer
}

func TestACounterexampleIsFoundAndCanBeDrawn(t *testing.T) {
	t.Parallel()
	found := ask(t, `{"id": 7, "search": {"mode": "check-first", "servers": 2, "faults": 0}}`)
	if found.ID != 7 || found.Problem != "" || len(found.Found) == 0 {
		t.Fatalf("%+v, want a counterexample", found)
	}
	run := found.Found[0]
	recording, err := json.Marshal(run)
	if err != nil {
		t.Fatal(err)
	}
	draw := func(step string) got {
		return ask(t, `{"id": 8, "draw": {"step": `+step+`, `+string(recording[1:])+`}`)
	}
	charges := func(a got) int { return strings.Count(a.Parts, ">$<") }
	if all, none := draw("1000"), draw("-1"); charges(none) != 0 || charges(all) < 2 {
		t.Errorf("%d charges at the end, %d at the beginning", charges(all), charges(none))
	} else if got := strings.Count(all.Parts, "<button"); got != len(run.Events) {
		t.Errorf("%d lines for %d events", got, len(run.Events))
	} else if !strings.Contains(all.Parts, "billing/checkfirst.go") {
		t.Error("the code of the mode is missing")
	}
}

func TestWhatIsNoQuestionIsAProblem(t *testing.T) {
	t.Parallel()
	for _, question := range []string{
		`{`, `{"id": 1, "search": {"mode": "nonsense", "servers": 2}}`,
		`{"id": 1, "search": {"mode": "locked", "servers": 99}}`,
		`{"id": 1, "search": {"mode": "locked", "servers": 2, "only": "nonsense"}}`,
		`{"id": 1, "search": {"mode": "locked", "servers": 2, "only": "redlock-majority"}}`,
	} {
		if a := ask(t, question); a.Problem == "" {
			t.Errorf("%s is answered with %+v", question, a)
		}
	}
}

func TestASafeModeIsSaidToBeSafe(t *testing.T) {
	t.Parallel()
	a := ask(t, `{"id": 1, "search": {"mode": "exactly-once", "servers": 2, "faults": 1}}`)
	safe := func(line string) bool { return strings.Contains(line, "Never two charges") }
	if len(a.Found) > 0 || !slices.ContainsFunc(a.Said, safe) {
		t.Errorf("it says %q", a.Said)
	}
}
