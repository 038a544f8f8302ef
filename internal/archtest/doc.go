// Package archtest has no code, only tests: they hold the whole module to the house rules that a
// reader would otherwise have to check. Which package may import which; what billing and ledger
// must not do; how long files, functions and lines get; where modes are called by their names.
//
// A rule that is in somebody's way is to be discussed, and then changed here for everybody.
package archtest
