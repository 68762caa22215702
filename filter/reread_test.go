package filter

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/guard"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/reread"
	"hushpipe/format"
)

func newFalsifier(t testing.TB, parser format.Parser, c *pseudonym.Cipher, who reread.Person) *reread.Falsifier {
	t.Helper()
	f, err := reread.NewFalsifier([]format.Parser{parser}, []*pseudonym.Cipher{c}, who)
	require.NoError(t, err)
	return f
}

func formatParser(t testing.TB, spec string) format.Parser {
	p, err := format.New(spec, time.UTC, nil)
	require.NoError(t, err)
	return p
}

// checkFalsified falsifies a pseudonymised line for its first four addresses in turn. Each result
// must have the same length, the same fields at the same places, and the same numbers and times,
// but not the address.
func checkFalsified(t testing.TB, spec, mode string, line []byte) {
	c := testCipher(t, mode)
	parser := formatParser(t, spec)
	var persons []pseudonym.Addr
	var spans []span
	guard.Pseudonyms(line, func(start, end int, a pseudonym.Addr) {
		persons = append(persons, a)
		spans = append(spans, span{start, end})
	})
	var was, is format.Line
	for _, who := range persons[:min(len(persons), 4)] {
		f := newFalsifier(t, parser, c.Cipher, reread.Person{Addrs: []pseudonym.Addr{who}})
		got := bytes.Clone(line)
		f.Falsify(got)
		require.Len(t, got, len(line))
		require.Equal(t, bytes.Count(line, newline), bytes.Count(got, newline))
		guard.Pseudonyms(got, func(_, _ int, a pseudonym.Addr) {
			require.NotEqual(t, who, a, "%q\nbecame\n%q", line, got)
		})
		known := parser.Parse(line, &was)
		require.Equal(t, known, parser.Parse(got, &is), "%q\nbecame\n%q", line, got)
		if !known {
			continue
		}
		require.Equal(t, len(was.Fields), len(is.Fields), "%q\nbecame\n%q", line, got)
		for i := range was.Fields {
			a, b := was.Fields[i], is.Fields[i]
			require.Equal(t, []int{a.Start, a.End}, []int{b.Start, b.End}, "%q\nbecame\n%q", line, got)
			// In some lines, digits at the end of an address are parsed as a port.
			ofAddr := slices.ContainsFunc(spans, func(s span) bool { return s.start < a.Start && a.End == s.end })
			if a.Kind == format.Plain && b.Kind == format.Plain && !ofAddr {
				require.Equal(t, line[a.Start:a.End], got[b.Start:b.End])
			}
		}
	}
}

func TestFalsifyLogs(t *testing.T) {
	for name, log := range recordedLogs(t) {
		for _, mode := range []string{"ipcrypt", "pfx"} {
			t.Run(name+"/"+mode, func(t *testing.T) {
				cfg := newConfig(t, formatOf(name))
				cfg.Mode, _ = pseudonym.ParseMode(mode)
				out, _ := treated(t, cfg, everyDay(), log)
				lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
				step := max(1, len(lines)/50)
				for i := 0; i < len(lines); i += step {
					checkFalsified(t, formatOf(name), mode, []byte(lines[i]))
				}
			})
		}
	}
}

// TestFalsifyPorts: a replacement ends in digits that may be parsed as a port if and only if the
// address that it replaces does.
func TestFalsifyPorts(t *testing.T) {
	for _, line := range []string{
		`[2026-11-22 07:23:55.054538] [:error] [pid 9:tid 8] [client d207:91a0:5bc1:c43f:e05:dd67:9cc4:8f90:443] [client 100::8149:b454:17ab:5acd] ModSecurity: Warning. [uri "/x"]`,
		`[2026-11-22 07:23:55.054538] [:error] [pid 9:tid 8] [client d207:91a0:5bc1:c43f:e05:dd67:9cc4:8f90:443] [client 100::8149:b454:17ab:5123] ModSecurity: Warning. [uri "/x"]`,
	} {
		for range 60 { // one in seven would end in digits only
			checkFalsified(t, "auto", "ipcrypt", []byte(line))
		}
	}
}

func FuzzFalsify(f *testing.F) {
	for _, spec := range lineSpecs {
		if spec.proxies {
			continue
		}
		for line := range strings.Lines(spec.lines) {
			f.Add(spec.format, strings.TrimSuffix(line, "\n"))
		}
	}
	for _, line := range []string{
		`192.0.2.1 - a [22/Nov/2026:07:23:55 +0000] "GET /a HTTP/1.1" 200 5 "http://192.0.2.1/ b" "Name/1.2.3.4 192.0.2.1"`,
		`192.0.2.1 - \"a [22/Nov/2026:07:23:55 +0000] "GET 192%2E0%2E2%2E1 HTTP/1.1" 200 5 "-" "-"`,
	} {
		f.Add("combined", line)
	}
	f.Fuzz(func(t *testing.T, spec, line string) {
		if strings.ContainsAny(line, "\n") || len(line) > 4000 || !(spec == "auto" || spec == "combined" || spec == "json" || spec == "error") {
			return
		}
		cfg := newConfig(t, spec)
		out, _ := treated(t, cfg, everyDay(), line+"\n")
		checkFalsified(t, spec, "ipcrypt", []byte(strings.TrimSuffix(out, "\n")))
	})
}

// TestRevealedLogs reveals the recorded logs. The result is the log under --ip keep: secrets
// remain struck out, addresses have their canonical spelling, and hashes remain hashes.
func TestRevealedLogs(t *testing.T) {
	for name, log := range recordedLogs(t) {
		for _, mode := range []string{"ipcrypt", "pfx"} {
			t.Run(name+"/"+mode, func(t *testing.T) {
				cfg := newConfig(t, formatOf(name))
				cfg.Mode, _ = pseudonym.ParseMode(mode)
				out, _ := treated(t, cfg, everyDay(), log)
				cfg.Mode, _ = pseudonym.ParseMode("keep")
				kept, _ := treated(t, cfg, everyDay(), log)

				c := testCipher(t, mode)
				want := strings.SplitAfter(kept, "\n")
				hashes := 0
				for i, line := range strings.SplitAfter(out, "\n") {
					if strings.Contains(line, "100::") { // 3.2.0.12012 in an agent
						hashes++
						continue
					}
					if strings.Contains(line, ".c.1.101") { // digits are next to the pseudonym
						continue
					}
					got, _, _ := reread.AppendRevealed(nil, []byte(line), c.Cipher, all)
					require.Equal(t, want[i], string(got), "line %d", i+1)
				}
				assert.LessOrEqual(t, hashes, 10)
			})
		}
	}
}

func all(pseudonym.Addr) bool { return true }
