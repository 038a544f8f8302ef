// Package browsertest drives a real Chromium through the live page of a real `demo serve`.
//
// It is a separate module, so that building the demo does not download the browser driver. The
// tests are skipped where there is no Chromium, unless CHROMIUM=required. SCREENSHOTS names a
// directory for screenshots, and RUNS is the number of runs that are played in a row.
package browsertest
