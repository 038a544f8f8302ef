package archtest_test

import (
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"example.com/triplecharge/billing"
)

// source is one Go file of the module.
type source struct {
	path  string // from the module's root, with slashes
	lines []string
	file  *ast.File
	fset  *token.FileSet
}

func (s source) test() bool { return strings.HasSuffix(s.path, "_test.go") }

// at returns where a node begins, as an editor understands it.
func (s source) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", s.path, s.line(n.Pos()))
}

func (s source) line(p token.Pos) int { return s.fset.Position(p).Line }

// In the lesson and in the ledger, time and configuration come in as fields, and there is no shared
// state that a reader could overlook.
func TestBillingAndLedgerKeepNoHiddenState(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		held := strings.HasPrefix(s.path, "billing/") || strings.HasPrefix(s.path, "ledger/")
		if s.test() || !held {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			switch qualified(call) {
			case "time.Sleep", "os.Getenv", "os.LookupEnv", "os.Environ":
				t.Errorf("%s calls %s", s.at(n), qualified(call))
			}
			return true
		})
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.Name == "init" && d.Recv == nil {
					t.Errorf("%s has an init", s.at(d))
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					v, ok := spec.(*ast.ValueSpec)
					if ok && d.Tok == token.VAR && !constant(d, v) {
						t.Errorf("%s keeps state in %s", s.at(v), v.Names[0])
					}
				}
			}
		}
	}
}

// constant reports whether a package's variable is one that nobody changes: an error to compare
// with, a compiled pattern, an embedded file, an assertion that a type implements an interface.
func constant(d *ast.GenDecl, v *ast.ValueSpec) bool {
	if d.Doc != nil && strings.HasPrefix(d.Doc.List[len(d.Doc.List)-1].Text, "//go:embed ") {
		return true
	}
	for i, name := range v.Names {
		if name.Name == "_" {
			continue
		}
		if i >= len(v.Values) {
			return false
		}
		call, ok := v.Values[i].(*ast.CallExpr)
		if !ok {
			return false
		}
		switch qualified(call.Fun) {
		case "errors.New", "regexp.MustCompile":
		default:
			return false
		}
	}
	return true
}

// qualified returns the text of an expression such as errors.New, "" of another.
func qualified(e ast.Expr) string {
	if s, ok := e.(*ast.SelectorExpr); ok {
		if x, ok := s.X.(*ast.Ident); ok {
			return x.Name + "." + s.Sel.Name
		}
	}
	return ""
}

// A mode that is asked for by its name somewhere is a branch that the table of modes doesn't show.
func TestModesAreNamedInTheirTableOnly(t *testing.T) {
	t.Parallel()
	mayName := []string{
		"billing/modes.go", // the table
		"cmd/demo/show.go", // which two are shown to whom doesn't choose
	}
	var names []string
	for _, m := range billing.Modes() {
		names = append(names, m.Name)
	}
	for _, s := range sources(t) {
		if s.test() || slices.ContainsFunc(mayName, func(p string) bool {
			return strings.HasPrefix(s.path, p)
		}) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			literal, ok := n.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			if text, _ := strconv.Unquote(literal.Value); slices.Contains(names, text) {
				t.Errorf("%s names the mode %s: let the table of modes say what differs",
					s.at(n), text)
			}
			return true
		})
	}
}

// A reader finds a file by its name. What was split by a limit alone, or differs from its neighbour
// by word order alone, is found by nobody.
func TestFileNamesSayWhatIsInThem(t *testing.T) {
	t.Parallel()
	known := map[string]string{} // the folder and the sorted letters of a name
	for _, s := range sources(t) {
		name, test := strings.CutSuffix(strings.TrimSuffix(path.Base(s.path), ".go"), "_test")
		for _, word := range strings.Split(name, "_") {
			if slices.Contains([]string{"more", "misc", "util", "utils", "helper", "common"},
				word) {
				t.Errorf("%s: the name doesn't say what is in it", s.path)
			}
		}
		letters := []rune(strings.ReplaceAll(name, "_", ""))
		slices.Sort(letters)
		key := fmt.Sprint(path.Dir(s.path), string(letters), test)
		if other := known[key]; other != "" {
			t.Errorf("%s and %s differ by word order: say what differs", other, s.path)
		}
		known[key] = s.path
	}
}

// The lesson stands alone: what is built around it knows it, and not the other way round.
func TestTheLessonDoesNotMentionTheShow(t *testing.T) {
	t.Parallel()
	show := regexp.MustCompile(`(?i)\b(simulat|timeline|explorer|scenario|fault inject)\w*`)
	for _, s := range sources(t) {
		switch path.Dir(s.path) {
		case "billing", "billing/redislock", "ledger":
			for i, line := range s.lines {
				if word := show.FindString(line); word != "" && !s.test() {
					t.Errorf("%s:%d mentions the %s", s.path, i+1, word)
				}
			}
		}
	}
}

func TestSourcesAreFormatted(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		text := strings.Join(s.lines, "\n") + "\n"
		if formatted, err := format.Source([]byte(text)); err != nil || string(formatted) != text {
			t.Errorf("%s: run gofmt -w on it", s.path)
		}
	}
}

// An error is returned. The simulator's panic is net/http's way to drop a connection.
func TestNothingPanics(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.test() || s.file.Name.Name == "main" || path.Dir(s.path) == "internal/stripesim" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && id.Name == "panic" {
				t.Errorf("%s panics: return an error", s.at(n))
			}
			return true
		})
	}
}

// sources returns all Go files of this module.
func sources(t *testing.T) (all []source) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skip(path, d.Name())
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		s, err := parse(path)
		all = append(all, s)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// skip returns fs.SkipDir for the folders that `./...` doesn't reach: modules of their own,
// hidden ones and test data.
func skip(path, name string) error {
	if path == root {
		return nil
	}
	_, err := os.Stat(filepath.Join(path, "go.mod"))
	if err == nil || name == "testdata" || strings.HasPrefix(name, ".") {
		return fs.SkipDir
	}
	return nil
}

func parse(path string) (source, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return source{}, err
	}
	relative, err := filepath.Rel(root, path)
	if err != nil {
		return source{}, err
	}
	s := source{path: filepath.ToSlash(relative), fset: token.NewFileSet()}
	s.lines = strings.Split(strings.TrimSuffix(string(content), "\n"), "\n")
	s.file, err = parser.ParseFile(s.fset, path, content, parser.ParseComments)
	return s, err
}
