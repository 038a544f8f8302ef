// Command worker is one billing server, as it would be deployed.
package main

import (
	"os"

	"example.com/triplecharge/internal/worker"
)

func main() {
	os.Exit(worker.Main(os.Args[1:], os.Stdout, os.Stderr))
}
