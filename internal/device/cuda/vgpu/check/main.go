//go:build linux

// Check checks the kernels by recordings of their launches: see vgpu.Check.
//
//	VGPU_RECORD=build/vgpu/recorded go test …
//	go run ./internal/device/cuda/vgpu/check [-recorded FOLDER] [-modules NAME,…] [-limit 10m]
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"uer/internal/device/cuda/vgpu"
)

func main() {
	recorded := flag.String("recorded", "", "the recordings (default build/vgpu/recorded of the repository)")
	limit := flag.Duration("limit", 10*time.Minute, "how long to try mutants")
	modules := flag.String("modules", "", "the modules to check, parted by commas (default all)")
	flag.Parse()
	folder, err := vgpu.Folder()
	if err == nil {
		if *recorded == "" {
			*recorded = filepath.Join(folder, "recorded")
		}
		chosen := strings.FieldsFunc(*modules, func(r rune) bool { return r == ',' })
		err = vgpu.Check(folder, *recorded, chosen, *limit, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
