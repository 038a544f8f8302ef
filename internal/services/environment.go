package services

import (
	"cmp"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// postgresVariables are what pgx reads from the environment, by the names that a URL has for them.
// "" is for those that resolved sees to.
func postgresVariables() map[string]string {
	return map[string]string{
		"PGHOST": "", "PGPORT": "", "PGDATABASE": "", "PGUSER": "", "PGPASSWORD": "",
		"PGPASSFILE": "", "PGSERVICE": "", "PGSERVICEFILE": "",
		"PGAPPNAME": "application_name", "PGCONNECT_TIMEOUT": "connect_timeout",
		"PGSSLMODE": "sslmode", "PGSSLKEY": "sslkey", "PGSSLCERT": "sslcert",
		"PGSSLCERTMODE": "sslcertmode", "PGSSLSNI": "sslsni", "PGSSLROOTCERT": "sslrootcert",
		"PGSSLPASSWORD": "sslpassword", "PGSSLNEGOTIATION": "sslnegotiation",
		"PGTARGETSESSIONATTRS": "target_session_attrs", "PGTZ": "timezone",
		"PGOPTIONS": "options", "PGMINPROTOCOLVERSION": "min_protocol_version",
		"PGMAXPROTOCOLVERSION": "max_protocol_version", "PGCHANNELBINDING": "channel_binding",
		"PGREQUIREAUTH": "require_auth",
	}
}

// environment is the one policy for PG*: they say how to reach a database that was given, and are
// resolved into its URL, so that its servers reach it, too. Then this process forgets them, since
// the Postgres that it starts has nothing to do with them.
func environment(given string) (string, error) {
	if given != "" {
		whole, err := resolved(given)
		if err != nil {
			return given, err
		}
		given = whole
	}
	for variable := range postgresVariables() {
		if err := os.Unsetenv(variable); err != nil {
			return given, err
		}
	}
	return given, nil
}

// parsed reads a URL, or a keyword=value string, and the environment. Its error has no part of the
// password in it, which pgx takes for a host or a database if it has an @ or a slash in it.
func parsed(databaseURL string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(databaseURL)
	_, invalid := url.Parse(databaseURL)
	if err == nil && strings.Contains(config.Host+config.Database, "@") ||
		err != nil && invalid != nil {
		return nil, errors.New("not a URL: want postgres://user:password@host:port/database, " +
			"with the special characters of the password %-encoded")
	}
	return config, err
}

// resolved adds to a URL what it leaves to the environment, a service file and a password file.
// With a service, variables count for the address and the login only. A keyword=value string stays
// as it is.
func resolved(databaseURL string) (string, error) {
	config, err := parsed(databaseURL)
	if err != nil {
		return "", err
	}
	u, invalid := url.Parse(databaseURL)
	if invalid != nil || u.Host == "" {
		return databaseURL, nil
	}
	given := u.Query()
	add := func(name, value string) {
		if value != "" && !given.Has(name) {
			given.Set(name, value)
			u.RawQuery = withParameter(u.RawQuery, name, value)
		}
	}
	service := cmp.Or(given.Get("service"), os.Getenv("PGSERVICE"))
	if service != "" {
		home, _ := os.UserHomeDir() // without one there is no such file
		add("service", service)
		add("servicefile", cmp.Or(os.Getenv("PGSERVICEFILE"),
			filepath.Join(home, ".pg_service.conf")))
	}
	for variable, name := range postgresVariables() {
		if name != "" && service == "" { // a service comes before the variables
			add(name, os.Getenv(variable))
		}
	}
	u.User = url.User(cmp.Or(u.User.Username(), config.User))
	if config.Password != "" {
		u.User = url.UserPassword(u.User.Username(), config.Password)
	}
	if u.Port() == "" && !given.Has("port") && !given.Has("host") {
		u.Host = net.JoinHostPort(u.Hostname(), strconv.Itoa(int(config.Port)))
	}
	if strings.Trim(u.Path, "/") == "" && !given.Has("dbname") {
		u.Path = "/" + config.Database
	}
	return u.String(), nil
}
