package filter

import (
	"time"

	"hushpipe/filter/traffic"
	"hushpipe/format"
	"hushpipe/format/machine"
)

// Traffic is what a Filter needs to count hits.
type Traffic struct {
	Options traffic.Options
	Zone    *time.Location // of lines whose time is an epoch
}

// hitCounter counts the hits of lines. It is a part of a Filter.
type hitCounter struct {
	counter *traffic.Counter // nil: none are counted
	hits    *traffic.Hits
	counted []*day           // days with hits in this batch
	free    []*traffic.Delta // not in use
}

func newHitCounter(t *Traffic, p format.Parser) (h hitCounter) {
	if t != nil {
		h.counter, h.hits = traffic.NewCounter(t.Options), traffic.NewHits(p, t.Zone)
	}
	return h
}

// countHit counts the current line, whose client is known by now.
func (f *Filter) countHit(d *day, line []byte) {
	if f.line.Error {
		return
	}
	hit, ok := f.traffic.hits.Of(line, &f.line)
	if !ok {
		return
	}
	if f.who != nil {
		hit.See(f.addr)
	}
	if d.hits == nil {
		d.hits = f.traffic.delta()
		f.traffic.counted = append(f.traffic.counted, d)
	}
	f.traffic.counter.Count(d.hits, hit, d.cipher)
}

// delta returns an empty one.
func (h *hitCounter) delta() *traffic.Delta {
	n := len(h.free)
	if n == 0 {
		return h.counter.NewDelta()
	}
	d := h.free[n-1]
	h.free = h.free[:n-1]
	return d
}

// recordHits brings what was counted since the last time to the batch.
func (f *Filter) recordHits(b *Batch) {
	h := &f.traffic
	for _, d := range h.counted {
		if p := f.rec.hits(b, d); p != nil {
			p.Hits = d.hits.AppendTo(p.Hits)
		}
		d.hits.Empty()
		h.free = append(h.free, d.hits)
		d.hits = nil
	}
	h.counted = h.counted[:0]
}

// wholeGlancer is a Glancer that leaves no field out.
type wholeGlancer struct{ format.AllGlancer }

func (g wholeGlancer) Glance(line []byte, m *machine.Marks, out *format.Line) bool {
	return g.GlanceAll(line, m, out)
}
