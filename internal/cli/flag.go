package cli

import (
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"example.com/triplecharge/internal/screen"
)

// Flag is a flag or, with the tag arg, an argument without a name. It is a field of a command's
// struct: a bool, int, float64, string, time.Duration or encoding.TextUnmarshaler, a pointer to
// one, or a slice of them, which is a list with commas between. The field's tags say the rest;
// ${NAME} in a text or a default is one of Program.Vars.
//
//	name, aliases, short  default: the field's name in lower case
//	help, placeholder     for the help
//	default               the value if none is given; a pointer is nil without
//	env                   variables, of which the first that is set counts; -: none
//	required, optional    flags are optional, arguments are required
//	xor                   groups of flags of which one can be given, and must be if required
//	enum                  the only values
//	min, max              bounds of a number or a duration; default: zero, and a billion or a year
//	url                   schemes of a URL, such as redis,rediss
//	address               host and port to listen on, perhaps after a name and =
//	word                  no white space
//	raw                   any text, such as somebody else's command
//
// A flag that is no list is given once. What is given is not empty and has no control characters.
type Flag struct {
	Name, Default string
	Required      bool
	Xor           []string
	Target        reflect.Value

	tag     reflect.StructTag
	program Program
	envs    []string
	given   []string // on the command line, or in the environment
}

// The bounds of a number or a duration without the tags min and max. They keep sums and products of
// a few flags far from an overflow.
const (
	mostOf      = 1_000_000_000
	mostRate    = 1_000_000
	mostTime    = 366 * 24 * time.Hour
	longestText = 64 << 10
)

