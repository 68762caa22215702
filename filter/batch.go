package filter

import (
	"bytes"

	"hushpipe/filter/traffic"
	"hushpipe/format/civil"
)

// Batch is what one read of the input became. It is used again and again: its
// buffers keep their memory.
type Batch struct {
	Parts []Part // one for each day, or a single one

	// Of several streams the batch has one for each in place of Parts, nil where none of
	// its lines goes there.
	streams []*Batch

	seq  uint64 // tells one use from the next
	room int    // bytes that the lines may take
	held int    // its size, as the queue counts it

	// What it was made of is to be committed once it is written.
	source *commitTracker // nil: of no CommitReader
	number uint64         // of those that were put
	input  int            // bytes
}

// Part is a batch's share of one day.
type Part struct {
	Day     civil.Day
	Expired bool           // only of a Replay's worker: it has no lines
	Met     bool           // of an expired day, a line could be read
	KeyID   [8]byte        // of the key that lines and records were made under
	Lines   []byte         // whole lines
	Records []byte         // new pairs of room and address, for the journal
	Hits    []byte         // what its lines add to traffic figures, a record of package traffic; empty for none
	Digest  traffic.Digest // of the lines that Hits count
	People  []byte         // records of people of groups, for the journal of these
	Held    []byte         // lines of groups that may not be open, each behind its group

	hour    uint8 // of Day, from 1 on; 0: lines are of any
	written int   // bytes of Lines that are on the disk
	counted bool  // Records were taken
}

// Hour returns the hour of Day that the lines are of, where they go by the hour, else -1.
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

// hourPart returns the part for d's lines of an hour, by its dayRef. p is one of d's.
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
		p.Lines = make([]byte, 0, b.room) // growing to it step by step takes several times the memory
	}
}

// records returns a batch of b's records alone, nil where there are none.
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

// size is the memory that the batch holds, in bytes.
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
