// Command uer pre-trains language models.
package main

import (
	"os"

	"uer/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], cli.Streams{Out: os.Stdout, Err: os.Stderr}))
}
