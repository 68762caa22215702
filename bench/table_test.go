package main

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func runs(wall ...time.Duration) []measurement {
	var out []measurement
	for _, w := range wall {
		out = append(out, measurement{wall: w * time.Millisecond, cpu: w * time.Millisecond / 2, peak: 3 << 20})
	}
	return out
}

func TestTable(t *testing.T) {
	own := runs(1000, 2000, 1500)
	tab := table{lines: 1_000_000, bytes: 250_000_000, rounds: 3, machine: "Some CPU, Linux 6.12",
		must: map[string]float64{"speed/sed": 3.5, "speed/rotatelogs": 0.5, "cpu/rotatelogs": 2.5, "speed/replay/hushpipe": 1.6},
		parts: [][]result{{
			{program: program{name: "hushpipe", does: "all"}, version: "v1", runs: own},
			{program: program{name: "rotatelogs", does: "copies", pkg: "a"}, version: "2.4", runs: runs(400, 1600, 750), partner: own},
			{program: program{name: "sed", does: "masks", pkg: "s"}, version: "4.9", runs: runs(4000, 4000, 4000), partner: own},
		}, {
			{program: program{name: "replay", does: "all"}, version: "v1", runs: own},
			{program: program{name: "rotatelogs", does: "copies", pkg: "a"}, version: "2.4", runs: own, partner: own},
			{program: program{name: "hushpipe", does: "all"}, version: "v1", runs: own, partner: own},
		}},
		missing: []program{{name: "svlogd", pkg: "runit"}}}
	var b strings.Builder
	err := tab.print(&b)
	assert.EqualError(t, err, "falls short: speed/sed is 2.67, must be ≥ 3.5; speed/replay/hushpipe is 1.00, must be ≥ 1.6")
	got := strings.ReplaceAll(b.String(), runtime.Version(), "go1")
	assert.Equal(t, `| program    | what it does | MB/s | lines/s   | CPU s/GB | peak MiB | hushpipe's speed / its | must be | hushpipe's CPU / its | must be |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
| hushpipe   | all          | 167  | 667,000   | 3.00     | 3.0      |                        |         |                      |         |
| rotatelogs | copies       | 333  | 1,330,000 | 1.50     | 3.0      | 0.50 (0.40 to 0.80)    | ≥ 0.5   | 2.00 (1.25 to 2.50)  | ≤ 2.5   |
| sed        | masks        | 62   | 250,000   | 8.00     | 3.0      | 2.67 (2.00 to 4.00)    | ≥ 3.5   | 0.38 (0.25 to 0.50)  |         |
`, got[:strings.Index(got, "\n\n")+1])
	rest := got[strings.Index(got, "\n\n"):]
	assert.Contains(t, rest, "| program    | what it does | MB/s | lines/s | CPU s/GB | peak MiB | replay's speed / its | must be | replay's CPU / its  | must be |\n")
	assert.Contains(t, rest, ": 1,000,000 lines, 250 MB")
	assert.Contains(t, rest, "Some CPU, Linux 6.12, ")
	assert.Contains(t, rest, "go1, hushpipe v1, rotatelogs 2.4, sed 4.9\n")
	assert.Contains(t, rest, "svlogd is missing: apt-get install runit\n")
}

func TestNumbers(t *testing.T) {
	assert.Equal(t, 2.0, median([]float64{3, 1, 2}))
	assert.Equal(t, 2.5, median([]float64{4, 1, 3, 2}))
	assert.Equal(t, 1_230_000, round(1_234_567))
	assert.Equal(t, 999, round(999.4))
}

// Each bound of the baseline belongs to a program or a test.
func TestBaseline(t *testing.T) {
	known := map[string]bool{}
	for _, p := range rivals {
		known["speed/"+p.name], known["cpu/"+p.name] = true, true
	}
	known["speed/replay/hushpipe"], known["speed/replay-gzip/zcat"] = true, true
	for name := range watched() {
		known["instructions/"+name] = true
	}
	values := baseline()
	require.NotEmpty(t, values)
	for name, v := range values {
		assert.True(t, known[name], name)
		assert.Positive(t, v, name)
	}
	for name := range watched() {
		assert.Contains(t, values, "instructions/"+name)
	}
}
