//go:build linux

// Build builds the stand-in for a GPU, or the twin of one PTX file:
//
//	go run ./internal/device/cuda/vgpu/build [-o build/vgpu] [-translate FILE.ptx]
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"uer/internal/device/cuda/vgpu"
)

func main() {
	folder := flag.String("o", "", "where the libraries go (default build/vgpu of the repository)")
	module := flag.String("translate", "", "make the twin of this PTX file only")
	flag.Parse()
	if err := run(*folder, *module); err != nil {
		fmt.Fprintln(os.Stderr, "vgpu:", err)
		os.Exit(1)
	}
}

func run(folder, module string) error {
	if flag.NArg() > 0 {
		return errors.New("takes no arguments")
	}
	if folder == "" {
		var err error
		if folder, err = vgpu.Folder(); err != nil {
			return err
		}
	}
	if module != "" {
		return vgpu.Translate(folder, module)
	}
	return vgpu.Build(folder, os.Stderr)
}
