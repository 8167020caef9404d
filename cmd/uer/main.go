// Command uer pre-trains language models the way UER-py does: uer preprocess turns a corpus into a dataset, and
// uer pretrain trains a model on it. uer help lists the commands.
package main

import (
	"os"

	"uer/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], cli.Streams{Out: os.Stdout, Err: os.Stderr}))
}
