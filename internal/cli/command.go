package cli

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Command is a command, or the whole of a program that has none.
type Command struct {
	Name             string
	Flags, Arguments []*Flag

	help   string
	first  bool // it is chosen if the command line names none
	target any  // pointer to the struct that the command line fills
	common common
}

// common has the flags of every command, which are its first.
type common struct {
	Help    bool `short:"h" env:"-" help:"Show context-sensitive help."`
	Version bool `env:"-" help:"Print the version."`
}

var commonFlags = reflect.TypeFor[common]().NumField()

// Commands returns what command lines can have, as the tags of the struct to which flags points say
// it: a program's commands are its fields with the tag cmd. With the tag default, one is chosen if
// the command line names none.
func (p Program) Commands(flags any) (all []*Command) {
	v := reflect.ValueOf(flags).Elem()
	for _, field := range reflect.VisibleFields(v.Type()) {
		if _, is := field.Tag.Lookup("cmd"); is {
			c := p.command(v.FieldByIndex(field.Index))
			c.Name, c.help = nameOf(field), field.Tag.Get("help")
			c.first = field.Tag.Get("default") != ""
			all = append(all, c)
		}
	}
	if all == nil {
		all = []*Command{p.command(v)}
		all[0].help, all[0].first = p.Description, true
	}
	return all
}

func (p Program) command(v reflect.Value) *Command {
	c := &Command{target: v.Addr().Interface()}
	for _, v := range []reflect.Value{reflect.ValueOf(&c.common).Elem(), v} {
		for _, field := range reflect.VisibleFields(v.Type()) {
			switch f := p.flag(field, v); {
			case f == nil:
			case f.has("arg"):
				c.Arguments = append(c.Arguments, f)
			default:
				c.Flags = append(c.Flags, f)
			}
		}
	}
	return c
}

// choose finds the command that a command line names. all: it names none.
func choose(commands []*Command, args []string) (c *Command, rest []string, all bool, err error) {
	at := 0 // the flags of every command may stand before it
	for at < len(args) && slices.Contains([]string{"-h", "--help", "--version"}, args[at]) {
		at++
	}
	var names []string
	for _, command := range commands {
		if at < len(args) && command.Name == args[at] && len(commands) > 1 {
			return command, slices.Concat(args[:at], args[at+1:]), false, nil
		}
		if command.first {
			c = command
		}
		names = append(names, command.Name)
	}
	if at < len(args) && !strings.HasPrefix(args[at], "-") && len(commands) > 1 {
		err = unexpected(args[at], names)
	}
	return c, args, len(commands) > 1, err
}

func unexpected(arg string, names []string) error {
	return fmt.Errorf("unexpected argument %s%s", cmp.Or(arg, `""`), nearest(arg, names))
}

// read finds what is given to each flag and argument, and leaves it at that.
func (c *Command) read(args []string, commands []*Command) error {
	set := pflag.NewFlagSet("", pflag.ContinueOnError)
	for _, f := range c.Flags {
		short := f.tag.Get("short")
		for _, name := range append([]string{f.Name}, f.list("aliases")...) {
			if flag := set.VarPF(f, name, short, ""); f.isBool() {
				flag.NoOptDefVal = "true"
			}
			short = ""
		}
	}
	err := leftByPflag(set, args)
	if err == nil {
		err = set.Parse(args)
	}
	if err != nil {
		return explain(err, set)
	}
	rest := set.Args()
	for _, f := range c.Arguments {
		n := min(1, len(rest))
		if f.IsList() {
			n = len(rest)
		}
		f.given, rest = rest[:n], rest[n:]
	}
	switch isCommand := func(c *Command) bool { return c.Name != "" && c.Name == rest[0] }; {
	case len(rest) == 0:
		return nil
	case slices.ContainsFunc(commands, isCommand):
		return fmt.Errorf("unexpected argument %s: a command comes before its flags", rest[0])
	}
	return unexpected(rest[0], nil)
}

// leftByPflag finds mistakes that pflag does not: a flag in the place of another one's value, and
// what looks like a flag of go test.
func leftByPflag(set *pflag.FlagSet, args []string) error {
	for i, arg := range args {
		name, long := strings.CutPrefix(arg, "--")
		switch flag := set.Lookup(name); {
		case arg == "--":
			return nil
		case strings.HasPrefix(arg, "-test."):
			return fmt.Errorf("unknown flag %s", arg)
		case !long || flag == nil || flag.NoOptDefVal != "" || i+1 == len(args):
		case len(args[i+1]) > 1 && args[i+1][0] == '-':
			return fmt.Errorf("%s: its value is missing; if it is %[2]s, write %[1]s=%[2]s",
				arg, args[i+1])
		}
	}
	return nil
}

// explain says what pflag has found in fewer words, and what may have been meant.
func explain(err error, set *pflag.FlagSet) error {
	var names []string
	set.VisitAll(func(flag *pflag.Flag) { names = append(names, "--"+flag.Name) })
	var unknown *pflag.NotExistError
	var missing *pflag.ValueRequiredError
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return fmt.Errorf("unknown flag -%s", unknown.GetSpecifiedName())
	case errors.As(err, &unknown):
		name := "--" + unknown.GetSpecifiedName()
		return fmt.Errorf("unknown flag %s%s", name, nearest(name, names))
	case errors.As(err, &missing):
		return fmt.Errorf("--%s: its value is missing", missing.GetSpecifiedName())
	}
	return err
}

// nearest asks whether one of the names was meant: one that begins with the mistyped name, or that
// differs from it in one place, by two letters at most.
func nearest(mistyped string, names []string) string {
	found, least := "", 3
	for _, name := range names {
		start, end, short := 0, 0, min(len(name), len(mistyped))
		for start < short && name[start] == mistyped[start] {
			start++
		}
		for end < short-start && name[len(name)-1-end] == mistyped[len(mistyped)-1-end] {
			end++
		}
		wrong := max(len(name), len(mistyped)) - start - end
		if start == len(mistyped) {
			wrong = min(wrong, 2)
		}
		if wrong < least && strings.Trim(mistyped[:start], "-") != "" {
			found, least = fmt.Sprintf(", did you mean %q?", name), wrong
		}
	}
	return found
}

// complete refuses flags that exclude each other, and wants the required ones.
func (c *Command) complete() error {
	chosen, missing := map[string]*Flag{}, []string(nil)
	for _, f := range c.Flags {
		for _, group := range f.Xor {
			switch other := chosen[group]; {
			case len(f.given) == 0:
			case other != nil:
				return fmt.Errorf("--%s and --%s can't be used together", other.Name, f.Name)
			default:
				chosen[group] = f
			}
		}
	}
	var before []string // the groups of the flag that was missing last
	for _, f := range c.Flags {
		isChosen := func(group string) bool { return chosen[group] != nil }
		switch {
		case !f.Required || len(f.given) > 0 || slices.ContainsFunc(f.Xor, isChosen):
		case f.Xor != nil && slices.Equal(f.Xor, before):
			missing[len(missing)-1] += " or " + f.String()
		default:
			missing, before = append(missing, f.String()), f.Xor
		}
	}
	if missing != nil {
		return fmt.Errorf("missing flags: %s", strings.Join(missing, ", "))
	}
	for _, f := range c.Arguments {
		if f.Required && len(f.given) == 0 {
			return fmt.Errorf("missing argument: %s", f)
		}
	}
	return nil
}
