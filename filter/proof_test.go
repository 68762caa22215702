package filter

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/pseudonym"
	"hushpipe/filter/treatment"
	"hushpipe/format"
)

func proofOf(t testing.TB, cfg Config, late format.Parser, modes ...string) *Proof {
	t.Helper()
	var list []pseudonym.Mode
	for _, name := range modes {
		m, err := pseudonym.ParseMode(name)
		require.NoError(t, err)
		list = append(list, m)
	}
	return NewProof(cfg, late, pseudonym.NewProof(testKey(today), list), math.MinInt32)
}

var proofModes = []string{"ipcrypt", "pfx", "mask=24/48", "drop", "keep"}

// TestProofOfLogs: in what a Filter has written nothing is left to do, and in each mode
// but keep in what it reads there is.
func TestProofOfLogs(t *testing.T) {
	t.Parallel()
	logs := testLogs(t)
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
				fit, _ := p.AllFit([]byte(written))
				for line := range strings.Lines(written) {
					require.Equal(t, treatment.NoDoubt, p.Look([]byte(line)), "%s", line)
				}
				assert.True(t, fit || mode == "drop")
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

// FuzzProof: whatever stands in a log, nothing is left to do in what a Filter made of it.
func FuzzProof(f *testing.F) {
	logs := testLogs(f)
	for i, s := range lineSpecs {
		f.Add(uint8(i), uint8(i), s.lines)
	}
	for name, log := range logs {
		f.Add(uint8(slices.IndexFunc(lineSpecs, func(s lineSpec) bool { return s.format == formatOf(name) })), uint8(0), log[:strings.IndexByte(log, '\n')])
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
		cfg := configs[int(spec)%len(configs)]
		name := proofModes[int(mode)%len(proofModes)]
		cfg.Mode, _ = pseudonym.ParseMode(name)
		cal := everyDay()
		cal.first = math.MinInt32
		written, _ := treated(t, cfg, cal, log+"\n")
		p := proofOf(t, cfg, nil, name)
		for line := range strings.Lines(written) {
			switch got := p.Look([]byte(line)); got {
			case treatment.NoDoubt, treatment.Untreated, treatment.HostName: // where fields are told apart otherwise than before
			default:
				t.Fatalf("%s: %s: %d: %q", lineSpecs[int(spec)%len(configs)].format, name, got, line)
			}
		}
	})
}
