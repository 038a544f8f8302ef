// Package cli reads the command lines of the four commands by the same rules, and turns errors into
// exit statuses.
package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
)

// Program is a command.
type Program struct {
	Name, Description string

	Env     string            // prefix of the flags' environment variables; "" for none
	Vars    map[string]string // for the texts of the flags
	Version string            // what --version prints after the module's version

	// Interrupted is printed when a signal ended Run before it was done. The exit status is then
	// 130. If it is empty, what Run returns decides.
	Interrupted string
	Explain     func(error) string // what to do about an error, "" if its text says so; may be nil

	// CheckURL finds what else is wrong with a URL than its scheme and port, by the first scheme of
	// its flag's tag; nil: nothing is.
	CheckURL map[string]func(string) error
	Complain func(io.Writer, string)
}

// ErrUsage marks an error in the command line, the environment or a file that they name. It adds no
// text.
var ErrUsage = errors.New("")

// Usage marks an error of a command line.
func Usage(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w%w", err, ErrUsage)
}

// ErrSaid means that the output says already what is not right.
var ErrSaid = errors.New("not as it should be")

// Main fills flags, a pointer to a struct with the tags that Flag and Commands describe, calls run
// with what Parse returns, and returns the exit status: 0 if run returns nil or the user asked for
// help or the version, 1 after an error, 2 for a command line that can't be used. The context of
// run ends with the first SIGINT, SIGTERM or (unless it is ignored, as under nohup) SIGHUP. A
// second signal ends the process. What run writes to out is made Harmless; if it can't be written,
// that is an error.
func (p Program) Main(
	args []string, stdout, stderr io.Writer, flags any,
	run func(ctx context.Context, chosen any, out io.Writer) error,
) int {
	out, written := checked(stdout)
	chosen, err := p.Parse(args, out, flags)
	if err == nil && chosen == nil {
		return 0
	}
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		ends = append(ends, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	defer stop()
	context.AfterFunc(ctx, stop) // with the handler gone, a second signal ends the process
	if err == nil {
		err = run(ctx, chosen, out)
	}
	if err == nil && written.failed != nil {
		err = fmt.Errorf("the output is not complete: %w", written.failed)
	}
	if err == nil {
		return 0
	}
	say, status := p.Name+": "+err.Error(), 1
	switch {
	case ctx.Err() != nil && p.Interrupted != "":
		say, status = p.Name+": interrupted; "+p.Interrupted, 130
	case errors.Is(err, ErrUsage):
		say, status = say+" (see "+p.Name+" --help)", 2
	case errors.Is(err, ErrSaid):
		return 1
	case p.Explain != nil:
		say += p.Explain(err)
	}
	if p.Complain != nil {
		p.Complain(stderr, Harmless(say))
	} else {
		fmt.Fprintln(Output(stderr), say)
	}
	return status
}

// Parse fills flags by their tags, and returns the struct of the command that was chosen; of a
// program without commands that is flags. It returns nil and no error if the user asked for help or
// the version, which it has then printed.
func (p Program) Parse(args []string, stdout io.Writer, flags any) (chosen any, err error) {
	commands := p.Commands(flags)
	if err := fromFiles(commands); err != nil {
		return nil, err
	}
	c, args, all, err := choose(commands, args)
	if err == nil {
		err = c.read(args, commands)
	}
	if err != nil {
		return nil, Usage(err)
	}
	if err := fill(c.Flags[:commonFlags]); err != nil {
		return nil, Usage(err)
	}
	switch {
	case c.common.Help:
		return nil, p.help(stdout, commands, c, all)
	case c.common.Version:
		_, err := fmt.Fprintln(stdout, version(p.Name, p.Version))
		return nil, err
	}
	err = cmp.Or(fill(c.Flags[commonFlags:]), fill(c.Arguments), c.complete())
	return c.target, Usage(err)
}

// fromFile gives an environment variable that is empty the content of the file that NAME_FILE
// names, as orchestrators mount secrets. Without one it removes the variable: an empty one says
// nothing, as when a compose file passes on what is not set.
func fromFile(name string) error {
	if os.Getenv(name) != "" {
		return nil
	}
	path := os.Getenv(name + "_FILE")
	if path == "" {
		return os.Unsetenv(name)
	}
	file, err := os.Open(path)
	var content []byte
	if err == nil {
		defer func() { _ = file.Close() }()
		content, err = io.ReadAll(io.LimitReader(file, longestText+1))
	}
	if err == nil && len(content) > longestText {
		err = fmt.Errorf("%s holds more than %d bytes", path, longestText)
	}
	if err == nil {
		err = os.Setenv(name, strings.TrimSpace(string(content)))
	}
	if err != nil {
		err = Usage(fmt.Errorf("%s_FILE: %w", name, err))
	}
	return err
}

// fromFiles does so for the variables of all flags.
func fromFiles(commands []*Command) error {
	for _, c := range commands {
		for _, f := range c.Flags {
			for _, name := range f.envs {
				if err := fromFile(name); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Secret returns a secret from the environment, or from the file that it names, "" if there is
// none. A secret has no flag: everybody on the machine can read a command line.
func Secret(variable string) (string, error) {
	err := fromFile(variable)
	return os.Getenv(variable), err
}

// StripeKey names the secret that is a key of Stripe's test mode.
const StripeKey = "STRIPE_SECRET_KEY"

// Token returns a bearer token, a Secret. It refuses one that a header can't carry, which every
// request would be refused with.
func Token(variable string) (string, error) {
	token, err := Secret(variable)
	if err != nil {
		return "", err
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", Usage(fmt.Errorf("%s contains a space, a line break or a similar character: "+
			"set it to the token alone", variable))
	}
	return token, nil
}

// version is what the build knows of itself.
func version(name, more string) string {
	built := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		built = info.Main.Version
	}
	return strings.TrimSpace(name + " " + built + more)
}
