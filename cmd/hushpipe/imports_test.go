package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestImports: imports run one way, from cmd through filter to format, and no package
// imports the one whose folder it is in. Tests follow both rules, except for imports of
// store, which wires the packages of filter. The list in doc.go names each package that
// is neither a command nor for tests only.
func TestImports(t *testing.T) {
	t.Parallel()
	// From the lowest level up; bench runs programs.
	levels := []string{"hushpipe/format", "hushpipe/filter", "hushpipe/filter/store", "hushpipe/cmd", "hushpipe/bench"}
	level := func(path string) int {
		for i, top := range slices.Backward(levels) { // store before filter, its parent
			if path == top || strings.HasPrefix(path, top+"/") {
				return i
			}
		}
		return -1
	}
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "hushpipe/...")
	out, err := cmd.Output()
	require.NoError(t, err)
	rooms, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	seen := map[string]bool{}
	for list := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath                         string
			Imports, TestImports, XTestImports []string
		}
		if err := list.Decode(&p); err == io.EOF {
			break
		} else {
			require.NoError(t, err)
		}
		seen[p.ImportPath] = true
		require.GreaterOrEqual(t, level(p.ImportPath), 0, "%s lies in none of %s", p.ImportPath, levels)
		if name := strings.TrimPrefix(p.ImportPath, "hushpipe/"); !strings.HasSuffix(name, "test") && !strings.Contains(name, "/renew/") && name != "cmd/hushpipe" {
			assert.Regexp(t, `(?m)^//\t`+regexp.QuoteMeta(name)+" ", string(rooms), "doc.go does not name it")
		}
		for _, of := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			wired := p.ImportPath == "hushpipe/filter/store" && !slices.Contains(p.Imports, of)
			assert.False(t, !wired && strings.HasPrefix(p.ImportPath, of+"/"), "%s lies in the folder of %s and imports it", p.ImportPath, of)
			assert.LessOrEqual(t, level(of), level(p.ImportPath), "%s imports %s", p.ImportPath, of)
			assert.NotEqual(t, "hushpipe/bench", of, "%s imports it", p.ImportPath)
		}
	}
	assert.Greater(t, len(seen), 40)
	for _, named := range regexp.MustCompile(`(?m)^//\t([a-z]\S*)`).FindAllStringSubmatch(string(rooms), -1) {
		assert.True(t, seen["hushpipe/"+named[1]], "doc.go names %s, which does not exist", named[1])
	}
}
