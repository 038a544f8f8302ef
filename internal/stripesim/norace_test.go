//go:build !race

package stripesim_test

const raceDetector = false
