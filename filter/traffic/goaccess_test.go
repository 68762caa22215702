package traffic_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/need"
	"hushpipe/filter/traffic"
	"hushpipe/format/trafficfile"
)

// TestGoAccess: hits, and bytes by status, are those of GoAccess.
func TestGoAccess(t *testing.T) {
	program := need.Program(t, "goaccess", "goaccess")
	for name, lines := range map[string][][]byte{"sample": sampleLines(t), "made up": madeUp(7)} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "log"), append(bytes.Join(lines, []byte("\n")), '\n'), 0o600))
		cmd := exec.Command(program, "--no-global-config", "--log-format=COMBINED", "--no-progress", "--max-items=100000",
			"-o", filepath.Join(dir, "out.json"), filepath.Join(dir, "log"))
		cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C", "TERM=dumb")
		said, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", said)
		text, err := os.ReadFile(filepath.Join(dir, "out.json"))
		require.NoError(t, err)
		type metric struct {
			Data  string
			Hits  struct{ Count uint64 }
			Bytes struct{ Count uint64 }
			Items []metric
		}
		var want struct {
			General struct {
				Valid uint64 `json:"valid_requests"`
				Bytes uint64 `json:"bandwidth"`
			}
			Status struct{ Data []metric } `json:"status_codes"`
		}
		require.NoError(t, json.Unmarshal(text, &want))

		opt := traffic.Defaults()
		opt.MinGroup = 1
		var all [][]trafficfile.Cell
		for _, d := range count(t, opt, lines) {
			all = append(all, d.Cells)
		}
		cells := trafficfile.Add(all...)
		people, robots := cellOf(cells, "total", "people"), cellOf(cells, "total", "robots")
		assert.Equal(t, want.General.Valid, people[1]+robots[1], name)
		assert.Equal(t, want.General.Bytes, people[2]+robots[2], name)
		n := 0
		for _, class := range want.Status.Data {
			for _, code := range class.Items {
				status := code.Data[:3]
				assert.Equal(t, code.Hits.Count, cellOf(cells, "status", status)[0]+cellOf(cells, "rstatus", status)[0], "%s: hits of %s", name, status)
				assert.Equal(t, code.Bytes.Count, cellOf(cells, "status", status)[1]+cellOf(cells, "rstatus", status)[1], "%s: bytes of %s", name, status)
				n++
			}
		}
		assert.NotZero(t, n, name)
	}
}
