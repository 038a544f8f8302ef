package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// lines has command lines with each kind of flag.
type lines struct {
	Pay  pay  `cmd:"" default:"1" help:"Pay."`
	Show show `cmd:"" help:"Show."`
}

type pay struct {
	shared
	Count   int           `default:"${three}" min:"1" max:"9" help:"How many: ${three} or so."`
	Rate    *float64      `placeholder:"N" help:"How fast."`
	Wait    time.Duration `min:"1s" help:"How long."`
	Tag     []string      `default:"a,b" env:"CLI_TEST_TAG" help:"What for."`
	Quiet   bool          `short:"q" aliases:"silent" help:"Say nothing."`
	In, Out string        `xor:"way" help:"A way."`
}

type shared struct {
	Name string `name:"full-name" env:"CLI_TEST_FIRST,CLI_TEST_SECOND" help:"Who."`
}

type show struct {
	CSV   string   `xor:"from" required:"" placeholder:"FILE" help:"One."`
	JSON  bool     `xor:"from" required:"" help:"The other."`
	Month int      `arg:"" help:"When."`
	Rest  []string `arg:"" optional:"" help:"What else."`
}

func parsed(args ...string) (lines, any, error) {
	var l lines
	p := Program{Name: "test", Vars: map[string]string{"three": "3"}}
	chosen, err := p.Parse(args, io.Discard, &l)
	return l, chosen, err
}

func TestFlagsAreFilled(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"":                                "{{} 3 <nil> 0s [a b] false  }",
		"pay":                             "{{} 3 <nil> 0s [a b] false  }",
		"--count=9 --wait 1m30s":          "{{} 9 <nil> 1m30s [a b] false  }",
		"pay --count 0x5 -q":              "{{} 5 <nil> 0s [a b] true  }",
		"--tag c --tag=d,e, --silent":     "{{} 3 <nil> 0s [c d e] true  }",
		`--tag c\,d\,,e --quiet=no`:       "{{} 3 <nil> 0s [c,d, e] false  }",
		"--full-name=--out --in - --":     "{{--out} 3 <nil> 0s [a b] false - }",
		"--out=pay --quiet=YES --count=1": "{{} 1 <nil> 0s [a b] true  pay}",
	} {
		l, chosen, err := parsed(strings.Fields(args)...)
		if got := fmt.Sprint(l.Pay); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", args, got, err, want)
		}
		if _, ok := chosen.(*pay); !ok {
			t.Errorf("%s: %T was chosen", args, chosen)
		}
	}
	l, chosen, err := parsed("show", "5", "--json", "x", "--", "--csv")
	if _, ok := chosen.(*show); !ok || err != nil || fmt.Sprint(l.Show) != "{ true 5 [x --csv]}" {
		t.Errorf("got %+v, %v, %T", l.Show, err, chosen)
	}
	l, _, err = parsed("--rate=0")
	if err != nil || l.Pay.Rate == nil || *l.Pay.Rate != 0 {
		t.Errorf("got %v, %v", l.Pay.Rate, err)
	}
}

func TestMistakesAreExplained(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"pya":                   `unexpected argument pya, did you mean "pay"?`,
		"unlike":                `unexpected argument unlike`,
		"--coutn 5":             `unknown flag --coutn, did you mean "--count"?`,
		"--full_name=x":         `unknown flag --full_name, did you mean "--full-name"?`,
		"--sil":                 `unknown flag --sil, did you mean "--silent"?`,
		"--unlike":              `unknown flag --unlike`,
		"-x":                    `unknown flag -x`,
		"-test.v":               `unknown flag -test.v`,
		"--no-quiet":            `unknown flag --no-quiet`,
		"--count":               `--count: its value is missing`,
		"--count -5":            `--count: its value is missing; if it is -5, write --count=-5`,
		"--in --out x":          `--in: its value is missing; if it is --out, write --in=--out`,
		"--count=-5":            `--count: want 1 to 9, got -5`,
		"--count=1.5":           `--count: want a whole number, got "1.5"`,
		"--wait=5":              `--wait: want a duration such as 1m30s, got "5"`,
		"--wait=10ms":           `--wait: want 1s to 8784h0m0s, got 10ms`,
		"--rate=NaN":            `--rate: want 0 to 1e+06, got NaN`,
		"--quiet=maybe":         `--quiet: want true or false, got "maybe"`,
		"--tag=a,x\x00y":        `--tag: it has a control character in it, or is not UTF-8`,
		"--tag=a,,b":            `--tag: it is empty: give a value, or leave it out`,
		"-q --silent":           `--quiet is given 2 times: give it once`,
		"--in x --out y":        `--in and --out can't be used together`,
		"--count 5 show":        `unexpected argument show: a command comes before its flags`,
		"pay x":                 `unexpected argument x`,
		"show 5":                `missing flags: --csv=FILE or --json`,
		"show --json":           `missing argument: <month>`,
		"show 5 --json --csv=x": `--csv and --json can't be used together`,
		"show x --json":         `<month>: want a whole number, got "x"`,
		"--help --unlike":       `unknown flag --unlike`,
	} {
		_, _, err := parsed(strings.Fields(args)...)
		if !errors.Is(err, ErrUsage) || err.Error() != want {
			t.Errorf("%s: got %v, want %s", args, err, want)
		}
	}
}

// A flag counts before its variables, and the first of them that is set counts. Empty is not set.
func TestTheEnvironmentFillsFlags(t *testing.T) {
	for _, test := range []struct{ first, second, arg, want string }{
		{"", "", "", ""}, {"", "b", "", "b"}, {"a", "b", "", "a"},
		{"a\n", "b", "--full-name=c", "c"},
	} {
		t.Setenv("CLI_TEST_FIRST", test.first)
		t.Setenv("CLI_TEST_SECOND", test.second)
		l, _, err := parsed(strings.Fields(test.arg)...)
		if err != nil || l.Pay.Name != test.want {
			t.Errorf("%+v: got %q, %v", test, l.Pay.Name, err)
		}
	}
	t.Setenv("CLI_TEST_FIRST", "")
	t.Setenv("CLI_TEST_TAG", "c,\x1b")
	_, _, err := parsed()
	if err == nil || !strings.HasSuffix(err.Error(), "UTF-8 (from CLI_TEST_TAG)") {
		t.Errorf("got %v", err)
	}
}

func TestHelpIsPrintedWhateverIsMissing(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"--help":           "Usage: test <command> [flags]",
		"--help show":      "Usage: test show <month> [<rest> ...] --csv=FILE --json [flags]",
		"show x -h --csv=": "Usage: test show <month> [<rest> ...] --csv=FILE --json [flags]",
		"-qh --count=0":    "How many: 3 or so.",
	} {
		var out strings.Builder
		p := Program{Name: "test", Vars: map[string]string{"three": "3"}}
		chosen, err := p.Parse(strings.Fields(args), &out, &lines{})
		if err != nil || chosen != nil || !strings.Contains(out.String(), want) {
			t.Errorf("%s: got %v, %v, and\n%s", args, chosen, err, &out)
		}
	}
}