// flag returns the field of v as a flag, or nil if it is for the program's own use.
func (p Program) flag(field reflect.StructField, v reflect.Value) *Flag {
	if field.Anonymous || !field.IsExported() {
		return nil
	}
	f := &Flag{
		Name: nameOf(field), Target: v.FieldByIndex(field.Index), tag: field.Tag, program: p,
	}
	f.Default, f.Xor, f.envs = f.text("default"), f.list("xor"), f.list("env")
	f.Required = f.has("required") || f.has("arg") && !f.has("optional")
	switch {
	case f.tag.Get("env") == "-" || f.has("arg"):
		f.envs = nil
	case f.envs == nil && p.Env != "":
		f.envs = []string{p.Env + "_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))}
	}
	return f
}

func nameOf(field reflect.StructField) string {
	return cmp.Or(field.Tag.Get("name"), strings.ToLower(field.Name))
}

func (f *Flag) has(tag string) bool {
	_, has := f.tag.Lookup(tag)
	return has
}

func (f *Flag) list(tag string) []string {
	if !f.has(tag) {
		return nil
	}
	return strings.Split(f.tag.Get(tag), ",")
}

func (f *Flag) text(tag string) string {
	text := f.tag.Get(tag)
	for name, value := range f.program.Vars {
		text = strings.ReplaceAll(text, "${"+name+"}", value)
	}
	return text
}

func (f *Flag) isBool() bool { return f.Target.Kind() == reflect.Bool }

// IsList reports whether the flag can be given several times.
func (f *Flag) IsList() bool { return f.Target.Kind() == reflect.Slice }

// String returns the flag with a word for its value. With Set and Type, it is for pflag, too.
func (f *Flag) String() string {
	if f.has("arg") {
		return "<" + f.Name + ">"
	}
	if f.isBool() {
		return "--" + f.Name
	}
	text := "--" + f.Name + "=" + cmp.Or(f.text("placeholder"), f.Default, f.Type())
	if f.IsList() {
		text += ",..."
	}
	return text
}

// Type returns the name of the flag's type.
func (f *Flag) Type() string { return strings.ToUpper(f.Target.Type().Name()) }

// Set keeps a value: help is printed before any is looked at.
func (f *Flag) Set(value string) error {
	f.given = append(f.given, value)
	return nil
}

// fill sets the flags' fields.
func fill(flags []*Flag) (err error) {
	for i := 0; i < len(flags) && err == nil; i++ {
		err = flags[i].fill()
	}
	return err
}

// fill sets the field to what was given, to what the environment says, or to the default.
func (f *Flag) fill() error {
	name, _, _ := strings.Cut(f.String(), "=")
	source := ""
	if len(f.given) > 1 && !f.IsList() && f.Name != "help" {
		return fmt.Errorf("%s is given %d times: give it once", name, len(f.given))
	}
	for _, env := range f.envs {
		if value := os.Getenv(env); value != "" && len(f.given) == 0 {
			f.given, source = []string{value}, " (from "+env+")"
		}
	}
	values := f.given
	if len(values) == 0 && f.Default != "" {
		values = []string{f.Default}
	}
	if f.IsList() && !f.has("arg") {
		values = items(values)
	}
	for _, value := range values {
		target := f.Target
		if f.IsList() {
			target = reflect.New(target.Type().Elem()).Elem()
		}
		if err := f.parse(target, value); err != nil {
			return fmt.Errorf("%s: %w%s", name, err, source)
		}
		if f.IsList() {
			f.Target.Set(reflect.Append(f.Target, target))
		}
	}
	return nil
}

// items splits lists at their commas, but for those after a backslash. One may end with a comma.
func items(lists []string) (all []string) {
	for _, list := range lists {
		goesOn := false
		for item := range strings.SplitSeq(strings.TrimSuffix(list, ","), ",") {
			if goesOn {
				all[len(all)-1] += "," + item
			} else {
				all = append(all, item)
			}
			last := &all[len(all)-1]
			*last, goesOn = strings.CutSuffix(*last, `\`)
		}
	}
	return all
}

// parse sets v, the field or an item of its list.
func (f *Flag) parse(v reflect.Value, s string) (err error) {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch x := v.Addr().Interface().(type) {
	case encoding.TextUnmarshaler:
		return x.UnmarshalText([]byte(s))
	case *string:
		*x, err = s, f.check(s)
	case *int:
		*x, err = within(f, s, "a whole number", mostOf, func(s string) (int, error) {
			n, err := strconv.ParseInt(s, 0, 0)
			return int(n), err
		})
	case *float64:
		*x, err = within(f, s, "a number", mostRate, func(s string) (float64, error) {
			return strconv.ParseFloat(s, 64)
		})
	case *time.Duration:
		*x, err = within(f, s, "a duration such as 1m30s", mostTime, time.ParseDuration)
	case *bool:
		*x = slices.Contains([]string{"true", "1", "yes"}, strings.ToLower(s))
		if !*x && !slices.Contains([]string{"false", "0", "no"}, strings.ToLower(s)) {
			err = fmt.Errorf("want true or false, got %q", s)
		}
	default:
		err = fmt.Errorf("no flag can be a %T", x)
	}
	return err
}

// within parses a number and holds it to its bounds. NaN is in none.
func within[T cmp.Ordered](
	f *Flag, s, kind string, most T, parse func(string) (T, error),
) (n T, err error) {
	if n, err = parse(s); err != nil {
		return n, fmt.Errorf("want %s, got %q", kind, s)
	}
	low, high := *new(T), most
	if f.has("min") {
		low, err = parse(f.tag.Get("min"))
	}
	if f.has("max") && err == nil {
		high, err = parse(f.tag.Get("max"))
	}
	if err == nil && !(n >= low && n <= high) {
		err = fmt.Errorf("want %v to %v, got %v", low, high, n)
	}
	return n, err
}

// CheckText refuses what no name, address or ID has in it. It doesn't print the text: it may be a
// password.
func CheckText(s string) error {
	switch {
	case len(s) > longestText:
		return fmt.Errorf("want at most %d bytes, got %d", longestText, len(s))
	case strings.ContainsFunc(s, screen.IsControl) || strings.ContainsRune(s, utf8.RuneError):
		return errors.New("it has a control character in it, or is not UTF-8")
	}
	return nil
}

// check holds a text to the flag's tags.
func (f *Flag) check(s string) error {
	if f.has("raw") {
		return nil
	}
	if err := CheckText(s); err != nil {
		return err
	}
	switch values := f.list("enum"); {
	case values != nil && !slices.Contains(values, s):
		return fmt.Errorf("want one of %s, got %q", strings.Join(values, ", "), s)
	case s == "":
		return errors.New("it is empty: give a value, or leave it out")
	case f.has("word") && strings.ContainsFunc(s, unicode.IsSpace):
		return fmt.Errorf("want one without spaces, got %q", s)
	case f.has("url"):
		return f.checkURL(s)
	case f.has("address"):
		_, port, err := net.SplitHostPort(s[strings.Index(s, "=")+1:])
		if err == nil {
			_, err = net.LookupPort("tcp", port)
		}
		if err != nil {
			return fmt.Errorf("want an address such as 127.0.0.1:8080: %w", err)
		}
	}
	return nil
}

func (f *Flag) checkURL(s string) error {
	schemes := f.list("url")
	u, err := url.Parse(s)
	port := uint64(1)
	if err == nil && u.Port() != "" {
		port, err = strconv.ParseUint(u.Port(), 10, 16)
	}
	if err != nil || port == 0 || u.Host == "" || !slices.Contains(schemes, u.Scheme) {
		return fmt.Errorf("want a URL such as %s://127.0.0.1", schemes[0])
	}
	if check := f.program.CheckURL[schemes[0]]; check != nil {
		return check(s)
	}
	return nil
}
