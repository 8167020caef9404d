// Command sbom lists the modules that a program of Go was built from, and Go's own library, as an SPDX 2.3 document:
// go run ./scripts/sbom PROGRAM VERSION TIME
package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
)

type document struct {
	Version      string         `json:"spdxVersion"`
	License      string         `json:"dataLicense"`
	ID           string         `json:"SPDXID"`
	Name         string         `json:"name"`
	Namespace    string         `json:"documentNamespace"`
	Creation     creation       `json:"creationInfo"`
	Packages     []module       `json:"packages"`
	Relationship []relationship `json:"relationships"`
}

type creation struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type module struct {
	ID         string      `json:"SPDXID"`
	Name       string      `json:"name"`
	Version    string      `json:"versionInfo,omitempty"`
	Location   string      `json:"downloadLocation"`
	Analyzed   bool        `json:"filesAnalyzed"`
	Checksums  []checksum  `json:"checksums,omitempty"`
	Comment    string      `json:"comment,omitempty"`
	References []reference `json:"externalRefs,omitempty"`
}

type checksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type reference struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type relationship struct {
	From string `json:"spdxElementId"`
	Type string `json:"relationshipType"`
	To   string `json:"relatedSpdxElement"`
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: sbom PROGRAM VERSION TIME")
		os.Exit(2)
	}
	if err := write(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(path, version, created string) error {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(content)
	digest := hex.EncodeToString(sum[:])
	name := filepath.Base(path)
	const program = "SPDXRef-program"
	d := document{
		Version: "SPDX-2.3", License: "CC0-1.0", ID: "SPDXRef-DOCUMENT", Name: name,
		Namespace: "https://spdx.org/spdxdocs/" + name + "-" + digest,
		Creation:  creation{created, []string{"Tool: uer-sbom"}},
		Packages: []module{{
			ID: program, Name: name, Version: version, Location: "NOASSERTION", Checksums: []checksum{{"SHA256", digest}},
			Comment: "built with " + info.GoVersion,
		}},
		Relationship: []relationship{{"SPDXRef-DOCUMENT", "DESCRIBES", program}},
	}
	library := &debug.Module{Path: "stdlib", Version: strings.TrimPrefix(info.GoVersion, "go")}
	for i, dependency := range append(info.Deps, library) {
		if dependency.Replace != nil {
			dependency = dependency.Replace
		}
		id := fmt.Sprintf("SPDXRef-module-%d", i)
		m := module{
			ID: id, Name: dependency.Path, Version: dependency.Version, Location: "NOASSERTION",
			References: []reference{{"PACKAGE-MANAGER", "purl", "pkg:golang/" + strings.ToLower(dependency.Path) + "@" + dependency.Version}},
		}
		if dependency.Sum != "" {
			m.Comment = "module sum " + dependency.Sum
		}
		d.Packages = append(d.Packages, m)
		d.Relationship = append(d.Relationship, relationship{program, "CONTAINS", id})
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(d)
}
