package filter

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"hushpipe/filter/guard"
	"hushpipe/filter/pseudonym"
)

// The cost of bytes that a client chooses is bounded. A line of n bytes becomes at most 2n +
// lineGrowth bytes, and takes at most costFactor times as long as n bytes of usual lines. On an
// idle machine most patterns take at most 15 ns per byte, glued lines of 1,000 bytes 50 to 100
// ns, and usual lines 2.5 to 3 ns. The factor leaves a margin for other programs.
const costFactor = 40

// costStart is added to the bound of any line: lookups, and the constant part of the bounds.
const costStart = 30 * time.Microsecond

var patterns = flag.Int("patterns", 2000, "how many patterns of two to four tokens TestCostOfPatterns tries; it prints the worst")

// pump appends a pattern repeatedly, up to size bytes.
func pump(dst []byte, pattern string, size int, k *int) []byte {
	before, rest, counts := strings.Cut(pattern, "<")
	if !counts || len(rest) < 2 || rest[1] != '>' {
		return append(dst, strings.Repeat(pattern, (size+len(pattern)-1)/len(pattern))...)
	}
	for start := len(dst); len(dst)-start < size; {
		dst = append(dst, before...)
		for rest := rest; ; {
			*k++
			switch rest[0] {
			case '4':
				dst = fmt.Appendf(dst, "1.%d.%d.%d", *k>>16&0xff, *k>>8&0xff, *k&0xff)
			case '6':
				dst = fmt.Appendf(dst, "::%x", *k&0xffff)
			case 'd':
				dst = fmt.Appendf(dst, "1-%d-%d-%d", *k>>16&0xff, *k>>8&0xff, *k&0xff)
			default:
				dst = fmt.Appendf(dst, "h%x", *k)
			}
			text, next, more := strings.Cut(rest[2:], "<")
			dst = append(dst, text...)
			if !more || len(next) < 2 {
				break
			}
			rest = next
		}
	}
	return dst
}

// meter treats lines of one place in one mode.
type meter struct {
	place *place
	f     *Filter
	batch Batch
	line  []byte
	k     int
}

func newMeter(t testing.TB, p *place, mode string) *meter {
	cfg := newConfig(t, p.format)
	var err error
	cfg.Mode, err = pseudonym.ParseMode(mode)
	require.NoError(t, err)
	return &meter{place: p, f: NewStream(cfg, newCalendar())}
}

// treat returns the treated line, and the shortest time of several tries.
func (m *meter) treat(pattern string, size, tries int) (out []byte, took time.Duration) {
	took = time.Hour
	for range tries {
		m.put(pattern, size)
		took = min(took, m.treatLine())
	}
	return m.batch.Parts[0].Lines, took
}

// put makes the line to treat.
func (m *meter) put(pattern string, size int) {
	m.line = append(m.line[:0], m.place.before...)
	m.line = pump(m.line, pattern, size, &m.k)
	m.line = append(append(m.line, m.place.after...), '\n')
}

func (m *meter) treatLine() time.Duration {
	m.batch.Reset()
	m.f.renew()
	start := threadTime()
	m.f.treatLines(&m.batch, m.line)
	return threadTime() - start
}

// threadTime is the CPU time of the calling thread.
func threadTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		panic(err)
	}
	return time.Duration(ts.Nano())
}

// usualCost measures the time per byte of usual lines, in nanoseconds.
func usualCost(t testing.TB) float64 {
	m := newMeter(t, &place{format: "combined"}, "ipcrypt")
	line := "192.0.2.1 - - " + stampText + ` "GET /a HTTP/1.1" 200 5 "https://example.org/" "Mozilla/5.0 (X11)"` + "\n"
	_, took := m.treat(line, 8192, 50)
	return float64(took) / float64(len(m.line))
}

// exceeds describes how a pattern of size bytes exceeds the bounds, "" if it does not. It times
// usual lines again with each try: the machine may have become slower.
func (m *meter) exceeds(t testing.TB, pattern string, size int, usual float64) string {
	tries := 2
	for {
		out, took := m.treat(pattern, size, tries)
		if len(out) > 2*len(m.line)+guard.LineGrowth {
			return fmt.Sprintf("%d bytes become %d", len(m.line), len(out))
		}
		if float64(took-costStart) <= costFactor*usual*float64(len(m.line)) {
			return ""
		}
		if tries *= 4; tries > 200 { // other programs may disturb a few tries
			return fmt.Sprintf("%.1f ns a byte, %.2f for one of a usual line", float64(took)/float64(len(m.line)), usual)
		}
		usual = max(usual, usualCost(t))
	}
}

