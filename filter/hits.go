package filter

import (
	"time"

	"hushpipe/filter/pseudonym"
	"hushpipe/filter/traffic"
	"hushpipe/filter/treatment"
	"hushpipe/format"
	"hushpipe/format/civil"
	"hushpipe/format/machine"
)

// Traffic is what a Filter needs to count hits.
type Traffic struct {
	Options traffic.Options
	Zone    *time.Location // for lines whose time is an epoch
}

// hitCounter counts the hits of lines for a Filter.
type hitCounter struct {
	counter *traffic.Counter // nil: none are counted
	fast    *hitParser
	hits    *traffic.Hits
	counted []*day           // days with hits that are in no batch yet
	free    []*traffic.Delta // unused
	options traffic.Options
	expired *traffic.Days // nil: no hits on expired days yet
	scratch []byte
	room    [20]byte
	totals  traffic.Totals
}

// hitsOfDay counts the hits of one day.
type hitsOfDay struct {
	hits     *traffic.Delta    // that are in no batch yet, nil: none
	digests  *traffic.Digester // of the lines in hits, nil: not needed
	visitors *traffic.Visitors // nil: not made yet; needs the cipher
	repeats  *traffic.Repeats  // nil: no killed process counted any of the next lines
	begun    bool              // beginHits was called
}

// repeating is a Calendar that knows what killed processes counted.
type repeating interface {
	// Repeats returns a finder of the lines of a day that a killed process has already
	// counted, nil if there are none. It is called once for each day.
	Repeats(day civil.Day) *traffic.Repeats
}

func newHitCounter(t *Traffic, redact *treatment.Redact, p format.Parser) (h hitCounter) {
	if t != nil {
		h.counter, h.hits, h.options = traffic.NewCounter(t.Options), traffic.NewHits(p, t.Zone), t.Options
		h.counter.Hide(redact.Has)
		h.fast = newHitParser(p)
	}
	return h
}

// countHit counts the hit of the current line. The client must be known.
func (f *Filter) countHit(d *day, line []byte, usual bool) {
	h := &f.traffic
	var hit *traffic.Hit
	var ok bool
	if usual && h.fast.found {
		hit, ok = h.hits.At(line, &f.delims, h.fast.brief, f.line.Status)
		if t := f.request; t != nil {
			hit.Request.At = traffic.Place{At: t.index, ID: t.id}
		}
		if t := f.agent; t != nil {
			hit.Agent.At = traffic.Place{At: t.index, ID: t.id}
		}
	} else if !f.line.Error {
		hit, ok = h.hits.Of(line, &f.line)
	}
	if !ok {
		return
	}
	if f.client != nil {
		hit.See(f.clientAddr)
	}
	if d.hits == nil {
		d.hits = f.traffic.delta()
		f.traffic.counted = append(f.traffic.counted, d)
		f.beginHits(d)
	}
	if d.visitors == nil {
		d.visitors = traffic.NewVisitors(d.cipher)
	}
	h.counter.Count(d.hits, hit, d.visitors)
	switch {
	case d.digests == nil:
		return
	case usual:
		d.digests.Add(line)
	default:
		d.digests.AddCopied(line) // it may differ from the line in the input buffer
	}
	if d.repeats == nil {
		return
	}
	if d.repeats.Add(line) {
		d.hits.Empty()
	}
	if d.repeats.Ended() {
		d.repeats = nil
	}
}

// beginHits prepares for the first hit of a day in a batch.
func (f *Filter) beginHits(d *day) {
	if d.digests != nil {
		d.digests.Reset()
	}
	if d.begun {
		return
	}
	d.begun = true
	if _, isDirect := f.rec.(*direct); !isDirect || d.expired {
		return // the workers of a Replay do not get the lines in order
	}
	f.traffic.room = forLines // a local variable would escape to the heap
	seed := d.cipher.Fingerprint(&f.traffic.room, pseudonym.Addr{})
	d.digests = traffic.NewDigester(seed)
	if cal, ok := f.cal.(repeating); ok {
		if d.repeats = cal.Repeats(d.day); d.repeats != nil {
			d.repeats.Begin(seed)
		}
	}
}

var forLines = [20]byte{'l', 'i', 'n', 'e'}

// waits reports whether hits wait for more lines.
func (f *Filter) waits() bool { return len(f.traffic.counted) > 0 }

// endHits adds the waiting hits to a batch at the end of the input.
func (f *Filter) endHits(b *Batch) {
	for _, d := range f.traffic.counted {
		d.repeats.End()
		d.repeats = nil
	}
	f.recordHits(b)
}

// forget drops texts of the lines, which must not be kept longer than their day.
func (h *hitCounter) forget() {
	if h.counter != nil {
		h.counter.Forget()
		h.free = nil
	}
}

// delta returns an empty Delta.
func (h *hitCounter) delta() *traffic.Delta {
	n := len(h.free)
	if n == 0 {
		return h.counter.NewDelta()
	}
	d := h.free[n-1]
	h.free = h.free[:n-1]
	return d
}

// recordHits adds the hits counted since the last call to the batch. Hits that a killed
// process may have counted already wait until a later batch decides.
func (f *Filter) recordHits(b *Batch) {
	h := &f.traffic
	wait := 0
	for _, d := range h.counted {
		if d.repeats != nil && d.repeats.Pending() {
			d.digests.Take()
			h.counted[wait] = d
			wait++
			continue
		}
		if p := f.rec.hits(b, d); p != nil {
			p.Hits = d.hits.AppendTo(p.Hits)
			if d.digests != nil {
				p.Digest = d.digests.Sum()
			}
		} else if d != f.overflowDay {
			if h.expired == nil {
				h.expired = traffic.NewDays(h.options)
			}
			h.scratch = d.hits.AppendTo(h.scratch[:0])
			h.expired.Add(d.day, h.scratch) // a Delta made it
		}
		d.hits.AddTo(&h.totals)
		d.hits.Empty()
		h.free = append(h.free, d.hits)
		d.hits = nil
	}
	h.counted = h.counted[:wait]
}

// ExpiredTraffic returns the traffic figures of expired days, nil for none.
func (f *Filter) ExpiredTraffic() *traffic.Days { return f.traffic.expired }

// Traffic returns the traffic totals as of the last batch, nil if no hits are counted. It may
// be called from any goroutine.
func (f *Filter) Traffic() *traffic.Totals {
	if f.traffic.counter == nil {
		return nil
	}
	f.shared.mu.Lock()
	defer f.shared.mu.Unlock()
	totals := f.shared.traffic
	return &totals
}

// hitParser is a FastParser that finds everything that is counted: the spans of a request, or
// else all fields.
type hitParser struct {
	format.Parser
	brief format.FastRequestParser // nil: the format does not support it
	all   format.FastAllParser     // nil: the format does not support it
	found bool                     // brief parsed the line
}

func newHitParser(p format.Parser) *hitParser {
	g := &hitParser{Parser: p}
	g.brief, _ = p.(format.FastRequestParser)
	g.all, _ = p.(format.FastAllParser)
	return g
}

// ParseFast implements format.FastParser.
func (g *hitParser) ParseFast(line []byte, m *machine.Delimiters, out *format.Line) bool {
	g.found = g.brief != nil && g.brief.ParseFastRequest(line, m, out)
	return g.found || g.all != nil && g.all.ParseFastAll(line, m, out)
}
