package walkthrough_test

import (
	"strings"
	"testing"

	"example.com/triplecharge/internal/walkthrough"
)

const raced = `
locked: a lease

  3 servers at midnight, Alice's invoice for 2026-12:

            0                                     275 ms
  server-a  [─────────────────$  ]
  server-b    ··
  Redis     aaaaaaaaaaaaaaaaaaaaa
  Stripe                      $

            [ lease obtained, · skipped, a held by server-a

  server-a  SET lock server-a:… NX PX 5000 → OK
            Charged Alice $10.00.
  server-b  SET lock server-b:… NX PX 5000 → (nil)
            Skipping.
  Stripe    Took $10.00 for server-a.

  The lock cost 2.3 ms.`

const scripted = `
  late: b fires after a has finished.

            0  15 ms ≈  2017 ms                  2275 ms
  server-a  [─────────────────$  ]
  server-b                          [·]

  server-a  Charged Alice: charge pi_1abc at http://127.0.0.1:8080/v1.
  server-b  Skipping.`

const applied = `
Applying: refund 2 charges.
alice/2026-12: refunded pi_1, $10.00 (re_1)
bob/2026-12: refunded pi_2, $10.00 (re_2)

After applying:`

// another is the output with some of it replaced.
func another(output string, oldnew ...string) []string {
	return strings.Split(strings.NewReplacer(oldnew...).Replace(output), "\n")
}

func TestWhatAnotherRunPrintsOtherwiseIsNoDifference(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		output string
		oldnew []string
	}{
		"nothing":    {raced, nil},
		"a duration": {raced, []string{"2.3 ms", "14 ms", "275 ms", "1041 ms"}},
		"the winner": {raced,
			[]string{"-a", "-b", "-b", "-a", "aaaaa", "bbbbb", "a held", "b held"}},
		"a wider bar":                {raced, []string{"───$", "──────$", "[─", "[   ─"}},
		"seconds":                    {raced, []string{"275 ms", "1.2 s"}},
		"a line that breaks earlier": {raced, []string{"OK\n            Charged", "OK Charged"}},
		"a cut at the end": {scripted,
			[]string{"2017 ms                  2275", "≈2275"}},
		"times at a cut":              {scripted, []string{"0  15 ms ≈  2017 ms ", "0    ≈  "}},
		"an ID":                       {scripted, []string{"pi_1abc", "pi_2def"}},
		"what was first":              {applied, []string{"alice", "bob", "bob", "alice"}},
		"a port":                      {scripted, []string{"8080", "12345"}},
		"spaces at the end of a line": {scripted, []string{"Skipping.", "Skipping.  "}},
	} {
		got := another(tt.output, tt.oldnew...)
		if differs := walkthrough.Differs(another(tt.output), got); differs != "" {
			t.Errorf("%s is a difference: %s", name, differs)
		}
	}
}

func TestWhatIsOtherwiseIsADifference(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		output string
		oldnew []string
	}{
		"another word":           {raced, []string{"Skipping", "Charging"}},
		"another amount":         {raced, []string{"Charged Alice $10", "Charged Alice $20"}},
		"another TTL":            {raced, []string{"5000", "500"}},
		"two winners":            {raced, []string{"(nil)", "OK"}},
		"a mark more":            {raced, []string{"$  ]", "$ $]"}},
		"a charge that is gone":  {raced, []string{"$  ]", "]"}},
		"marks in another order": {scripted, []string{"[·]", "[]·"}},
		"a server that is gone":  {scripted, []string{"\n  server-b  Skipping.", ""}},
		"a line more":            {scripted, []string{"Skipping.", "Skipping.\n  Again."}},
		"another refund":         {applied, []string{"$10", "$20"}},
		"another server":         {scripted, []string{"-a", "-b", "-b", "-a"}},
	} {
		got := another(tt.output, tt.oldnew...)
		if walkthrough.Differs(another(tt.output), got) == "" {
			t.Errorf("%s is no difference", name)
		}
	}
}
