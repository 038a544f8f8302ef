//go:build race

package explore

// raceDetector makes everything ten times slower.
const raceDetector = true
