package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestImports: imports run one way, from what talks to people over what happens to lines
// to how bytes look, and no package imports the one whose folder it lies in. Tests may:
// they put parts together.
func TestImports(t *testing.T) {
	t.Parallel()
	// From the one that knows least; bench runs programs.
	levels := []string{"hushpipe/format", "hushpipe/filter", "hushpipe/cmd", "hushpipe/bench"}
	level := func(path string) int {
		for i, top := range levels {
			if path == top || strings.HasPrefix(path, top+"/") {
				return i
			}
		}
		return -1
	}
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "hushpipe/...")
	out, err := cmd.Output()
	require.NoError(t, err)
	seen := 0
	for list := json.NewDecoder(bytes.NewReader(out)); ; seen++ {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := list.Decode(&p); err == io.EOF {
			break
		} else {
			require.NoError(t, err)
		}
		require.GreaterOrEqual(t, level(p.ImportPath), 0, "%s lies in none of %s", p.ImportPath, levels)
		for _, of := range p.Imports {
			assert.False(t, strings.HasPrefix(p.ImportPath, of+"/"), "%s lies in the folder of %s and imports it", p.ImportPath, of)
			assert.LessOrEqual(t, level(of), level(p.ImportPath), "%s imports %s", p.ImportPath, of)
			assert.NotEqual(t, "hushpipe/bench", of, "%s imports it", p.ImportPath)
		}
	}
	assert.Greater(t, seen, 40)
}
