package services

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// machine says where to look for programs, and where to download Postgres from.
type machine struct {
	lookPath func(name string) (string, error) // finds a program in PATH
	// postgresPlaces are patterns of folders outside PATH where packages install Postgres.
	postgresPlaces []string
	redisPlaces    []string
	clockPlaces    []string // patterns of libfaketime
	repository     string   // the base URL that Postgres is downloaded from
	checksum       string   // of the archive for this machine; "" if it is not known
	cache          string   // the folder that keeps downloads; "" for none
}

func thisMachine() machine {
	m := machine{
		lookPath: exec.LookPath,
		postgresPlaces: []string{
			"/usr/lib/postgresql/*/bin",          // Debian, Ubuntu
			"/usr/pgsql-*/bin",                   // Red Hat
			"/opt/homebrew/opt/postgresql@*/bin", // Homebrew on Apple's chips
			"/usr/local/opt/postgresql@*/bin",    // Homebrew on Intel's
			"/Applications/Postgres.app/Contents/Versions/*/bin",
		},
		redisPlaces: []string{"/usr/bin", "/opt/homebrew/bin", "/usr/local/bin"},
		clockPlaces: []string{
			"/usr/lib/*/faketime/libfaketimeMT.so.1", // Debian, Ubuntu
			"/usr/lib*/faketime/libfaketimeMT.so.1",  // Red Hat, Alpine
		},
		repository: mavenCentral,
		checksum:   checksums[embeddedPlatform()],
	}
	if dir, err := os.UserCacheDir(); err == nil {
		m.cache = filepath.Join(dir, "triplecharge")
	}
	return m
}

// findPostgres returns the folder of initdb and postgres: from PATH, else the newest in the known
// places, else "". Both must be in one folder, because initdb runs the postgres beside it.
func (m machine) findPostgres() string {
	if path, err := m.lookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil &&
			holdsPostgres(filepath.Dir(path)) {
			return filepath.Dir(path)
		}
	}
	newest := ""
	for _, place := range m.postgresPlaces {
		dirs, _ := filepath.Glob(place) // fails only for a malformed pattern
		for _, dir := range dirs {
			if holdsPostgres(dir) && (newest == "" || major(dir) > major(newest)) {
				newest = dir
			}
		}
	}
	return newest
}

func holdsPostgres(dir string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		if _, err := exec.LookPath(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}

// major returns the first number in a path, which is the major version in all known places.
func major(path string) int {
	notDigit := func(r rune) bool { return r < '0' || r > '9' }
	numbers := strings.FieldsFunc(path, notDigit)
	if len(numbers) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(numbers[0]) // all digits; too many of them sort last
	return n
}

// findRedis returns the path of a Redis server, or of its fork Valkey, else "".
func (m machine) findRedis() string {
	for _, name := range []string{"redis-server", "valkey-server"} {
		if path, err := m.lookPath(name); err == nil {
			return path
		}
		for _, dir := range m.redisPlaces {
			if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
				return path
			}
		}
	}
	return ""
}

// findClock returns the path of libfaketime for programs with several threads, else "".
func (m machine) findClock() string {
	for _, place := range m.clockPlaces {
		if found, _ := filepath.Glob(place); len(found) > 0 { // fails only for a malformed pattern
			return found[0]
		}
	}
	return ""
}

// osUser is the user that servers run as. The zero value is this process's user.
type osUser struct {
	credential *syscall.Credential
}

// unprivileged returns the user for servers. Postgres refuses to run as root, so if this process
// does, the servers run as user postgres, else as nobody.
func unprivileged() (osUser, error) {
	if os.Geteuid() != 0 {
		return osUser{}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
		if uidErr == nil && gidErr == nil {
			return osUser{&syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
		}
	}
	return osUser{}, errors.New("servers must not run as root, and there is no user postgres" +
		" or nobody: run as an ordinary user")
}

func (a osUser) own(path string) error {
	if a.credential == nil {
		return nil
	}
	return os.Lchown(path, int(a.credential.Uid), int(a.credential.Gid))
}

func (a osUser) ownAll(dir string) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, a.own(path))
	})
}

// command returns a command that runs as the user, in dir, with only the environment it needs.
func (a osUser) command(dir, path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.Dir = dir
	// The C locale is always installed, and awaitReady can parse its messages.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: a.credential}
	return cmd
}
