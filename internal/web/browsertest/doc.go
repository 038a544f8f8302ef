// Package browsertest drives a real Chromium through the live page of a real `demo serve`.
//
// It is a module of its own, so that nobody who builds the demo downloads what drives a browser. It
// skips where there is no Chromium; CHROMIUM=required insists. SCREENSHOTS names a directory that
// keeps what was seen, RUNS how many runs in a row are played.
package browsertest
