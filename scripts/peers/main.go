package main

import (
	"os"

	"example.com/triplecharge/scripts/faulttest"
)

func main() { os.Exit(faulttest.Run(os.Args[1:], os.Stdout, os.Stderr, peers()...)) }
