package main

import (
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

// TestAuditTraffic: audit reads traffic figures, and reports each fault with file and
// line.
func TestAuditTraffic(t *testing.T) {
	t.Parallel()
	yesterday, long := time.Now().AddDate(0, 0, -1), time.Now().AddDate(0, 0, -100)
	var log strings.Builder
	for i := range 8 {
		for _, target := range []string{"/page", "/user/Ab12Cd34Ef56Gh", "/q?mail=a@b.c", "/x/a@b.c"} {
			fmt.Fprintf(&log, "10.%d.0.1 - - [%s:08:00:0%d +0000] \"GET %s HTTP/1.1\" 200 5 \"http://192.0.2.77/x\" \"Mozilla/5.0 (X11; Linux) Firefox/120.0\"\n",
				i, yesterday.Format("02/Jan/2006"), i, target)
		}
	}
	at := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(at, "in.log"), []byte(log.String()), 0o600))
	dir := filepath.Join(at, "log")
	out, err := exec.Command(hushpipeBinary(t), "replay", "--traffic", dir, filepath.Join(at, "in.log")).CombinedOutput()
	require.NoError(t, err, "%s", out)
	figures := func() audit.Row {
		a, _ := auditOf(t, dir)
		return a.Rows[slices.IndexFunc(a.Rows, func(r audit.Row) bool { return r.Claim == "figures" })]
	}
	r := figures()
	assert.Equal(t, audit.Holds, r.Verdict, "%s %v", r.Why, r.Faults)
	assert.Equal(t, "each line of 2 files", r.Looked, "that of rooms, that of traffic")

	// A secret, a name that too few networks brought, a final file of a day that is not
	// over, and a file of another kind.
	name := func(day time.Time) string {
		return filepath.Join(dir, "traffic", "traffic-"+day.Format(time.DateOnly)+".txt")
	}
	text := read(t, name(yesterday))
	lines := strings.Count(text, "\n")
	require.NoError(t, os.WriteFile(name(yesterday), []byte(text+"page 1 1 1 1 /client.example.org/a@b.c\npage 1 1 1 1 /s3cret\n"), 0o640))
	require.NoError(t, os.WriteFile(name(time.Now()), []byte(strings.Replace(text, yesterday.Format(time.DateOnly), time.Now().Format(time.DateOnly), 1)), 0o640))
	require.NoError(t, os.WriteFile(name(long), []byte("192.0.2.77\n"), 0o640))
	r = figures()
	assert.Equal(t, audit.Broken, r.Verdict)
	var found []string
	for _, f := range r.Faults {
		found = append(found, fmt.Sprintf("%s:%d", f.File, f.Line))
	}
	assert.Equal(t, []string{name(long) + ":0", fmt.Sprintf("%s:%d", name(yesterday), lines+1), fmt.Sprintf("%s:%d", name(yesterday), lines+2), name(time.Now()) + ":0"}, found)
	for _, day := range []time.Time{long, time.Now()} {
		require.NoError(t, os.Remove(name(day)))
	}
	require.NoError(t, os.WriteFile(name(yesterday), []byte(text), 0o640))

	// The age of names in the file is unknown.
	require.NoError(t, os.Remove(filepath.Join(dir, "traffic", "names")))
	r = figures()
	assert.Equal(t, audit.NotProvable, r.Verdict)
	assert.Contains(t, r.Why, "names is missing")

	// Journals of visitors are deleted with their day.
	require.NoError(t, os.WriteFile(filepath.Join(dir, "journal", long.Format(time.DateOnly)+".0123456789abcdef.journal.typed"), nil, 0o600))
	a, _ := auditOf(t, dir)
	assert.Contains(t, brokenRows(a), ":period")
}
