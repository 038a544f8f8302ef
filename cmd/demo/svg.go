package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"example.com/triplecharge/internal/faults"
	"example.com/triplecharge/internal/money"
	"example.com/triplecharge/internal/scenario"
	"example.com/triplecharge/internal/timeline"
)

// drawing is an SVG file that will be written. Its temporary file is created before anything
// starts, so that a path that can't be written is refused early. An existing picture stays until
// the new one is complete.
type drawing struct {
	file *os.File // nil if none is wanted
	path string
	mode fs.FileMode // of the file that it replaces
}

// newDrawing creates the temporary file for a path; "" means no drawing.
func newDrawing(path string) (drawing, error) {
	if path == "" {
		return drawing{}, nil
	}
	mode := fs.FileMode(readable)
	if info, err := os.Lstat(path); err == nil {
		if mode = info.Mode(); !mode.IsRegular() {
			return drawing{}, fmt.Errorf("--svg: %s is no regular file: name a new one", path)
		}
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".drawing-*.svg")
	if err != nil {
		return drawing{}, fmt.Errorf("--svg: %s can't be written: %w", path, err)
	}
	return drawing{file, path, mode.Perm()}, nil
}

// discard removes the temporary file, unless finish has renamed it.
func (d drawing) discard() error {
	if d.file == nil {
		return nil
	}
	_ = d.file.Close() // a second time, if it was finished
	if err := os.Remove(d.file.Name()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// readable lets every user read the file.
const readable = 0o644

// finish draws the cell and renames the file to its path.
func (d drawing) finish(c scenario.Cell) error {
	if d.file == nil {
		return nil
	}
	a := c.Invoice
	met := "under " + string(c.Fault)
	if c.Fault == faults.None {
		met = "at midnight"
	}
	err := timeline.Canvas{
		Picture: c.Picture, Name: "Alice",
		Title: fmt.Sprintf("%s %s: Alice owed %s and paid %s", c.Mode, met,
			money.Amount(a.DueMinor, a.Currency), money.Amount(a.ChargedMinor, a.Currency)),
	}.SVG(d.file)
	err = errors.Join(err, d.file.Chmod(d.mode), d.file.Close())
	if err == nil {
		err = os.Rename(d.file.Name(), d.path)
	}
	if err != nil {
		return fmt.Errorf("--svg: %w", err)
	}
	return nil
}
