package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// OpenInput opens a file that a flag names. It refuses whatever is no regular file: opening a pipe
// waits for its writer, also after Ctrl-C, and /dev/zero never ends.
func OpenInput(name string) (*os.File, error) {
	info, err := os.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: want a regular file", name)
	}
	if err != nil {
		return nil, Usage(err)
	}
	file, err := os.Open(name)
	return file, Usage(err)
}

// WithOutputs makes a new file for each name that is not "", calls do with them in that order, and
// removes them all if anything fails. None is made if one exists, as the input does, too.
func WithOutputs(do func(files []io.Writer) error, names ...string) (err error) {
	files, made := make([]io.Writer, len(names)), []*os.File{}
	defer func() {
		for _, file := range made {
			err = errors.Join(err, file.Close())
		}
		for _, file := range made {
			if err != nil {
				_ = os.Remove(file.Name())
			}
		}
	}()
	for n, name := range names {
		if name == "" {
			continue
		}
		file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			err = fmt.Errorf("%w: name a new file", err)
		}
		if err != nil {
			return Usage(err)
		}
		files[n], made = file, append(made, file)
	}
	return do(files)
}
