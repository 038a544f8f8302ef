//go:build !searches

package explore

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// overlaid writes each file of the mutants with all its mutants in it, and returns the file that
// tells go build of them.
func overlaid(t *testing.T, all []mutant) string {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{}
	write := func(path, source string) {
		if files[path] != "" {
			return
		}
		written := filepath.Join(dir, fmt.Sprint(len(files), ".go"))
		if err := os.WriteFile(written, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		files[path] = written
	}
	for _, m := range all {
		path, err := filepath.Abs(filepath.Join(root, m.file))
		if err != nil {
			t.Fatal(err)
		}
		if files[path] != "" {
			continue
		}
		source, pkg, err := withMutants(path, m.file, all)
		if err != nil {
			t.Fatal(err)
		}
		write(path, source)
		write(filepath.Join(filepath.Dir(path), "mutant_now.go"), "package "+pkg+`
import ("os"; "strconv")
var mutantNow, _ = strconv.Atoi(os.Getenv("MUTANT"))
`)
	}
	mapping, err := json.Marshal(map[string]any{"Replace": files})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, mapping, 0o600); err != nil {
		t.Fatal(err)
	}
	return overlay
}

// withMutants returns the file and its package's name. It has each changed function a second time
// for each of its mutants, and the function calls that one if it is the mutant of now.
func withMutants(path, file string, all []mutant) (source, pkg string, err error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return "", "", err
	}
	now := string(content)
	calls := map[int]string{} // by where they go
	var copies strings.Builder
	for i, m := range all {
		if m.file != file {
			continue
		}
		if n := strings.Count(now, m.old); n != 1 {
			return "", "", fmt.Errorf("%s has %d times what is to be changed: %s", file, n, m.old)
		}
		changed := strings.Replace(now, m.old, m.new, 1)
		f, fn, err := function(changed, strings.Index(now, m.old))
		if err != nil {
			return "", "", fmt.Errorf("%s: %s: %w", file, m.what, err)
		}
		pkg = f.Name.Name
		name := fmt.Sprintf("%sMutant%d", fn.Name.Name, i+1)
		copies.WriteString("\n" + changed[fn.Pos()-1:fn.Name.Pos()-1] + name +
			changed[fn.Name.End()-1:fn.End()-1] + "\n")
		// The original begins where the mutant does.
		calls[int(fn.Body.Lbrace)] += fmt.Sprintf(" if mutantNow == %d { %s };", i+1,
			calling(fn, name))
	}
	for _, at := range slices.Backward(slices.Sorted(maps.Keys(calls))) {
		now = now[:at] + calls[at] + now[at:]
	}
	return now + copies.String(), pkg, nil
}

// function returns the function in whose body the source has this offset.
func function(source string, offset int) (*ast.File, *ast.FuncDecl, error) {
	file, err := parser.ParseFile(token.NewFileSet(), "", source, parser.SkipObjectResolution)
	if err != nil {
		return nil, nil, err
	}
	at := token.Pos(offset + 1)
	for _, decl := range file.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok && fn.Body.Lbrace < at && at < fn.End() {
			return file, fn, nil
		}
	}
	return nil, nil, fmt.Errorf("offset %d is in no function", offset)
}

// calling is the statement with which a function calls another of the same signature.
func calling(fn *ast.FuncDecl, name string) string {
	var args []string
	for _, field := range fn.Type.Params.List {
		for _, param := range field.Names {
			args = append(args, param.Name)
		}
	}
	if fn.Recv != nil {
		name = fn.Recv.List[0].Names[0].Name + "." + name
	}
	name += "(" + strings.Join(args, ", ") + ")"
	if fn.Type.Results == nil {
		return name + "; return"
	}
	return "return " + name
}
