package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"example.com/triplecharge/internal/cli"
)

// file is a file that a flag names, and that will be written. Its temporary file is created before
// anything starts, so that a path that can't be written is refused early. An existing file stays
// until the new one is complete.
type file struct {
	temporary *os.File // nil if none is wanted
	flag      string
	path      string
	mode      fs.FileMode // of the file that it replaces
}

// newFiles creates the temporary files for flags, each followed by its path. discard removes those
// that are not finished, and adds its error to err.
func newFiles(flagsAndPaths ...string) (all []file, discard func(err *error), err error) {
	discard = func(err *error) {
		for _, f := range all {
			*err = errors.Join(*err, f.discard())
		}
	}
	for pair := range slices.Chunk(flagsAndPaths, 2) {
		f, err := newFile(pair[0], pair[1])
		if err != nil {
			discard(&err)
			return nil, nil, cli.Usage(err)
		}
		all = append(all, f)
	}
	return all, discard, nil
}

// newFile creates the temporary file for a flag's path; "" means no file.
func newFile(flag, path string) (file, error) {
	if path == "" {
		return file{}, nil
	}
	mode := fs.FileMode(readable)
	if info, err := os.Lstat(path); err == nil {
		if mode = info.Mode(); !mode.IsRegular() {
			return file{}, fmt.Errorf("%s: %s is no regular file: name a new one", flag, path)
		}
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".demo-*")
	if err != nil {
		return file{}, fmt.Errorf("%s: %s can't be written: %w", flag, path, err)
	}
	return file{temporary, flag, path, mode.Perm()}, nil
}

// discard removes the temporary file, unless finish has renamed it.
func (f file) discard() error {
	if f.temporary == nil {
		return nil
	}
	_ = f.temporary.Close() // a second time, if it was finished
	if err := os.Remove(f.temporary.Name()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// readable lets every user read the file.
const readable = 0o644

// finish writes the content and renames the file to its path.
func (f file) finish(content func(io.Writer) error) error {
	if f.temporary == nil {
		return nil
	}
	err := errors.Join(content(f.temporary), f.temporary.Chmod(f.mode), f.temporary.Close())
	if err == nil {
		err = os.Rename(f.temporary.Name(), f.path)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.flag, err)
	}
	return nil
}
