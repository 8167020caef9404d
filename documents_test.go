package uer

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// TestLinks checks that every relative link in a Markdown file leads to a file or folder of the project, and to a heading
// of it if the link names one.
func TestLinks(t *testing.T) {
	links := 0
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (path == "bin" || path == "build" || len(path) > 1 && path[0] == '.'):
			return fs.SkipDir
		case entry.IsDir() || filepath.Ext(path) != ".md":
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, link := range linksOf(string(text)) {
			if strings.Contains(link, "://") || strings.HasPrefix(link, "mailto:") {
				continue
			}
			links++
			if err := follow(path, link); err != nil {
				t.Errorf("%s: link to %s: %v", path, link, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if links == 0 {
		t.Fatal("no relative link found")
	}
}

// follow looks for what a link in the file at path leads to.
func follow(path, link string) error {
	file, anchor, hasAnchor := strings.Cut(link, "#")
	target := path
	if file != "" {
		target = filepath.Join(filepath.Dir(path), file)
	}
	if _, err := os.Stat(target); err != nil {
		return err
	}
	if !hasAnchor {
		return nil
	}
	text, err := os.ReadFile(target)
	if err != nil {
		return err
	}
	if !anchorsOf(string(text))[anchor] {
		return fmt.Errorf("%s has no such heading", target)
	}
	return nil
}

var (
	code    = regexp.MustCompile("(?ms)^```.*?^```|^ {4}[^\n]*|`[^`]*`") // fenced, indented, and within a line
	inline  = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#{1,6} (.+)$`)
	fenced  = regexp.MustCompile("(?ms)^```.*?^```")
)

func linksOf(text string) []string {
	var links []string
	for _, match := range inline.FindAllStringSubmatch(code.ReplaceAllString(text, ""), -1) {
		links = append(links, match[1])
	}
	return links
}

// anchorsOf returns the anchors of headings as GitHub makes them: lower case, without punctuation, hyphens for spaces, and
// a number for a heading that repeats an earlier one.
func anchorsOf(text string) map[string]bool {
	anchors := map[string]bool{}
	for _, match := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		plain := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r):
				return unicode.ToLower(r)
			}
			return -1
		}, inline.ReplaceAllString(match[1], "]"))
		anchor := plain
		for n := 1; anchors[anchor]; n++ {
			anchor = fmt.Sprintf("%s-%d", plain, n)
		}
		anchors[anchor] = true
	}
	return anchors
}
