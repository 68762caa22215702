package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/audit"
)

// TestStatusOfTwoPolicies: while an old logger runs the previous policy, status and
// audit report and name it; once it ends, all processes run the same policy.
func TestStatusOfTwoPolicies(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	dir := filepath.Join(root, "log")
	begin := func(keep string) *logger {
		file := filepath.Join(root, keep+".toml")
		require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, "[[stream]]\nname = \"web\"\npurpose = \"x\"\nkeep = %q\n", keep), 0o644))
		l := startLogger(t, "--policy", file, dir)
		l.write("192.0.2.77", "/a")
		return l
	}
	until := func(want string) {
		// A logger checks once a minute which policies run.
		awaitFor(t, 2*waitLimit+time.Minute, func() bool { return strings.Contains(statusText(t, dir), want) }, want)
	}
	running := func() audit.Row {
		out, err := exec.Command(hushpipeBinary(t), "audit", "--json", dir).Output()
		require.NoError(t, err)
		var a audit.Audit
		require.NoError(t, json.Unmarshal(out, &a))
		return a.Rows[slices.IndexFunc(a.Rows, func(r audit.Row) bool { return r.Claim == "running" })]
	}
	old := begin("14d")
	until("in the one process that runs\n")
	assert.Equal(t, audit.Holds, running().Verdict)
	fresh := begin("7d")
	until("in 1 of 2 processes\n")
	assert.Contains(t, statusText(t, dir), fmt.Sprintf("process %d runs another policy, sha256:", old.cmd.Process.Pid))
	r := running()
	assert.Equal(t, audit.NotProvable, r.Verdict)
	assert.Contains(t, r.Why, fmt.Sprintf("process %d, started", old.cmd.Process.Pid))
	assert.Zero(t, old.end())
	until("in the one process that runs\n")
	assert.Equal(t, audit.Holds, running().Verdict)
	assert.Zero(t, fresh.end())
}
