// Package clitest gives nonsense to every flag of a command, as internal/cli lists them. A new
// flag is in it without anybody thinking of it.
package clitest

import (
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/triplecharge/internal/cli"
	"example.com/triplecharge/internal/golden"
	"example.com/triplecharge/internal/screen"
)

// RefuseNonsense gives each flag of p nonsense of the flag's type, nothing, control characters,
// bytes that are no UTF-8 and, unless it takes several, two values. It wants each refused as an
// error of usage, in one line that names the flag; and help that fits a terminal. usable has the
// required flags of all commands, flags is a new pointer to the command line each time.
func RefuseNonsense(t *testing.T, p cli.Program, flags func() any, usable map[string]string) {
	t.Helper()
	tried := 0
	for _, command := range p.Commands(flags()) {
		var help strings.Builder
		p.Main(append(named(command), "--help"), screen.New(&help, 80), io.Discard, flags(), nil)
		golden.Fits(t, help.String(), 80)
		if !strings.Contains(help.String(), "--version") {
			t.Errorf("%s --help prints %q", command.Name, help.String())
		}
		for _, f := range command.Flags {
			for _, nonsense := range valuesFor(f) {
				args := arguments(command, f, usable)
				for _, value := range nonsense {
					args = append(args, "--"+f.Name+"="+value)
				}
				_, err := p.Parse(args, io.Discard, flags())
				tried++
				if !errors.Is(err, cli.ErrUsage) || !strings.Contains(err.Error(), "--"+f.Name) ||
					strings.ContainsFunc(err.Error(), screen.IsControl) {
					t.Errorf("%q: got %q, want one line about --%s", args, err, f.Name)
				}
			}
		}
	}
	t.Logf("%s: %d times nonsense", p.Name, tried)
	if tried == 0 {
		t.Error("nothing was tried")
	}
}

// arguments are the command, its arguments and its other required flags, but none that exclude each
// other.
func arguments(command *cli.Command, but *cli.Flag, usable map[string]string) []string {
	args := named(command)
	for _, argument := range command.Arguments {
		if argument.Required {
			args = append(args, "argument")
		}
	}
	given := slices.Clone(but.Xor)
	for _, f := range command.Flags {
		other := func(x string) bool { return slices.Contains(given, x) }
		if f.Required && f != but && !slices.ContainsFunc(f.Xor, other) {
			given = append(given, f.Xor...)
			args = append(args, "--"+f.Name+"="+usable[f.Name])
		}
	}
	return args
}

// named is the beginning of a command line that names the command, if it has a name.
func named(command *cli.Command) []string {
	return strings.Fields(command.Name)
}

// valuesFor returns lists of values to give to a flag at once.
func valuesFor(f *cli.Flag) (all [][]string) {
	kind := f.Target.Type()
	if kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	values := []string{"", "\x1b]0;title\a", "\xff\xfe", "a\nb", "x\x00y"}
	good := f.Default
	switch {
	case kind.Kind() == reflect.Bool:
		return [][]string{{"maybe"}, {""}}
	case kind == reflect.TypeFor[time.Duration]():
		values = append(values, "-1ns", "1", "NaN", "9999999h", "9223372036854775807ns", "１s")
		good = "1s"
	case kind.Kind() == reflect.Int || kind.Kind() == reflect.Float64:
		values = append(values, "-1", "NaN", "Inf", "-Inf", "1e300", "9223372036854775807",
			"99999999999999999999", "１", "0x")
		good = "1"
	case kind.Kind() == reflect.String:
		values = append(values, strings.Repeat("long", 50_000))
		good = "text"
	}
	for _, v := range values {
		all = append(all, []string{v})
	}
	if !f.IsList() && good != "" {
		all = append(all, []string{good, good})
	}
	return all
}
