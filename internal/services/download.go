package services

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"time"

	"github.com/ulikunitz/xz"
)

const (
	// mavenCentral publishes Postgres for several systems as an archive that runs from any
	// folder: https://github.com/zonkyio/embedded-postgres-binaries.
	mavenCentral = "https://repo1.maven.org/maven2"
	// embeddedVersion is a Postgres version whose checksums are known for every system below.
	embeddedVersion = "17.11.0"
	// downloadLimit bounds the whole download, in case the network silently drops packets.
	downloadLimit = 5 * time.Minute
	// archiveLimit is several times the size of an archive, which must fit in memory.
	archiveLimit = 128 << 20
)

// checksums are the SHA-256 of each system's .jar of embeddedVersion. At least four projects that
// don't copy each other pin the same for a system without Alpine's libc (anand34577/docveta and
// bipprojectbali/st4s pin all four, catalystcommunity/reactorcide and akiasprin/brocade some).
// Alpine's two are from akiasprin/brocade alone, whose others agree.
var checksums = map[string]string{
	"darwin-amd64":         "d464ff178e9860ba204662ac23fa547504b7fd392392ff2fb92e3fd73b5bdb64",
	"darwin-arm64v8":       "a1c2786acb0c398f9b2d76806fc52f5dc8b222cbc8e9383a9b9702084daaf3a5",
	"linux-amd64":          "0dd7b72b6f335b8ecfb355fa24c5781e8a93edd09880bb77eb52ebbf29b3e96d",
	"linux-amd64-alpine":   "ace9a6f95b1c98ce84c9841267cd04ebee5d7de5dc7b8fea148ead44f145afbd",
	"linux-arm64v8":        "8b042e0ea418b1927d95399207950da0734d27fe01e29503ade3bdc464ad4c2b",
	"linux-arm64v8-alpine": "4ab1a5ced1200b2740186d537fd79628bc1c83f07d2bab7b18b6103390d48c54",
}

// download fetches Postgres from a Maven repository.
//
// The module embedded-postgres is not used: it leaves a log file in the temporary folder, can't be
// interrupted, accepts archives without a checksum, and runs the server in a separate session,
// where the guard can't end it. Its archives are used.
type download struct {
	repository string
	checksum   string // the archive's SHA-256; "" if it is not known
	cache      string // the folder that keeps archives for later runs; "" for none
	log        func(line string)
}

// unpack puts Postgres into dir, which must exist, and returns the folder of its programs.
func (d download) unpack(ctx context.Context, dir string) (bin string, err error) {
	name := "embedded-postgres-binaries-" + embeddedPlatform()
	file := name + "-" + embeddedVersion + ".jar"
	url := d.repository + "/io/zonky/test/postgres/" + name + "/" + embeddedVersion + "/" + file
	if d.checksum == "" {
		return "", fmt.Errorf("no checksum is known of %s", file)
	}
	jar, err := d.fromCache(file)
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			d.log("the Postgres kept from an earlier run is not used: " + err.Error())
		}
		d.log(fmt.Sprintf("no Postgres on this machine: downloading %s (15 to 62 MB, kept in %s)",
			url, cmp.Or(d.cache, "no folder, as HOME is not set")))
		if jar, err = d.fetch(ctx, url); err != nil {
			return "", fmt.Errorf("download Postgres: %w", err)
		}
		d.toCache(file, jar)
	}
	bin = filepath.Join(dir, "bin")
	if err = unpackJar(jar, dir); err == nil && !holdsPostgres(bin) {
		err = errors.New("the archive lacks initdb or postgres")
	}
	if err != nil {
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

// fetch downloads a URL and verifies it.
func (d download) fetch(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, downloadLimit)
	defer cancel()
	transport := &http.Transport{
		Proxy:       http.ProxyFromEnvironment,
		DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
	}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", url, resp.Status)
	}
	return d.verified(url, resp.Body)
}

// fromCache returns the archive that an earlier run has kept.
func (d download) fromCache(file string) ([]byte, error) {
	if d.cache == "" {
		return nil, os.ErrNotExist
	}
	path := filepath.Join(d.cache, file)
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", path) // opening a FIFO would wait
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	return d.verified(path, f)
}

// verified reads an archive and checks it against the checksum.
func (d download) verified(name string, r io.Reader) ([]byte, error) {
	jar, err := io.ReadAll(io.LimitReader(r, archiveLimit))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if got := fmt.Sprintf("%x", sha256.Sum256(jar)); got != d.checksum {
		return nil, fmt.Errorf("%s has the checksum %s, want %s", name, got, d.checksum)
	}
	return jar, nil
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
