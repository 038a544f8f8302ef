package services

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/ulikunitz/xz"
)

// maven is a repository that serves one archive, whatever it is asked for.
type maven struct {
	*httptest.Server
	jar      []byte
	requests atomic.Int32
	status   int // instead of 200, if not 0
}

// machine has nothing on it but the checksum of the repository's archive.
func (m *maven) machine(t *testing.T) *machine {
	t.Helper()
	with := bare(t, m.URL)
	with.checksum = fmt.Sprintf("%x", sha256.Sum256(m.jar))
	return with
}

func newMaven(t *testing.T, jar []byte) *maven {
	t.Helper()
	m := &maven{jar: jar}
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.requests.Add(1)
		switch {
		case m.status != 0:
			w.WriteHeader(m.status)
		case !strings.HasSuffix(r.URL.Path, "-"+embeddedVersion+".jar"):
			w.WriteHeader(http.StatusNotFound)
		default:
			w.Write(jar) //nolint:errcheck // the client notices
		}
	}))
	t.Cleanup(m.Close)
	return m
}

// ourPostgres is an archive whose programs run those of this machine.
func ourPostgres(t *testing.T) []byte {
	t.Helper()
	bin := thisMachine().findPostgres()
	if bin == "" {
		t.Skip("no Postgres is installed that the archive could run")
	}
	program := func(name string) string { return "#!/bin/sh\nexec " + bin + "/" + name + ` "$@"` }
	return jarOf(t,
		entry{name: "./bin/initdb", content: program("initdb")},
		entry{name: "./lib/libpq.so.5", content: "a library"},
		entry{name: "./lib/libpq.so", link: "libpq.so.5"},
		entry{name: "./share/postgresql/", folder: true},
		entry{name: "./bin/postgres", content: program("postgres")})
}

func TestPostgresIsDownloadedWhereThereIsNone(t *testing.T) {
	t.Parallel()
	repository := newMaven(t, ourPostgres(t))
	m := repository.machine(t)
	m.cache = filepath.Join(m.cache, "is", "made")
	for round := range 2 {
		var said []string
		s, err := Start(t.Context(), Options{
			SkipRedis: true, machine: m, Log: func(line string) { said = append(said, line) },
		})
		must(t, err)
		must(t, Ping(t.Context(), s.DatabaseURL()))
		dir := filepath.Join(s.guard.dir, "download")
		if link, err := os.Readlink(filepath.Join(dir, "lib/libpq.so")); link != "libpq.so.5" {
			t.Errorf("libpq.so is a link to %q (%v), want libpq.so.5", link, err)
		}
		must(t, s.Close())
		announced := strings.Contains(said[0], "downloading "+repository.URL) &&
			strings.Contains(said[0], m.cache)
		if announced != (round == 0) {
			t.Errorf("round %d: it says %q", round, said)
		}
		if got := repository.requests.Load(); got != 1 {
			t.Errorf("round %d: %d requests so far, want 1", round, got)
		}
	}
}

// It would be run. It is downloaded again, verified, and kept instead.
func TestAnArchiveThatSomebodyPlantedInTheCacheIsNotRun(t *testing.T) {
	t.Parallel()
	for name, plant := range map[string]func(path string) error{
		"a file": func(path string) error { return os.WriteFile(path, []byte("theirs"), 0o644) },
		"a link": func(path string) error { return os.Symlink("/dev/zero", path) },
		"a FIFO": func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"half":   func(path string) error { return os.WriteFile(path, nil, 0o644) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			repository := newMaven(t, jarOf(t, entry{name: "./bin/initdb", content: "#!"},
				entry{name: "./bin/postgres", content: "#!"}))
			m := repository.machine(t)
			var said strings.Builder
			d := download{m.repository, m.checksum, m.cache, func(line string) {
				said.WriteString(line)
			}}
			planted := filepath.Join(d.cache,
				"embedded-postgres-binaries-"+embeddedPlatform()+"-"+embeddedVersion+".jar")
			must(t, plant(planted))
			_, err := d.unpack(t.Context(), t.TempDir())
			must(t, err)
			if !strings.Contains(said.String(), "not used: ") || repository.requests.Load() != 1 {
				t.Errorf("it says %q after %d requests", said.String(), repository.requests.Load())
			}
			if kept, err := os.ReadFile(planted); err != nil || !bytes.Equal(kept, repository.jar) {
				t.Errorf("%d bytes are kept (%v), want the archive", len(kept), err)
			}
		})
	}
}