// chosen are the patterns that cost most.
var chosen = map[string][]string{
	"agent":        {"::1g", ":::1g", ":::1 ", "::1 ", "1.1.1.1 ", "<4> ", "<6> ", "1:1:1:1:1:1:1:1 ", "%3A%3A1 ", "%25", "%2", "%", `\\x3a`, "::ffff:1.1.1.1 ", "Name/1.1.1.1 ", "1-2-3-4 ", "<d> "},
	"target":       {"=::1", "%25252E", "%3A%3A", "%2E", "1.1.1.1.", "a=b&", "sid=&", "sid=a&", "a[b]=", "%3D", "=", "user:pw@", "//a@", "%2F%2Fa%40", "::ffff:token=&", "::1token=&", `\"`, "%252E1"},
	"room":         {"%EF%B7%BA", "%EF%B7%BA<h>", "%25", "%CC%81", "%CE%A3", "ｱ", `\\`, "%2525"},
	"xff":          {"a,", "<h>,", ",", "::1,", "<6>,", "<4>, ", `\",`},
	"forwarded":    {"a,", ";", ",", "for=a;", "for=<6>,", "a=;", "=", "by=::1;"},
	"client":       {" ", "::1 ", ":::1 "},
	"json-text":    {`\"`, `\u00`, `\u003a`, `\\u`, `\u003a\u003a1 `, "::1 "},
	"json-list":    {`1,`, `"",`, `"::1",`, `[],`, `[[[[[]]]]],`, `"a",`},
	"json-ip-list": {`1,`, `"a",`, `"<6>",`, `"::1",`, `[[[[[]]]]],"<4>",`, "123456,"},
	"json-keys":    {`"ip":1,`, `"ip":"::1",`, `"xff":"a,a",`, `"xff":"::1",`, `"a":1,`, `"::1":1,`},
	"line":         {"1.1.1.1 - - " + stampText + ` "GET /http-bind?room=a HTTP/1.1" 200 5 `, "1.1.1.1 - - " + stampText + ` "GET / `, stampText + ` "a `, stampText + " ", "a:b:c ", ":::1=", "::1 ", ":", "%3", "%25", "=", "S", "1", "Sun Nov ", "00/", "{", "[", `"`, " - ", "<4> "},
	"line-json":    {`"time":"2026-11-22"}{`, `"":{`, `"ip":"::1",`, "[", "{", `"`, ":"},
	"line-error":   {"[", "a:b:c ", ": "},
	"line-dated":   {stampText + " ", " 1.1.1.1 - - " + stampText + ` "GET / HTTP/1.1" 200 5`, "::1", `\"`, " - - " + stampText + ` "`},
}

// TestCostOfChosenBytes: the bounds hold for lines of all lengths.
func TestCostOfChosenBytes(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	usual := usualCost(t)
	for i := range places {
		p := &places[i]
		for _, mode := range []string{"ipcrypt", "pfx", "mask", "drop", "keep"} {
			if len(chosen[p.name]) == 0 {
				continue
			}
			m := newMeter(t, p, mode)
			for _, pattern := range chosen[p.name] {
				for _, size := range []int{1, 20, 64, 300, 1000, 8192, 98 << 10, 1 << 19} {
					assert.Empty(t, m.exceeds(t, pattern, size, usual), "%s: %q, %d bytes, --ip %s", p.name, pattern, size, mode)
				}
			}
		}
	}
	for name := range chosen {
		require.Contains(t, fmt.Sprint(places), "{"+name+" ")
	}
}

