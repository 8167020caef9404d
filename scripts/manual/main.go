// Command manual writes the man pages of uer to a folder: go run ./scripts/manual build/man
package main

import (
	"fmt"
	"os"

	"uer/internal/cli"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: manual FOLDER")
		os.Exit(2)
	}
	if err := cli.WriteManual(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
