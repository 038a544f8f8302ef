package services

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ulikunitz/xz"
)

// maven is a repository that serves one archive, whatever it is asked for.
type maven struct {
	*httptest.Server
	requests atomic.Int32
	sum      string // instead of the right one, if not empty
	status   int    // instead of 200, if not 0
}

func newMaven(t *testing.T, jar []byte) *maven {
	t.Helper()
	m := &maven{}
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.requests.Add(1)
		switch {
		case m.status != 0:
			w.WriteHeader(m.status)
		case !strings.Contains(r.URL.Path, "/"+embeddedVersion+"/"):
			w.WriteHeader(http.StatusNotFound)
		case strings.HasSuffix(r.URL.Path, ".sha256") && m.sum != "":
			io.WriteString(w, m.sum) //nolint:errcheck // the client notices
		case strings.HasSuffix(r.URL.Path, ".sha256"):
			fmt.Fprintf(w, "%x\n", sha256.Sum256(jar))
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
	m := bare(t, repository.URL)
	m.cache = filepath.Join(m.cache, "is", "made")
	for round, wantRequests := range []int32{2, 2} { // the archive and its checksum, then neither
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
		if got := repository.requests.Load(); got != wantRequests {
			t.Errorf("round %d: %d requests so far, want %d", round, got, wantRequests)
		}
	}
}

// It would be run. What cannot be ours is downloaded again, and verified.
func TestAnArchiveThatSomebodyElseCouldHavePlantedIsNotRun(t *testing.T) {
	t.Parallel()
	for name, plant := range map[string]func(path string) error{
		"everybody may write it": func(path string) error { return os.Chmod(path, 0o666) },
		"the group may write it": func(path string) error { return os.Chmod(path, 0o664) },
		"a link": func(path string) error {
			return errors.Join(os.Rename(path, path+".theirs"), os.Symlink(path+".theirs", path))
		},
		"another user's": func(path string) error {
			if os.Geteuid() != 0 {
				return os.Chmod(path, 0o666) // only root can give a file away
			}
			return os.Chown(path, 65534, 65534)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := download{cache: t.TempDir(), log: func(string) {}}
			d.toCache("postgres.jar", []byte("ours"))
			if kept, err := d.fromCache("postgres.jar"); err != nil || string(kept) != "ours" {
				t.Fatalf("got %q, %v from the cache", kept, err)
			}
			must(t, plant(filepath.Join(d.cache, "postgres.jar")))
			if kept, err := d.fromCache("postgres.jar"); err == nil {
				t.Errorf("got %q from the cache", kept)
			}
		})
	}
}

func TestADownloadWithoutAPlaceToKeepItIsUsed(t *testing.T) {
	t.Parallel()
	for name, cache := range map[string]string{"none": "", "closed": "/dev/null/cache"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := bare(t, newMaven(t, ourPostgres(t)).URL)
			m.cache = cache
			start(t, Options{SkipRedis: true, machine: m})
		})
	}
}

func TestABadDownloadIsReported(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		jar    []byte
		sum    string
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
			repository.sum, repository.status = tt.sum, tt.status
			m := bare(t, repository.URL)
			refusal(t, Options{SkipRedis: true, machine: m}, "apt-get install postgresql", tt.word)
		})
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
	_, err := Start(ctx, Options{SkipRedis: true, machine: bare(t, hanging.URL)})
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