// TestCostOfPatterns searches for patterns that exceed the bounds: all of one token, and
// random ones of several tokens. For a long search:
//
//	go test ./filter -run TestCostOfPatterns -v -patterns 1000000 -timeout 0
func TestCostOfPatterns(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	usual := usualCost(t)
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 0))
	type worst struct {
		cost, ratio   float64
		costly, large string
	}
	for i := range places {
		p := &places[i]
		for _, mode := range []string{"ipcrypt", "pfx"} {
			m := newMeter(t, p, mode)
			var w worst
			for k := range len(p.tokens) + *patterns/len(places)/2 {
				pattern := ""
				if k < len(p.tokens) {
					pattern = p.tokens[k]
				} else {
					for range 2 + r.IntN(3) {
						pattern += p.tokens[r.IntN(len(p.tokens))]
					}
				}
				assert.Empty(t, m.exceeds(t, pattern, 4096, usual), "%s: %q, --ip %s", p.name, pattern, mode)
				if testing.Verbose() {
					out, took := m.treat(pattern, 4096, 2)
					if cost := float64(took) / float64(len(m.line)); cost > w.cost {
						w.cost, w.costly = cost, pattern
					}
					if ratio := float64(len(out)) / float64(len(m.line)); ratio > w.ratio {
						w.ratio, w.large = ratio, pattern
					}
				}
			}
			t.Logf("%-15s %-8s %5.1f ns a byte: %q; x %.2f: %q", p.name, mode, w.cost, w.costly, w.ratio, w.large)
		}
	}
}

// TestMostIsStruckOut: a text with too many addresses ends after the last one that may be
// struck out. Texts with fewer, and text that no client chose, are kept.
func TestMostIsStruckOut(t *testing.T) {
	for _, name := range []string{"agent", "referrer", "json-text"} {
		m := newMeter(t, findPlace(t, name), "ipcrypt")
		out, _ := m.treat("::1g", 8192, 1)
		assert.Less(t, len(out), len(m.line), name)
		const maxStrikes = 32 // after those that have pseudonyms
		assert.Equal(t, maxStrikes, strings.Count(string(out), "g-"), name)
		assert.True(t, bytes.HasSuffix(out, []byte(m.place.after+"\n")), "%s: %q", name, out[len(out)-40:])
		out, _ = m.treat("192.0.2.1 ", 200, 1)
		assert.Contains(t, string(out), "- - - "+m.place.after)
	}
}

func findPlace(t *testing.T, name string) *place {
	for i := range places {
		if places[i].name == name {
			return &places[i]
		}
	}
	require.Fail(t, "no such place", name)
	return nil
}

// FuzzCost: for any pattern, place and length, the bounds hold, and an address in the middle is
// replaced.
func FuzzCost(f *testing.F) {
	for i, p := range places {
		for k, token := range p.tokens {
			f.Add(uint8(i), uint8(k), token, uint16(100*k))
		}
		for k, pattern := range chosen[p.name] {
			f.Add(uint8(i), uint8(k), pattern, uint16(8192))
		}
	}
	const planted = "198.51.100.77"
	modes := []string{"ipcrypt", "pfx", "mask", "drop"}
	meters := map[[2]int]*meter{}
	f.Fuzz(func(t *testing.T, where, mode uint8, pattern string, size uint16) {
		if len(pattern) == 0 || strings.ContainsRune(pattern, '\n') || strings.Contains(pattern, planted) {
			return
		}
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		key := [2]int{int(where) % len(places), int(mode) % len(modes)}
		m := meters[key]
		if m == nil {
			m = newMeter(t, &places[key[0]], modes[key[1]])
			meters[key] = m
		}
		// A fuzzing worker also measures other code, so the bound is ten times as high.
		require.Empty(t, m.exceeds(t, pattern, int(size), 10*usualCost(t)), "%s: %q, --ip %s", m.place.name, pattern, modes[key[1]])

		half := int(size) / 2
		m.line = pump(append(m.line[:0], m.place.before...), pattern, half, &m.k)
		m.line = append(m.line, " "+planted+" "...)
		m.line = pump(m.line, pattern, half, &m.k)
		m.line = append(append(m.line, m.place.after...), '\n')
		m.treatLine()
		out := m.batch.Parts[0].Lines
		require.LessOrEqual(t, len(out), 2*len(m.line)+guard.LineGrowth)
		if bytes.Contains(out, []byte(planted)) {
			t.Fatalf("%s: %q, %d bytes: the address is left", m.place.name, pattern, size)
		}
	})
}
