package filter

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"hushpipe/filter/need"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// maxInstructions is the most amd64 instructions per byte of any pattern. Most patterns need
// less than half of it. On the machine of bench/README.md so many take about 15 ns: they are
// simple, and do not wait for memory.
const maxInstructions = 450

// Lines of a pattern are counted in two lengths. If both lines are malformed or neither is, the
// longer one may take at most maxGrowth times as much per byte.
const (
	maxGrowth   = 1.1
	countedSize = 512
	countedMore = 4 * countedSize
)

// countedPattern is a pattern to count, at one place.
type countedPattern struct {
	place   *place
	pattern string
}

// countedPatterns returns the patterns of every nth place, from first on.
func countedPatterns(first, n int) (all []countedPattern) {
	for i := first; i < len(places); i += n {
		p := &places[i]
		patterns := append(slices.Clone(p.tokens), chosen[p.name]...)
		slices.Sort(patterns)
		for _, pattern := range slices.Compact(patterns) {
			all = append(all, countedPattern{p, pattern})
		}
	}
	return all
}

// countedShare is the environment variable that assigns places to a process under callgrind.
const countedShare = "HUSHPIPE_COUNTED_SHARE"

// TestCostInInstructions is TestCostOfChosenBytes without a clock: callgrind counts the
// instructions of each line, so results are the same on every machine. Under callgrind, this
// test runs countLines, with one line of each pattern and length.
func TestCostInInstructions(t *testing.T) {
	if share := os.Getenv(countedShare); share != "" {
		first, n, _ := strings.Cut(share, "/")
		countLines(t, atoi(t, first), atoi(t, n))
		return
	}
	if runtime.GOARCH != "amd64" {
		t.Skip("the bound is of amd64")
	}
	need.Program(t, "valgrind", "valgrind")
	// The binary that go test runs has no symbols.
	program := filepath.Join(t.TempDir(), "test")
	said, err := exec.Command("go", "test", "-c", "-o", program, "hushpipe/filter").CombinedOutput()
	require.NoError(t, err, string(said))
	shares := min(runtime.NumCPU(), 8)
	counts, costs := make([][]countedLine, shares), []countedCost(nil)
	// The runtime's clock adds instructions to some lines, to more on a busy machine, and never
	// removes any. So a share with a line above its bound is counted again. See also bench.
	isAbove := func(c countedCost) bool { return c.perByte >= c.most }
	for round := range 6 {
		var running sync.WaitGroup
		for i := range shares {
			if round == 0 || slices.ContainsFunc(costsOf(t, i, counts), isAbove) {
				running.Go(func() { counts[i] = least(counts[i], underCallgrind(t, program, fmt.Sprintf("%d/%d", i, shares))) })
			}
		}
		running.Wait()
		costs = nil
		for i := range shares {
			costs = append(costs, costsOf(t, i, counts)...)
		}
		if !slices.ContainsFunc(costs, isAbove) {
			break
		}
	}
	for _, c := range costs {
		assert.Less(t, c.perByte, c.most, "%s: %q, instructions a byte of %d bytes, and what they may be, also by those of %d", c.place.name, c.pattern, countedMore, countedSize)
	}
	slices.SortFunc(costs, func(a, b countedCost) int { return cmp.Compare(b.perByte, a.perByte) })
	for _, c := range costs[:20] {
		t.Logf("%-15s %5.1f instructions a byte: %q", c.place.name, c.perByte, c.pattern)
	}
}

// countedCost is the cost of a pattern and its bound, in instructions per byte.
type countedCost struct {
	countedPattern
	perByte, most float64
}

// costsOf returns the costs of one share of counts.
func costsOf(t *testing.T, share int, counts [][]countedLine) (costs []countedCost) {
	all := countedPatterns(share, len(counts))
	require.Len(t, counts[share], 2*len(all))
	for k, pattern := range all {
		some, more := counts[share][2*k], counts[share][2*k+1]
		c := countedCost{pattern, float64(more.instructions) / countedMore, maxInstructions}
		if some.malformed == more.malformed {
			c.most = min(c.most, maxGrowth*float64(some.instructions)/countedSize)
		}
		costs = append(costs, c)
	}
	return costs
}

// least returns the smaller of two counts of each line. a may be empty.
func least(a, b []countedLine) []countedLine {
	if len(a) != len(b) {
		return b
	}
	for k := range b {
		b[k].instructions = min(a[k].instructions, b[k].instructions)
	}
	return b
}

// countedLine is the cost of a line.
type countedLine struct {
	instructions int
	malformed    bool
}

// countLines treats each line for callgrind to count.
func countLines(t *testing.T, first, n int) {
	debug.SetGCPercent(-1) // a collection would add to the cost of lines
	var m *meter
	for _, c := range countedPatterns(first, n) {
		if m == nil || m.place != c.place {
			m = newMeter(t, c.place, "ipcrypt")
			m.treat(c.place.tokens[0], countedMore, 2) // allocates its scratch memory
		}
		for _, size := range []int{countedSize, countedMore} {
			m.forget()
			m.put(c.pattern, size)
			malformed := m.f.stats.Malformed
			m.countLine()
			fmt.Printf("line %t\n", m.f.stats.Malformed > malformed)
		}
	}
}

// forget makes the parser parse JSON lines unlike the counted ones: a line whose shape it has
// cached costs less than a longer one.
func (m *meter) forget() {
	for i := range 8 {
		m.line = fmt.Appendf(m.line[:0], "{\"%s\":1}\n", strings.Repeat("k", i+1))
		m.treatLine()
	}
}

// countLine is the function whose calls callgrind counts, by its name.
//
//go:noinline
func (m *meter) countLine() { m.treatLine() }

var countedOne = regexp.MustCompile(`(?m)^line (true|false)$`)

var summary = regexp.MustCompile(`(?m)^summary: (\d+)$`)

// underCallgrind returns the instructions of each line of a share.
func underCallgrind(t *testing.T, program, share string) (counts []countedLine) {
	const counted = "hushpipe/filter.(*meter).countLine"
	out := filepath.Join(t.TempDir(), "out")
	cmd := exec.Command("valgrind", "--tool=callgrind", "--dump-line=no", "--callgrind-out-file="+out,
		"--toggle-collect="+counted, "--dump-after="+counted, program, "-test.run=^TestCostInInstructions$")
	// The same settings as in bench, which counts the instructions of ordinary lines.
	cmd.Env = append(os.Environ(), countedShare+"="+share, "GOMAXPROCS=1", "GOGC=off", "GODEBUG=asyncpreemptoff=1,cpu.rdtscp=off")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	said, err := cmd.Output()
	if !assert.NoError(t, err, stderr.String()) {
		return nil
	}
	for k, line := range countedOne.FindAllSubmatch(said, -1) {
		text, err := os.ReadFile(fmt.Sprintf("%s.%d", out, k+1))
		assert.NoError(t, err)
		m := summary.FindSubmatch(text)
		if !assert.NotNil(t, m, "%s", text) {
			return nil
		}
		counts = append(counts, countedLine{atoi(t, string(m[1])), string(line[1]) == "true"})
	}
	return counts
}

func atoi(t *testing.T, s string) int {
	n, err := strconv.Atoi(s)
	assert.NoError(t, err)
	return n
}
