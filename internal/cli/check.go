package cli

import (
	"errors"
	"fmt"
	"math"
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

	"github.com/alecthomas/kong"

	"example.com/triplecharge/internal/screen"
)

// The bounds of a number or a duration without the tags min and max. They keep sums and products of
// a few flags far from an overflow.
const (
	mostOf      = 1_000_000_000
	mostRate    = 1_000_000
	mostSeconds = 366 * 24 * 60 * 60
	longestText = 64 << 10
)

// checker holds what was given to the flags' types and tags:
//
//	min, max  bounds of a number or a duration; default: zero, and a billion or a year
//	url       schemes of a URL, such as redis,rediss
//	address   host and port to listen on, perhaps after a name and =
//	word      no white space
//	raw       any text, such as somebody else's command
//
// A flag of one value is given once. What is given is not empty and has no control characters.
type checker struct{ url map[string]func(string) error }

func (k checker) check(c *kong.Context) error {
	times := map[*kong.Value]int{}
	var values []*kong.Value
	for _, p := range c.Path {
		switch {
		case p.Flag != nil:
			times[p.Flag.Value]++
		case p.Positional != nil:
			times[p.Positional]++
			values = append(values, p.Positional)
		}
	}
	for _, f := range c.Flags() {
		values = append(values, f.Value)
	}
	for _, v := range values {
		given := times[v]
		if given > 1 && !v.IsCumulative() && v.Flag != nil {
			return fmt.Errorf("%s is given %d times: give it once", v.ShortSummary(), given)
		}
		if v.Flag != nil && slices.ContainsFunc(v.Flag.Envs, isSet) {
			given = 1
		}
		target := v.Target
		if target.Kind() == reflect.Pointer {
			if target.IsNil() {
				continue
			}
			target, given = target.Elem(), 1
		}
		if given == 0 && target.IsZero() {
			continue // its default
		}
		if err := k.value(v.Tag, target); err != nil {
			return fmt.Errorf("%s: %w", v.ShortSummary(), err)
		}
	}
	return nil
}

// isSet reports whether an environment variable is set; fromFiles has removed the empty ones.
func isSet(name string) bool { return os.Getenv(name) != "" }

func (k checker) value(tag *kong.Tag, v reflect.Value) error {
	switch x := v.Interface().(type) {
	case time.Duration:
		return within(tag, x.Seconds(), mostSeconds, func(s float64) string {
			return (time.Duration(s * float64(time.Second))).String()
		})
	case float64:
		return within(tag, x, mostRate, func(f float64) string {
			return strconv.FormatFloat(f, 'g', -1, 64)
		})
	case int:
		return within(tag, float64(x), mostOf, func(f float64) string {
			return strconv.FormatFloat(f, 'f', -1, 64)
		})
	case string:
		if tag.Has("raw") {
			return nil
		}
		return k.text(tag, x)
	}
	if v.Kind() != reflect.Slice {
		return nil
	}
	if v.Len() == 0 {
		return errEmpty
	}
	for i := range v.Len() {
		if err := k.value(tag, v.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

// within holds a number to its bounds. NaN is in none.
func within(tag *kong.Tag, n, most float64, show func(float64) string) error {
	low, high := 0.0, most
	for name, bound := range map[string]*float64{"min": &low, "max": &high} {
		if !tag.Has(name) {
			continue
		}
		text := tag.Get(name)
		var err error
		if *bound, err = strconv.ParseFloat(text, 64); err != nil {
			d, err := time.ParseDuration(text)
			if err != nil {
				return fmt.Errorf("its tag %s:%q is no bound", name, text)
			}
			*bound = d.Seconds()
		}
	}
	if !(n >= low && n <= high) {
		if math.IsNaN(n) || math.IsInf(n, 0) {
			return fmt.Errorf("want a number from %s to %s", show(low), show(high))
		}
		return fmt.Errorf("want %s to %s, got %s", show(low), show(high), show(n))
	}
	return nil
}

var errEmpty = errors.New("it is empty: give a value, or leave it out")

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

func (k checker) text(tag *kong.Tag, s string) error {
	if err := CheckText(s); err != nil {
		return err
	}
	switch {
	case s == "":
		return errEmpty
	case tag.Has("word") && strings.ContainsFunc(s, unicode.IsSpace):
		return fmt.Errorf("want one without spaces, got %q", s)
	case tag.Has("url"):
		schemes := strings.Split(tag.Get("url"), ",")
		u, err := url.Parse(s)
		port := uint64(1)
		if err == nil && u.Port() != "" {
			port, err = strconv.ParseUint(u.Port(), 10, 16)
		}
		if err != nil || port == 0 || u.Host == "" || !slices.Contains(schemes, u.Scheme) {
			return fmt.Errorf("want a URL such as %s://127.0.0.1", schemes[0])
		}
		if check := k.url[schemes[0]]; check != nil {
			return check(s)
		}
	case tag.Has("address"):
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
