package services

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/ulikunitz/xz"
)

const (
	// mavenCentral publishes Postgres for several systems as an archive that runs from any
	// folder: https://github.com/zonkyio/embedded-postgres-binaries.
	mavenCentral = "https://repo1.maven.org/maven2"
	// embeddedVersion is a Postgres version published for every system in embeddedPlatform.
	embeddedVersion = "16.9.0"
	// downloadLimit bounds the whole download, in case the network silently drops packets.
	downloadLimit = 5 * time.Minute
	// archiveLimit is several times the size of an archive, which must fit in memory.
	archiveLimit = 128 << 20
)

// download fetches Postgres from a Maven repository.
//
// The module embedded-postgres is not used: it leaves a log file in the temporary folder, can't be
// interrupted, accepts archives without a checksum, and runs the server in a separate session,
// where the guard can't end it. Its archives are used.
type download struct {
	repository string
	cache      string // the folder that keeps archives for later runs; "" for none
	log        func(line string)
}

// unpack puts Postgres into dir, which must exist, and returns the folder of its programs.
func (d download) unpack(ctx context.Context, dir string) (bin string, err error) {
	name := "embedded-postgres-binaries-" + embeddedPlatform()
	file := name + "-" + embeddedVersion + ".jar"
	url := d.repository + "/io/zonky/test/postgres/" + name + "/" + embeddedVersion + "/" + file
	jar, err := d.fromCache(file)
	if err != nil {
		d.log(fmt.Sprintf("no Postgres on this machine: downloading %s (about 10 MB, kept in %s)",
			url, cmp.Or(d.cache, "no folder, as HOME is not set")))
		if jar, err = fetchVerified(ctx, url); err != nil {
			return "", fmt.Errorf("download Postgres: %w", err)
		}
		d.toCache(file, jar)
	}
	bin = filepath.Join(dir, "bin")
	err = unpackJar(jar, dir)
	if err == nil && !holdsPostgres(bin) {
		err = errors.New("the archive lacks initdb or postgres")
	}
	if err != nil {
		if d.cache != "" {
			os.Remove(filepath.Join(d.cache, file)) //nolint:errcheck // may not have been kept
		}
		return "", fmt.Errorf("unpack %s: %w", file, err)
	}
	return bin, nil
}

// embeddedPlatform returns the repository's name for this system.
func embeddedPlatform() string {
	arch := runtime.GOARCH
	if arch == "arm64" {
		arch = "arm64v8"
	}
	if _, err := os.Stat("/etc/alpine-release"); err == nil {
		arch += "-alpine"
	}
	return runtime.GOOS + "-" + arch
}

// fetchVerified downloads a URL and checks it against the checksum published beside it.
func fetchVerified(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, downloadLimit)
	defer cancel()
	transport := &http.Transport{
		Proxy:       http.ProxyFromEnvironment,
		DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	jar, err := fetch(ctx, client, url)
	if err != nil {
		return nil, err
	}
	published, err := fetch(ctx, client, url+".sha256")
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(jar)
	if got := hex.EncodeToString(sum[:]); got != strings.TrimSpace(string(published)) {
		return nil,
			fmt.Errorf("%s has the checksum %s, not the published %.64q", url, got, published)
	}
	return jar, nil
}

func fetch(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", url, resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, archiveLimit))
	if err != nil {
		return nil, fmt.Errorf("GET %s: %w", url, err)
	}
	return body, nil
}

// fromCache returns an archive that an earlier run has verified. One that another user has made, or
// could have changed, is none.
func (d download) fromCache(file string) ([]byte, error) {
	if d.cache == "" {
		return nil, os.ErrNotExist
	}
	path := filepath.Join(d.cache, file)
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	owner, known := info.Sys().(*syscall.Stat_t)
	if !known || int(owner.Uid) != os.Geteuid() || !info.Mode().IsRegular() ||
		info.Mode().Perm()&0o022 != 0 {
		return nil, os.ErrPermission
	}
	return os.ReadFile(path)
}

// toCache saves a verified archive. Failing to save it is only logged.
func (d download) toCache(file string, jar []byte) {
	if d.cache == "" {
		return
	}
	// The rename keeps other processes from reading half an archive.
	partial := filepath.Join(d.cache, fmt.Sprintf(".%s.%d", file, os.Getpid()))
	err := os.MkdirAll(d.cache, 0o755)
	if err == nil {
		err = os.WriteFile(partial, jar, 0o644)
	}
	if err == nil {
		err = os.Rename(partial, filepath.Join(d.cache, file))
	}
	if err != nil {
		os.Remove(partial) //nolint:errcheck // may not have been written
		d.log("the download could not be kept for next time: " + err.Error())
	}
}

// unpackJar unpacks the only .txz in the jar, which is a zip.
func unpackJar(jar []byte, dir string) error {
	z, err := zip.NewReader(bytes.NewReader(jar), int64(len(jar)))
	if err != nil {
		return err
	}
	for _, f := range z.File {
		if path.Ext(f.Name) != ".txz" {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return err
		}
		return errors.Join(unpackTxz(r, dir), r.Close())
	}
	return errors.New("the archive has no .txz")
}

func unpackTxz(r io.Reader, dir string) error {
	decompressed, err := xz.NewReader(bufio.NewReader(r)) // xz reads single bytes
	if err != nil {
		return err
	}
	// os.Root rejects names that lead out of the folder.
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // a folder, only read
	archive := tar.NewReader(decompressed)
	for {
		h, err := archive.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := unpackEntry(root, h, archive); err != nil {
			return err
		}
	}
}

func unpackEntry(root *os.Root, h *tar.Header, content io.Reader) error {
	if err := root.MkdirAll(path.Dir(path.Clean(h.Name)), 0o755); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(path.Clean(h.Name), 0o755)
	case tar.TypeSymlink:
		return root.Symlink(h.Linkname, h.Name)
	case tar.TypeReg:
		f, err := root.OpenFile(h.Name, os.O_CREATE|os.O_EXCL|os.O_WRONLY,
			h.FileInfo().Mode().Perm())
		if err != nil {
			return err
		}
		_, err = io.Copy(f, content)
		return errors.Join(err, f.Close())
	}
	return nil // the archives contain no other kinds that matter
}
