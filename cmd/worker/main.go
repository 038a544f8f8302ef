// Command worker is one billing server, as it would be deployed.
package main

import (
	"os"

	"example.com/triplecharge/internal/server"
)

func main() {
	os.Exit(server.Main(os.Args[1:], os.Stdout, os.Stderr))
}
