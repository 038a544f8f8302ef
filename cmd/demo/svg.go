package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"example.com/triplecharge/internal/scenario"
	"example.com/triplecharge/internal/timeline"
	"example.com/triplecharge/internal/verdicts"
)

// drawing is an SVG file to be: it is made beside its place before anything starts, so that what
// can't be written is known then, and put in its place when it is whole. A picture of that name
// stays until then.
type drawing struct {
	file *os.File // nil if none is wanted
	path string
}

// newDrawing returns the drawing that goes to the path; none for "".
func newDrawing(path string) (drawing, error) {
	if path == "" {
		return drawing{}, nil
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return drawing{}, fmt.Errorf("--svg: %s is a directory: name a file", path)
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".drawing-*.svg")
	if err != nil {
		return drawing{}, fmt.Errorf("--svg: %s can't be written: %w", path, err)
	}
	return drawing{file, path}, nil
}

// discard removes what is not in its place.
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

// readable is the mode of a file that anybody may look at.
const readable = 0o644

// finish draws the cell and puts the file in its place.
func (d drawing) finish(c scenario.Cell) error {
	if d.file == nil {
		return nil
	}
	a := c.Account
	met := "under " + string(c.Fault)
	if c.Fault == verdicts.None {
		met = "at midnight"
	}
	err := timeline.Canvas{
		Picture: c.Picture, Name: "Alice",
		Title: fmt.Sprintf("%s %s: Alice owed %s and paid %s", c.Mode, met,
			timeline.Money(a.DueMinor, a.Currency), timeline.Money(a.ChargedMinor, a.Currency)),
	}.SVG(d.file)
	err = errors.Join(err, d.file.Chmod(readable), d.file.Close())
	if err == nil {
		err = os.Rename(d.file.Name(), d.path)
	}
	if err != nil {
		return fmt.Errorf("--svg: %w", err)
	}
	return nil
}
