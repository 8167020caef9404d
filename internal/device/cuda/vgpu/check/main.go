//go:build linux

// Check checks the kernels by recordings of their launches: see vgpu.Check.
//
//	VGPU_RECORD=build/vgpu/recorded go test …
//	go run ./internal/device/cuda/vgpu/check [-recorded FOLDER] [-limit 10m]
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"uer/internal/device/cuda/vgpu"
)

func main() {
	recorded := flag.String("recorded", "", "the recordings (default build/vgpu/recorded of the repository)")
	limit := flag.Duration("limit", 10*time.Minute, "how long to try mutants")
	flag.Parse()
	folder, err := vgpu.Folder()
	if err == nil {
		if *recorded == "" {
			*recorded = filepath.Join(folder, "recorded")
		}
		err = vgpu.Check(folder, *recorded, *limit, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
