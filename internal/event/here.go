package event

import (
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// Here returns the lines of a mode that are at work in this goroutine, the outermost first, such as
// "exactlyonce.go:38,92"; "" if no mode is. The program knows them from its own stack, so they are
// right for any mode, a reader's too.
func Here() string {
	// A request to Stripe is announced some thirty calls below the mode.
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	file, lines := "", ""
	for {
		f, more := frames.Next()
		name := filepath.Base(f.File)
		switch ours := strings.Contains(f.Function, "/billing."); {
		case ours && name != "ports.go" && name != "worker.go" && (file == "" || name == file):
			if file = name; lines != "" {
				lines = "," + lines
			}
			lines = strconv.Itoa(f.Line) + lines
		case !more && file == "", ours && name == "worker.go" && file == "":
			return ""
		case !more, file != "":
			return file + ":" + lines
		}
	}
}
