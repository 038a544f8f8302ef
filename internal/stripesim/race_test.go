//go:build race

package stripesim_test

// raceDetector makes everything several times slower, and finds what it finds in fewer rounds.
const raceDetector = true
