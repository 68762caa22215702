package traffic_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/pseudonym"
	"hushpipe/filter/traffic"
	"hushpipe/format"
	"hushpipe/format/machine"
	"hushpipe/format/trafficfile"
)

// bothWays counts lines with caches and the spans of ParseFast, many per Delta, and without
// caches from the fields of Parse, each in its own Delta.
type bothWays struct {
	opt         traffic.Options
	parser      format.Parser
	hits        *traffic.Hits
	known       *traffic.Counter
	plain       *traffic.Counter
	visitors    *traffic.Visitors
	plainly     *traffic.Visitors
	places      map[string]traffic.Place
	placed      uint32
	got, one    *traffic.Delta
	want        *traffic.Day
	short, long int // lines
}

func newBothWays(t testing.TB, opt traffic.Options) *bothWays {
	parser, err := format.New("combined", nil, nil)
	require.NoError(t, err)
	mode, err := pseudonym.ParseMode("ipcrypt")
	require.NoError(t, err)
	keys := func() *pseudonym.Cipher { return pseudonym.New(&pseudonym.Key{1}, mode) }
	w := &bothWays{opt: opt, parser: parser, hits: traffic.NewHits(parser, nil), known: traffic.NewCounter(opt), plain: traffic.NewCounter(opt),
		visitors: traffic.NewVisitors(keys()), plainly: traffic.NewVisitors(keys()), places: map[string]traffic.Place{}}
	w.plain.Plain()
	w.got, w.one, w.want = w.known.NewDelta(), w.plain.NewDelta(), traffic.NewDay(opt)
	return w
}

// place returns a Place as a user has it that keeps 64 texts.
func (w *bothWays) place(text []byte) traffic.Place {
	p, ok := w.places[string(text)]
	if !ok || p.ID+64 <= w.placed {
		w.placed++
		p = traffic.Place{At: uint16(w.placed % 64), ID: w.placed}
		w.places[string(text)] = p
	}
	return p
}

func (w *bothWays) count(t testing.TB, line []byte) {
	var l format.Line
	if !w.parser.Parse(line, &l) {
		return
	}
	field := l.Fields[l.Client]
	see := func(h *traffic.Hit) {
		if a, ok := pseudonym.ParseAddr(line[field.Start:field.End]); ok {
			h.See(a)
		}
	}
	h, ok := w.hits.Of(line, &l)
	if ok {
		see(h)
		w.plain.Count(w.one, h, w.plainly)
		require.NoError(t, w.want.Add(w.one.AppendTo(nil)))
		w.one.Empty()
	}
	var m machine.Delimiters
	m.Cut(append(line[:len(line):len(line)], '\n'))
	var short format.Line
	if g := w.parser.(format.FastRequestParser); g.ParseFastRequest(line, &m, &short) {
		w.short++
		var also bool
		h, also = w.hits.At(line, &m, g, short.Status)
		require.Equal(t, ok, also, "%q", line)
		if ok && w.short%3 > 0 {
			s := g.Spans(line, &m)
			h.Request.At, h.Agent.At = w.place(append([]byte("r"), s.Request.Of(line)...)), w.place(append([]byte("a"), s.Agent.Of(line)...))
		}
	} else {
		w.long++
		h, ok = w.hits.Of(line, &l)
	}
	if ok {
		see(h)
		w.known.Count(w.got, h, w.visitors)
	}
}

// requireEqual compares the results, and starts over.
func (w *bothWays) requireEqual(t testing.TB) {
	day := traffic.NewDay(w.opt)
	require.NoError(t, day.Add(w.got.AppendTo(nil)))
	w.got.Empty()
	figures := func(d *traffic.Day) string {
		return string(trafficfile.Append(nil, d.Figures(1, traffic.Names{})))
	}
	require.Equal(t, figures(w.want), figures(day))
	w.want = traffic.NewDay(w.opt)
}

// TestKnownIsPlain: neither the caches nor the fast path change any figure.
func TestKnownIsPlain(t *testing.T) {
	opt := traffic.Defaults()
	opt.MinGroup, opt.Own, opt.IgnoreUA = 3, []string{"semicomplete.com"}, []string{"feedburner"}
	opt.Groups, opt.Countries = groups(t, "/blog/{group}"), countries(t)
	w := newBothWays(t, opt)
	r := rand.New(rand.NewPCG(3, 4))
	parts := [][]byte{[]byte("?"), []byte("?utm_campaign=a"), []byte(" "), []byte("%3f"), []byte("HTTP/1.1"), []byte("http://A.example.org/"), []byte(`\x`), []byte("/"), []byte("@"), []byte("OPTIONS")}
	for n, line := range sampleLines(t) {
		w.count(t, line)
		edited := slices.Clone(line)
		for range 1 + r.IntN(3) {
			at := r.IntN(len(edited))
			at += max(0, bytes.IndexAny(edited[at:], `"/? `))
			switch r.IntN(3) {
			case 0:
				edited = slices.Delete(edited, at, at+1)
			default:
				edited = slices.Insert(edited, at+r.IntN(2), parts[r.IntN(len(parts))]...)
			}
		}
		w.count(t, edited)
		w.count(t, edited)
		if n%100 == 99 {
			w.requireEqual(t)
		}
	}
	w.requireEqual(t)
	assert.Greater(t, w.short, 4*w.long)
}

func FuzzKnownIsPlain(f *testing.F) {
	lines := sampleLines(f)
	for i, line := range lines[:100] {
		f.Add(line, lines[i+7])
	}
	f.Add([]byte(`192.0.2.1 - - [22/Nov/2026:06:46:00 +0000] "GET /a?x HTTP/1.1" 200 5 "http://a.example.org?://" "x"`),
		[]byte(`192.0.2.1 - - [22/Nov/2026:06:46:00 +0000] "GET /a?x HTTP/9" 200 5 "http://a.example.org" "x"`))
	w := newBothWays(f, traffic.Defaults())
	f.Fuzz(func(t *testing.T, one, other []byte) {
		if bytes.ContainsAny(one, "\n") || bytes.ContainsAny(other, "\n") {
			return
		}
		for _, line := range [][]byte{one, other, one} {
			w.count(t, line)
		}
		w.requireEqual(t)
	})
}
