package main

import (
	"testing"

	"example.com/triplecharge/internal/cli/clitest"
)

func TestNonsenseIsRefused(t *testing.T) {
	t.Parallel()
	clitest.RefuseNonsense(t, program(), func() any { return new(commands) }, map[string]string{
		"mode": "locked", "fault": "none", "servers": "http://127.0.0.1:1",
		"database-url": "postgres://127.0.0.1/x",
	})
}
