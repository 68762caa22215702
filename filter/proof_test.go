package filter

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/guard/guardtest"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/reread"
	"hushpipe/filter/treatment"
	"hushpipe/format"
	"hushpipe/format/policy"
)

func proofOf(t testing.TB, cfg Config, late format.Parser, modes ...string) *Proof {
	t.Helper()
	var list []pseudonym.Mode
	for _, name := range modes {
		m, err := pseudonym.ParseMode(name)
		require.NoError(t, err)
		list = append(list, m)
	}
	return NewProof(cfg, late, pseudonym.NewProof(guardtest.Key(guardtest.Today), list), math.MinInt32)
}

var proofModes = []string{"ipcrypt", "pfx", "mask=24/48", "drop", "keep"}

// TestProofOfLogs: lines that a Filter has written are not in doubt. Raw lines are, in each mode
// except keep.
func TestProofOfLogs(t *testing.T) {
	t.Parallel()
	logs := recordedLogs(t)
	specs := map[string]string{}
	for name := range logs {
		specs[name] = formatOf(name)
	}
	for i, s := range lineSpecs {
		if s.lines != "" && !s.proxies {
			name := fmt.Sprintf("spec %d", i)
			logs[name], specs[name] = s.lines+"\n", s.format
		}
	}
	for name, log := range logs {
		for _, mode := range proofModes {
			t.Run(name+"/"+mode, func(t *testing.T) {
				cfg := newConfig(t, specs[name])
				cfg.Mode, _ = pseudonym.ParseMode(mode)
				written, _ := treated(t, cfg, everyDay(), log)
				p := proofOf(t, newConfig(t, specs[name]), nil, mode)
				unfit, _ := p.Unfit([]byte(written))
				for line := range strings.Lines(written) {
					require.Equal(t, treatment.NoDoubt, p.Look([]byte(line)), "%s", line)
					require.True(t, p.Suits([]byte(line)), "%s", line)
				}
				assert.True(t, len(unfit) == 0 || mode == "drop")
				if mode == "keep" {
					return
				}
				raw := slices.Collect(strings.Lines(log))
				for i, line := range slices.Collect(strings.Lines(written)) {
					if raw[i] == line {
						continue
					}
					if got := p.Look([]byte(raw[i])); got == treatment.NoDoubt && mode != "pfx" {
						t.Errorf("not found: %s", raw[i])
					}
				}
			})
		}
	}
}

// TestUnfit: Unfit finds the lines in doubt among many, even if others were left out or are of
// another day.
func TestUnfit(t *testing.T) {
	t.Parallel()
	const (
		clean = `- - - [22/Nov/2026:07:23:55 +0000] "GET /%d HTTP/1.1" 200 5 "-" "-"` + "\n"
		raw   = `192.0.2.1 - - [22/Nov/2026:07:23:55 +0000] "GET /a HTTP/1.1" 200 5 "-" "-"` + "\n"
		old   = `- - - [21/Nov/2026:07:23:55 +0000] "GET /a HTTP/1.1" 200 5 "-" "-"` + "\n"
		other = "what is this\n" // left out by a stream that lists its fields
	)
	const many = 1000 // more than fit in pieceSize
	for name, lines := range map[string]map[int]string{
		"none": {}, "the first": {0: raw}, "the last": {many - 1: raw}, "some": {17: raw, 18: raw, 900: raw},
		"of an earlier day": {500: old, 900: raw}, "left out": {0: other, 300: raw, 301: other}, "one that was left out between others": {3: raw, 4: other, 5: raw},
	} {
		var log strings.Builder
		var want []int
		for i := range many {
			line, ok := lines[i]
			if ok {
				want = append(want, i)
			} else {
				line = fmt.Sprintf(clean, i)
			}
			log.WriteString(line)
		}
		of, mistakes := policy.Parse([]byte("format = \"combined\"\n[[stream]]\nname = \"a\"\npurpose = \"b\"\nkeep = \"1d\"\n" +
			`fields = { client = "drop", time = "keep", url = "keep", status = "keep", size = "keep" }`))
		require.Empty(t, mistakes)
		cfg := streamsConfigs(t, of)[0]
		p := NewProof(cfg, nil, pseudonym.NewProof(guardtest.Key(guardtest.Today), []pseudonym.Mode{cfg.Mode}), guardtest.Today)
		got, _ := p.Unfit([]byte(log.String()))
		for _, place := range want {
			assert.Contains(t, got, place, name)
		}
		assert.Less(t, len(got), len(want)*100+1, name)
		if name == "none" || name == "some" || name == "the first" || name == "the last" {
			assert.Equal(t, want, slices.Clone(got), name)
		}
	}
}

