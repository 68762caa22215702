package filter

import (
	"bytes"

	"hushpipe/filter/traffic"
	"hushpipe/format/civil"
)

// Batch is the treated lines of one read of the input, or of a part of it. Batches are
// reused, so their buffers keep their memory.
type Batch struct {
	Parts []Part // one for each day or hour, or a single one

	// With several streams, the batch of each stream, in place of Parts; nil for a stream
	// that none of the lines goes to.
	streams []*Batch

	seq  uint64 // distinguishes the uses of the batch
	room int    // initial capacity for lines, in bytes
	held int    // size, as the Queue counts it

	// Once the batch is written, its input is committed.
	source *commitTracker // nil: the input is no CommitReader
	number uint64         // sequence number among the batches of source
	input  int            // bytes of input
}

// Part is a batch's share of one day.
type Part struct {
	Day     civil.Day
	Expired bool           // the day is expired, so there are no lines; only a Replay's workers set it
	Met     bool           // a line of the expired day could be parsed
	KeyID   [8]byte        // identifies the key of the lines and records
	Lines   []byte         // whole lines
	Records []byte         // new pairs of room and address, for the journal
	Hits    []byte         // what the lines add to traffic figures, a record of package traffic; empty for none
	Digest  traffic.Digest // of the lines counted in Hits
	People  []byte         // records of people in groups, for their journal
	Held    []byte         // lines of groups that may not be open, each after its group

	hour    uint8 // of Day, plus 1; 0: any hour
	written int   // bytes of Lines that are on the disk
	counted bool  // the Sink has taken Records
}

// Hour returns the hour of the lines, 0 to 23. If lines are not sorted by hour, hour is -1
// and ok is false.
func (p *Part) Hour() (hour int, ok bool) { return int(p.hour) - 1, p.hour > 0 }

// Reset empties the batch for its next use.
func (b *Batch) Reset() {
	b.Parts = b.Parts[:0]
	b.seq++
	b.source = nil
}

// part returns the part for d's lines.
func (b *Batch) part(d *day, rec recorder) *Part {
	if d.batch != b || d.seq != b.seq {
		rec.take(b, d)
	}
	return &b.Parts[d.part]
}

// hourPart returns the part for d's lines of an hour, as in dayRef.hour. p is any part of d.
func (b *Batch) hourPart(p *Part, d *day, hour uint8) *Part {
	switch {
	case p.hour == hour:
		return p
	case p.hour == 0 && len(p.Lines) == 0:
		p.hour = hour
		return p
	}
	for i := range b.Parts {
		if p := &b.Parts[i]; p.Day == d.day && p.hour == hour && p.KeyID == d.keyID {
			d.part = i
			return p
		}
	}
	b.begin(d)
	b.Parts[d.part].hour = hour
	return &b.Parts[d.part]
}

// begin begins a part for d's lines.
func (b *Batch) begin(d *day) {
	d.batch, d.seq, d.part = b, b.seq, len(b.Parts)
	if len(b.Parts) < cap(b.Parts) {
		b.Parts = b.Parts[:d.part+1]
	} else {
		b.Parts = append(b.Parts, Part{})
	}
	p := &b.Parts[d.part]
	*p = Part{Day: d.day, KeyID: d.keyID, Lines: p.Lines[:0], Records: p.Records[:0], Hits: p.Hits[:0], People: p.People[:0], Held: p.Held[:0]}
	if p.Lines == nil && d.part == 0 {
		p.Lines = make([]byte, 0, b.room) // growing step by step would take several times the memory
	}
}

// records returns a batch with only the records of b, nil if it has none.
func (b *Batch) records() *Batch {
	var r *Batch
	for i := range b.Parts {
		if p := &b.Parts[i]; len(p.Records)+len(p.People) > 0 {
			if r == nil {
				r = &Batch{}
			}
			r.Parts = append(r.Parts, Part{Day: p.Day, KeyID: p.KeyID, Records: bytes.Clone(p.Records), People: bytes.Clone(p.People)})
		}
	}
	return r
}

// size returns the memory of the batch, in bytes.
func (b *Batch) size() (n int) {
	for _, p := range b.Parts[:cap(b.Parts)] {
		n += cap(p.Lines) + cap(p.Records) + cap(p.Hits) + cap(p.People) + cap(p.Held)
	}
	return n
}

// lines counts the lines that are not written yet.
func (b *Batch) lines() (n int) {
	for i := range b.Parts {
		p := &b.Parts[i]
		n += bytes.Count(p.Lines[p.written:], newline) + bytes.Count(p.Held, newline)
	}
	return n
}

var newline = []byte{'\n'}
