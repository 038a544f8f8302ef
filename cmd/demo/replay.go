package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"example.com/triplecharge/internal/cli"
	"example.com/triplecharge/internal/timeline"
	"example.com/triplecharge/internal/web"
)

// replay shows a recording again.
type replay struct {
	File string `arg:"" placeholder:"FILE" help:"What run, trial or explore has written with --record."`
	Only int    `name:"run" min:"1" placeholder:"N" help:"Only the Nth run of the recording."`
	SVG  string `name:"svg" placeholder:"FILE" help:"Also write a picture of the run to this file. Of several runs, --run says which."`
	HTML string `name:"html" placeholder:"FILE" help:"Also write a page to this file, to step through; it needs no other file."`
}

// Run prints the runs, and writes what else is asked for.
func (r replay) Run(_ context.Context, o output) (err error) {
	runs, err := r.read()
	if err != nil {
		return cli.Usage(fmt.Errorf("%s: %w", r.File, err))
	}
	files, discard, err := newFiles("--svg", r.SVG, "--html", r.HTML)
	if err != nil {
		return err
	}
	defer discard(&err)
	for _, run := range runs {
		fmt.Fprintf(o.out, "\n%s\n\n  %s\n\n", run.Title, run.About)
		run.Picture().Text(o.out, run.Customer)
		fmt.Fprintf(o.out, "\n  %s\n", run.Verdict)
	}
	if err := files[0].finish(drawing(runs[0])); err != nil {
		return err
	}
	return files[1].finish(func(w io.Writer) error { return web.WriteFile(w, runs) })
}

// read returns the runs that are asked for.
func (r replay) read() ([]timeline.Run, error) {
	file, err := cli.OpenInput(r.File)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	runs, err := timeline.ReadRecording(file)
	if err == nil && r.Only > 0 && r.Only <= len(runs) {
		runs = runs[r.Only-1 : r.Only]
	} else if err == nil && r.Only > 0 {
		err = fmt.Errorf("--run %d: it has %d", r.Only, len(runs))
	}
	long := func(run timeline.Run) bool { return len(run.Events) > web.MaxSteps }
	switch {
	case err != nil:
		return nil, err
	case r.HTML != "" && slices.ContainsFunc(runs, long):
		return nil, fmt.Errorf("--html: a run has more than %d steps", web.MaxSteps)
	case r.SVG != "" && len(runs) > 1:
		return nil, fmt.Errorf("--svg draws one of its %d runs: say which with --run", len(runs))
	}
	return runs, nil
}