// FuzzProof: for any log, the lines that a Filter writes are not in doubt, also after the lines
// of a person were falsified. So no client can make an audit report a fault.
func FuzzProof(f *testing.F) {
	logs := recordedLogs(f)
	for i, s := range lineSpecs {
		f.Add(uint8(i), uint8(i), s.lines)
		f.Add(uint8(len(lineSpecs)+i), uint8(i), s.lines)
	}
	for name, log := range logs {
		f.Add(uint8(slices.IndexFunc(lineSpecs, func(s lineSpec) bool { return s.format == formatOf(name) })), uint8(0), log[:strings.IndexByte(log, '\n')])
	}
	for _, line := range []string{
		`192.0.2.1 - - [22/Nov/2026:07:23:55 +0000] "GET http://192.0.2.9:80/a?b HTTP/1.1" 200 5 "http://192.0.2.9/" "a.192.0.2.1.b/24.2.1.2"`,
		`192.0.2.1 - - [22/Nov/2026:07:23:55 +0000] "CONNECT 192.0.2.9:443 HTTP/1.1" 200 5 "http://[2001:db8::1]:80/" "1:2:3:4:5:6:7:8"`,
		`192.0.2.1:11111 www.example.org - - [22/Nov/2026:07:23:55 +0000] "GET /a HTTP/1.1" 200 5`,
		`2001:db8::1 - - [22/Nov/2026:07:23:55 +0000] "GET /denied HTTP/1.1" 403 400 "h1:2:3:4:7:898.51.100.137/" "-"`,
		`2001:db8::5:80 198.51.100.1 - - [22/Nov/2026:07:23:55 +0000] "GET /a HTTP/1.1" 200 5 "-" "a"`,
		`192.0.2.1 - - [22/Nov/2026%:07:23:55 +0000] "GET /a HTTP/1.1" 200 5 "-" "a"`,
		`www.example.org:443 2001:db8:0:91b4 - - [22/Nov/2026:07:23:55 +0000] "GET /.env HTTP/1.1" 404 397 "https://[2001:db8::17]/" "a"`,
		`2 - - [22/Nov/2026:07:23:55 +0000] "GET http://192.0.2.9:80/a?b HTTP/1.1" 200 5 "http://19.b2.0.2.9/" "a.192.0.2.1.b/24.2.1.2"`,
		`192.0.2.1 - - [22/Nov/2026:07:23:55 +0000] "GET /a?b HTTP/1.1" 200 5 "http://192.0.2.9c.example/" "-"`,
	} {
		for i := range len(proofPlans) + 1 {
			f.Add(uint8(len(lineSpecs)+i), uint8(2), line)
		}
		f.Add(uint8(0), uint8(3), line)
	}
	// When parsed again, a version follows a pseudonym, and GET is taken for a name.
	f.Add(uint8(2), uint8(2), `::23:55 +0040] "GET http://.9210.2.9:80/a?b HTTP/1.1" 200 5 "http://19.b2.0M2.9/" "a.192.0.2.1.b/24.2.1.2"`)
	// Under pfx, its pseudonym has fewer digits than that of any real address.
	f.Add(uint8(2), uint8(0xba), "1 - - [22/Nov/2026%:07:23:55 +0000] \"G\xff\xff\xff\x7fa HTT")
	f.Add(uint8(0x18), uint8(2), ` - - [22/Nov/2026:07:23:55 +0000] "GET /a?b HTTP/1.1" 200 5 "http://19.b2.0.2.9/" "a"`)
	for i := range proofPlans {
		for _, list := range []string{"192.0.2.1", "198.51.100.7, 192.0.2.1", "192.0.2.1, 10.0.0.9", "2001:db8::1, unknown", "-", "[2001:db8::1]:80", "-192.0.2.1-"} {
			f.Add(uint8(len(lineSpecs)+i), uint8(2), `10.0.0.1 - - [22/Nov/2026:07:23:55 +0000] "GET /a HTTP/1.1" 200 5 "`+list+`"`)
		}
	}
	configs := make([]Config, len(lineSpecs))
	for i, spec := range lineSpecs {
		if configs[i] = newConfig(f, spec.format); spec.proxies {
			configs[i] = proxyConfig(f, spec.format, format.Options{})
		}
	}
	f.Fuzz(func(t *testing.T, spec, mode uint8, log string) {
		if len(log) > 4000 {
			return
		}
		var lines, by string
		var p *Proof
		var cfg Config
		key := guardtest.Key(guardtest.Today)
		if n := int(spec) % (len(configs) + len(proofPlans)); n < len(configs) {
			cfg, by = configs[n], lineSpecs[n].format
			name := proofModes[int(mode)%len(proofModes)]
			cfg.Mode, _ = pseudonym.ParseMode(name)
			cal := everyDay()
			cal.first = math.MinInt32
			lines, _ = treated(t, cfg, cal, log+"\n")
			p = proofOf(t, cfg, nil, name)
		} else {
			n -= len(configs)
			lines, p, cfg = plannedLines(t, n, log+"\n")
			by, key = proofPlans[n].fields, &pseudonym.Key{'a'}
		}
		erased := mode >= 128 && cfg.Mode.Reversible()
		found, _ := p.Unfit([]byte(log + "\n"))
		found = slices.Clone(found)
		place := 0
		for line := range strings.Lines(log + "\n") {
			if p.Look([]byte(line)) != treatment.NoDoubt && !slices.Contains(found, place) {
				t.Fatalf("%s: %v: not found among others: %q", by, cfg.Mode, line)
			}
			place++
		}
		for line := range strings.Lines(lines) {
			line := []byte(line)
			if erased {
				falsifyFirst(t, cfg, key, line)
			}
			switch got := p.Look(line); got {
			case treatment.NoDoubt, treatment.Unclear:
			default:
				t.Fatalf("%s: %v: %d: %q", by, cfg.Mode, got, line)
			}
		}
	})
}

// falsifyFirst falsifies a line for the first address in it.
func falsifyFirst(t *testing.T, cfg Config, key *pseudonym.Key, line []byte) {
	var found []pseudonym.Addr
	reread.Pseudonyms(line, func(a pseudonym.Addr) { found = append(found, a) })
	if len(found) > 0 {
		f, err := reread.NewFalsifier([]format.Parser{cfg.Parser}, []*pseudonym.Cipher{pseudonym.New(key, cfg.Mode)}, reread.Person{Addrs: found[:1]})
		require.NoError(t, err)
		f.Falsify(bytes.TrimSuffix(line, newline))
	}
}
