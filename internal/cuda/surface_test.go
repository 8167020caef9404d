package cuda

import (
	"bytes"
	"go/ast"
	"go/build"
	"go/format"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strings"
	"testing"
)

// What the package exports is the same with the tag gpu and without.
func TestBuildsExportTheSame(t *testing.T) {
	without, with := exports(t), exports(t, "gpu")
	for _, name := range slices.Sorted(maps.Keys(with)) {
		if without[name] != with[name] {
			t.Errorf("%s is %q with the tag and %q without", name, with[name], without[name])
		}
		delete(without, name)
	}
	for name := range without {
		t.Errorf("%s exists only without the tag", name)
	}
	if len(with) < 50 {
		t.Errorf("only %d exports found", len(with))
	}
}

// exports has the declaration of each exported name of the package, without what is not exported in it.
func exports(t *testing.T, tags ...string) map[string]string {
	t.Helper()
	context := build.Default
	context.BuildTags, context.CgoEnabled = tags, true
	files, err := context.ImportDir(".", 0)
	if err != nil {
		t.Fatal(err)
	}
	declarations := map[string]string{}
	for _, name := range append(files.GoFiles, files.CgoFiles...) {
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.FileExports(file)
		ast.Inspect(file, func(n ast.Node) bool {
			if fields, ok := n.(*ast.StructType); ok {
				fields.Incomplete = false // leaves out the remark that there are more
			}
			return true
		})
		for _, declaration := range file.Decls {
			name := ""
			switch d := declaration.(type) {
			case *ast.FuncDecl:
				if name = d.Name.Name; d.Recv != nil {
					name = text(t, set, d.Recv.List[0].Type) + "." + name
				}
				d.Body = nil
			case *ast.GenDecl:
				if d.Tok == token.IMPORT {
					continue
				}
				if name = text(t, set, d); d.Tok == token.TYPE {
					name = d.Specs[0].(*ast.TypeSpec).Name.Name
				}
			}
			declarations[name] = text(t, set, declaration)
		}
	}
	return declarations
}

// text is a node as source without its spaces, which depend on what is not exported.
func text(t *testing.T, set *token.FileSet, node any) string {
	t.Helper()
	var b bytes.Buffer
	if err := format.Node(&b, set, node); err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(b.String()), "")
}
