package ledger

import (
	"path"
	"regexp"
	"testing"
)

// A ledger at a version never gets a file of that version or an earlier one. So two files with one
// number, or one whose name has none, would be in some ledgers and not in others.
func TestMigrationsAreNumberedFromOneWithoutAGap(t *testing.T) {
	t.Parallel()
	name := regexp.MustCompile(`^[0-9]{5}_[a-z_]+\.sql$`)
	last := int64(0)
	for version, file := range files() {
		if !name.MatchString(path.Base(file)) || version != last+1 {
			t.Errorf("%s is version %d after %d: want 00001_name.sql, and the next number", file,
				version, last)
		}
		last = version
	}
	if last == 0 || last != latestVersion() {
		t.Errorf("the last version is %d, and the latest %d", last, latestVersion())
	}
}
