package command

import (
	"testing"

	"example.com/triplecharge/internal/cli/clitest"
)

func TestNonsenseIsRefused(t *testing.T) {
	t.Parallel()
	clitest.RefuseNonsense(t, program(), func() any { return new(commands) }, map[string]string{
		"period": "2026-12", "database-url": "postgres://127.0.0.1/x", "csv": "payments.csv",
		"from": "suspects.csv", "payment": "pi_1", "note": "by bank transfer",
	})
}
