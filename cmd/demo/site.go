package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"example.com/triplecharge/docs"
	"example.com/triplecharge/internal/cli"
	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/scenario"
	"example.com/triplecharge/internal/services"
	"example.com/triplecharge/internal/site"
	"example.com/triplecharge/internal/site/player"
	"example.com/triplecharge/internal/verdict"
)

// staticSite writes a site that needs no server.
type staticSite struct {
	Dir         string      `arg:"" help:"Folder of the site. It must be empty, or not exist."`
	Source      string      `placeholder:"URL" help:"Where the source is shown, such as https://github.com/acme/triplecharge/blob/main: links to it lead there. Default: they are text."`
	Mode        []modeFlag  `placeholder:"MODE" help:"Modes to record; default all."`
	Fault       []faultFlag `placeholder:"FAULT" help:"Faults to record; default all."`
	Parallel    int         `default:"6" min:"1" max:"100" help:"Cells played at the same time."`
	DatabaseURL string      `name:"database-url" env:"DATABASE_URL" url:"postgres,postgresql" placeholder:"URL" help:"Postgres to use instead of starting one."`
}

// Run compiles the explorer for browsers, plays the cells, and writes the site.
func (s staticSite) Run(ctx context.Context, o output) (err error) {
	if err := s.check(); err != nil {
		return cli.Usage(err)
	}
	fmt.Fprintln(o.log, "The explorer is compiled for browsers, which takes up to two minutes.")
	out := site.Site{Docs: docs.Pages, Source: s.Source}
	if out.Program, out.Exec, err = compiled(ctx, o.log); err != nil {
		return err
	}
	harness, err := newHarness(ctx, o,
		services.Options{DatabaseURL: s.DatabaseURL, SkipRedis: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, harness.Services.Close()) }()
	if out.Cells, err = s.cells(ctx, o, harness); err != nil {
		return err
	}
	// The site is whole or not there.
	made, err := os.MkdirTemp(filepath.Dir(filepath.Clean(s.Dir)), ".site-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(made)) }()
	if err := out.Write(made); err != nil {
		return err
	}
	if err := os.Remove(s.Dir); err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := errors.Join(os.Chmod(made, 0o755), os.Rename(made, s.Dir)); err != nil {
		return err
	}
	fmt.Fprintf(o.out, "The site begins at %s.\n", filepath.Join(s.Dir, "index.html"))
	return nil
}

func (s staticSite) check() error {
	entries, err := os.ReadDir(s.Dir)
	switch {
	case err == nil && len(entries) > 0:
		return fmt.Errorf("%s is not empty: name a new folder", s.Dir)
	case err != nil && !os.IsNotExist(err):
		return err
	case s.Source != "" && !strings.HasPrefix(s.Source, "https://"):
		return fmt.Errorf("--source %s: want an address that begins with https://", s.Source)
	}
	return nil
}

// compiled returns the program for browsers, and the script of Go's that runs it. It needs Go and
// the source in this folder.
func compiled(ctx context.Context, log io.Writer) (program []byte, script string, err error) {
	folder, err := os.MkdirTemp("", "site-*")
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	file := filepath.Join(folder, "program.wasm")
	build := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-o", file,
		"./internal/site/wasm")
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	build.Stderr = log
	if err := build.Run(); err != nil {
		return nil, "", fmt.Errorf("compile the explorer for browsers (run this in the root of "+
			"a checkout, with Go): %w", err)
	}
	if program, err = os.ReadFile(file); err != nil {
		return nil, "", err
	}
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return nil, "", fmt.Errorf("ask where Go is: %w", err)
	}
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm",
		"wasm_exec.js"))
	return program, string(text), err
}

// cells plays the chosen cells as matrix does, and records each.
func (s staticSite) cells(
	ctx context.Context, o output, harness scenario.Harness,
) (cells []site.Cell, err error) {
	m := matrix{Mode: s.Mode, Fault: s.Fault, Parallel: s.Parallel}
	played, err := m.play(ctx, o.log, harness)
	for _, c := range played {
		if c.Err != nil && c.Needs() == "" {
			err = errors.Join(err, c.Err)
		}
		cells = append(cells, recorded(c))
	}
	return cells, err
}

// recorded is a cell with its run, if it was played: it may not apply, or lack a program.
func recorded(c scenario.Cell) site.Cell {
	if c.Err != nil || !c.Expected.Applies {
		return site.Cell{Cell: reported(c)}
	}
	run := told(c)
	run.Title = faults.Under(c.Mode, c.Fault)
	run.Verdict = c.Invoice.Paid("Alice") + "\n"
	if c.Expected.Known {
		run.Verdict += faults.Sentence(c.Expected.Why) + "\n"
	}
	run.Verdict += recovered(c)
	return site.Cell{Cell: reported(c), Recording: player.Recording{
		Run: run, Wrong: verdict.Judge(c.After)[0] != verdict.Right,
	}}
}
