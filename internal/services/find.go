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

// machine is where programs are looked for, and where they come from if there are none.
type machine struct {
	lookPath func(name string) (string, error) // finds a program in PATH
	// postgresPlaces are folders (patterns) outside PATH that packages put Postgres into.
	postgresPlaces []string
	redisPlaces    []string
	repository     string // the base URL that Postgres is downloaded from
	cache          string // the folder that keeps downloads; "" for none
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
		repository:  mavenCentral,
	}
	if dir, err := os.UserCacheDir(); err == nil {
		m.cache = filepath.Join(dir, "triplecharge")
	}
	return m
}

// findPostgres returns the folder of initdb and postgres: the one in PATH, else the newest of the
// known places, else "". initdb runs the postgres that lies beside it, so they go together.
func (m machine) findPostgres() string {
	if path, err := m.lookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil && holdsPostgres(filepath.Dir(path)) {
			return filepath.Dir(path)
		}
	}
	newest := ""
	for _, place := range m.postgresPlaces {
		dirs, _ := filepath.Glob(place) // it fails for a malformed pattern only
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

// major is the first number in a path: the major version in each of the known places.
func major(path string) int {
	notDigit := func(r rune) bool { return r < '0' || r > '9' }
	numbers := strings.FieldsFunc(path, notDigit)
	if len(numbers) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(numbers[0]) // digits only; absurdly many sort last
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

// account is whom servers run as. Its zero value means: as whoever runs us.
type account struct {
	credential *syscall.Credential
}

// unprivileged returns the account for servers. Postgres refuses to run as root, and nothing here
// needs root: so if we are root, it is user postgres, else nobody.
func unprivileged() (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
		if uidErr == nil && gidErr == nil {
			return account{&syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
		}
	}
	return account{}, errors.New("servers must not run as root, and this machine has neither a" +
		" user postgres nor nobody: run as an ordinary user")
}

// own gives a file or folder to the account.
func (a account) own(path string) error {
	if a.credential == nil {
		return nil
	}
	return os.Lchown(path, int(a.credential.Uid), int(a.credential.Gid))
}

// ownAll gives a folder with all that is in it to the account.
func (a account) ownAll(dir string) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, a.own(path))
	})
}

// command returns a command that runs as the account, in dir, with only the environment it needs.
func (a account) command(dir, path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.Dir = dir
	// The C locale: messages that we can read, and no dependence on which locales are installed.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: a.credential}
	return cmd
}
