package services

import (
	"strings"
	"testing"
)

func TestNoPartOfAPasswordIsPrinted(t *testing.T) {
	for _, password := range []string{
		"hunter@two", "hunter/two", "hunter#two", "hunter?two", "hunter:two", "hunter%two",
		"hunter two", "@hunter", "two@", "hunter@two/three@four", "hunter[two", "12/hunter",
		"hunter%40two",
	} {
		for _, o := range []Options{
			{SkipRedis: true, DatabaseURL: "postgres://me:" + password + "@127.0.0.1:1/d?x=two"},
			{SkipRedis: true, DatabaseURL: "postgres://127.0.0.1:1/d?password=" + password},
			{SkipPostgres: true, RedisURL: "redis://me:" + password + "@127.0.0.1:1/0"},
			{SkipPostgres: true, RedisURL: "redis://:" + password + "@127.0.0.1:1"},
		} {
			s, err := Start(t.Context(), o)
			if err == nil {
				t.Fatalf("%+v was started: %v", o, s.Close())
			}
			if strings.Contains(err.Error(), "hunter") || strings.Contains(err.Error(), "two@") {
				t.Errorf("%+v: got %v", o, err)
			}
		}
	}
}