// The checksums are of somebody else's files, so only their form can be held here.
func TestEverySystemThatIsSupportedHasAChecksum(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, system := range []string{"linux-amd64", "linux-arm64v8", "linux-amd64-alpine",
		"linux-arm64v8-alpine", "darwin-amd64", "darwin-arm64v8"} {
		sum, err := hex.DecodeString(checksums[system])
		if err != nil || len(sum) != sha256.Size || seen[string(sum)] {
			t.Errorf("%s has the checksum %q", system, checksums[system])
		}
		seen[string(sum)] = true
	}
}

func TestADownloadWithoutAPlaceToKeepItIsUsed(t *testing.T) {
	t.Parallel()
	for name, cache := range map[string]string{"none": "", "closed": "/dev/null/cache"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMaven(t, ourPostgres(t)).machine(t)
			m.cache = cache
			start(t, Options{SkipRedis: true, machine: m})
		})
	}
}

func TestABadDownloadIsReported(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		jar    []byte
		sum    string // instead of the right one
		status int
		word   string
	}{
		"another checksum": {sum: strings.Repeat("0", 64), word: "checksum"},
		"no such version":  {status: http.StatusNotFound, word: "404"},
		"not an archive":   {jar: []byte("<html>log in</html>"), word: "zip"},
		"nothing in it":    {jar: jarOf(t), word: "initdb"},
		"leads out of it": {jar: jarOf(t, entry{name: "../../evil", content: "x"}),
			word: "escapes"},
		"a link out of it": {
			jar:  jarOf(t, entry{name: "bin", link: "/tmp"}, entry{name: "bin/x"}),
			word: "escapes",
		},
		"cut off":           {jar: zipOf(t, "a.txz", []byte("\xfd7zXZ")), word: "unpack"},
		"no .txz among all": {jar: zipOf(t, "readme", nil), word: ".txz"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			repository := newMaven(t, tt.jar)
			repository.status = tt.status
			m := repository.machine(t)
			m.checksum = cmp.Or(tt.sum, m.checksum)
			refusal(t, Options{SkipRedis: true, machine: m}, "apt-get install postgresql", tt.word)
		})
	}
}

func TestASystemWithoutAKnownChecksumDownloadsNothing(t *testing.T) {
	t.Parallel()
	repository := newMaven(t, ourPostgres(t))
	m := repository.machine(t)
	m.checksum = ""
	refusal(t, Options{SkipRedis: true, machine: m}, "no checksum", "apt-get install postgresql")
	if got := repository.requests.Load(); got != 0 {
		t.Errorf("%d requests, want none", got)
	}
}

func TestADownloadCanBeInterrupted(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(
		func(_ http.ResponseWriter, r *http.Request) {
			close(asked)
			<-r.Context().Done()
		}))
	defer hanging.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	m := bare(t, hanging.URL)
	m.checksum = "any"
	_, err := Start(ctx, Options{SkipRedis: true, machine: m})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the interrupted start returns %v, want %v", err, context.Canceled)
	}
}

// entry is a file, a link or a folder in an archive.
type entry struct {
	name, content, link string
	folder              bool
}

// jarOf packs files as the repository does: a .tar.xz in a zip.
func jarOf(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var files bytes.Buffer
	w := tar.NewWriter(&files)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: 0o755, Size: int64(len(e.content)), Linkname: e.link}
		h.Typeflag = tar.TypeReg
		if e.link != "" {
			h.Typeflag = tar.TypeSymlink
		}
		if e.folder {
			h.Typeflag = tar.TypeDir
		}
		must(t, w.WriteHeader(h))
		_, err := io.WriteString(w, e.content)
		must(t, err)
	}
	must(t, w.Close())
	return zipOf(t, "postgres.txz", xzOf(t, files.Bytes()))
}

func zipOf(t *testing.T, name string, content []byte) []byte {
	t.Helper()
	var jar bytes.Buffer
	z := zip.NewWriter(&jar)
	_, err := z.Create("META-INF/MANIFEST.MF")
	must(t, err)
	f, err := z.Create(name)
	must(t, err)
	_, err = f.Write(content)
	must(t, err)
	must(t, z.Close())
	return jar.Bytes()
}

func xzOf(t *testing.T, data []byte) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := xz.NewWriter(&file)
	must(t, err)
	_, err = w.Write(data)
	must(t, err)
	must(t, w.Close())
	return file.Bytes()
}
