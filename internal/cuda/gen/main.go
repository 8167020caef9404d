// Command gen writes a forwarder for each function in package cuda's cuda.h. Run it with `go generate` in that package.
package main

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"regexp"
	"strings"
)

func main() {
	header, err := os.ReadFile("cuda.h")
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile("lazy.c", forwarders(header), 0o666); err != nil {
		log.Fatal(err)
	}
}

var prototype = regexp.MustCompile(`(?m)^CUresult (cu\w+)\(([^)]*)\);$`)

// forwarders is the C source that defines every function that a header declares, except cuInit.
func forwarders(header []byte) []byte {
	var source bytes.Buffer
	source.WriteString("//go:build gpu\n\n// Code generated from cuda.h by gen; DO NOT EDIT.\n\n#include \"driver.h\"\n\n")
	for _, match := range prototype.FindAllStringSubmatch(string(header), -1) {
		name, types := match[1], strings.Join(strings.Fields(match[2]), " ")
		if name == "cuInit" {
			continue
		}
		var parameters, arguments []string
		if types != "void" {
			for i, t := range strings.Split(types, ", ") {
				argument := string(rune('a' + i))
				if !strings.HasSuffix(t, "*") {
					t += " "
				}
				parameters, arguments = append(parameters, t+argument), append(arguments, argument)
			}
		} else {
			parameters = []string{types}
		}
		fmt.Fprintf(&source, "FORWARD(%s, (%s), (%s))\n", name, strings.Join(parameters, ", "), strings.Join(arguments, ", "))
	}
	return source.Bytes()
}
