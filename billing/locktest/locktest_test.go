package locktest_test

import (
	"slices"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"example.com/triplecharge/billing/locktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSoundLockPasses(t *testing.T) {
	t.Parallel()
	for _, law := range locktest.Laws() {
		t.Run(law.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { law.Check(t, fixture("")) })
		})
	}
}

// Each flaw is a guard taken out of the sound lock, and breaks these laws and no others.
func TestFlawedLocksFail(t *testing.T) {
	t.Parallel()
	for flaw, want := range map[flaw][]string{
		"":             nil,
		checksThenSets: {"one holder among 100 callers"},
		ignoresKey:     {"keys don't hold each other up"},
		releasesNothing: {
			"a release makes way at once",
			"a released lease is over",
			"an ambiguous obtain doesn't lock out its own retry",
			"an obtain without an answer leaks nothing",
		},
		validReleased:  {"a released lease is over"},
		renewsReleased: {"a released lease is over", "a renewal never revives a lost lease"},
		releasesAny:    {"a release after expiry leaves the next holder alone"},
		takesAnyTTL:    {"TTLs that can't be kept are refused"},
		renewsNothing: {
			"a held lease is renewed past its TTL",
			"a renewal that fails is tried again",
			"a renewal leaves the next holder alone",
		},
		renewsOnceTried:  {"a renewal that fails is tried again"},
		renewalRecreates: {"a renewal never revives a lost lease"},
		renewsAny:        {"a renewal leaves the next holder alone"},
		noMargin:         {"validity ends before the key can be another's"},
		validFromAnswer:  {"validity counts from before the request"},
		revivesExpired:   {"a lost lease stays lost"},
		forgetsToken: {
			"an ambiguous obtain doesn't lock out its own retry",
			"an obtain without an answer leaks nothing",
		},
		takesWithRetry:     {"an ambiguous obtain takes nothing from the next holder"},
		abandonsNothing:    {"an obtain without an answer leaks nothing"},
		holdsWithoutAnswer: {"an obtain without an answer leaks nothing"},
		noAnswerMeansHeld:  {"an obtain without an answer leaks nothing"},
		naive: {
			"a released lease is over",
			"a release after expiry leaves the next holder alone",
			"a held lease is renewed past its TTL",
			"a renewal never revives a lost lease",
			"a renewal leaves the next holder alone",
			"validity ends before the key can be another's",
			"validity counts from before the request",
			"a lost lease stays lost",
			"an ambiguous obtain doesn't lock out its own retry",
			"an obtain without an answer leaks nothing",
		},
	} {
		t.Run(string(flaw), func(t *testing.T) {
			t.Parallel()
			for _, law := range locktest.Laws() {
				var broken string
				synctest.Test(t, func(t *testing.T) { broken = law.Broken(t, fixture(flaw)) })
				if found := broken != ""; found != slices.Contains(want, law.Name) {
					t.Errorf("law %q found: %q", law.Name, broken)
				}
			}
		})
	}
}

// The laws that need a network are skipped, not broken, where there is none.
func TestPoorFixture(t *testing.T) {
	t.Parallel()
	for _, law := range locktest.Laws() {
		synctest.Test(t, func(t *testing.T) {
			poor := fixture("")
			poor.Cut, poor.LoseAnswers, poor.DelayAnswers = nil, nil, nil
			if broken := law.Broken(t, poor); broken != "" {
				t.Errorf("law %q: %s", law.Name, broken)
			}
		})
	}
}
