package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestStructs: no type has more than a dozen fields or more than one lock. Exported
// fields do not count: they are for others to fill in or read, however many they need.
func TestStructs(t *testing.T) {
	t.Parallel()
	const dozen = 12
	types := 0
	root := filepath.Join("..", "..")
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			of, ok := spec.Type.(*ast.StructType)
			if !ok {
				return true
			}
			types++
			fields, locks := 0, 0
			for _, f := range of.Fields.List {
				if of, ok := f.Type.(*ast.SelectorExpr); ok && (of.Sel.Name == "Mutex" || of.Sel.Name == "RWMutex") {
					locks += max(1, len(f.Names))
				}
				if f.Names == nil {
					fields++
				}
				for _, name := range f.Names {
					if !name.IsExported() {
						fields++
					}
				}
			}
			assert.LessOrEqual(t, fields, dozen, "fields of %s in %s: is it two types?", spec.Name, path)
			assert.LessOrEqual(t, locks, 1, "locks of %s in %s", spec.Name, path)
			return true
		})
		return nil
	}))
	assert.Greater(t, types, 500)
}
