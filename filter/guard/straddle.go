package guard

import (
	"bytes"

	"hushpipe/format"
)

// Straddles reports whether an address extends over two or more fields, so that none of them
// holds it alone. That happens if a line was read with a wrong format, such as 2001:db8::1
// under %v:%p. Client fields do not count, as they are replaced whole, nor does an address
// within one field.
//
// An address with escapes also straddles if one field holds it alone, since a reader that
// decodes it differently may see it end elsewhere.
func Straddles(line []byte, fields []format.Field) bool {
	for i := 1; i < len(fields); i++ {
		if !joined(line, &fields[i-1], &fields[i]) {
			continue
		}
		if escapedOver(line[fields[i-1].Start:fields[i].End], fields[i-1].End-fields[i-1].Start) {
			return true
		}
		_, from := openEnds(line, &fields[i-1])
		// How many fields are part of the run line[from:], and how many of its separators are
		// theirs. Literals between the fields do not count.
		parts, seps := contribution(line[from:fields[i-1].End])
		for {
			f := &fields[i]
			head, tail := openEnds(line, f)
			n, m := contribution(line[f.Start:head])
			parts, seps = parts+n, seps+m
			more := i+1 < len(fields) && joined(line, f, &fields[i+1])
			if head < f.End || !more {
				if (parts >= 2 || seps >= 2) && holdsAddr(line[from:head]) {
					return true
				}
				from = tail
				parts, seps = contribution(line[tail:f.End])
			}
			if !more {
				break
			}
			if escapedOver(line[f.Start:fields[i+1].End], f.End-f.Start) {
				return true
			}
			i++
		}
	}
	return false
}

// escapedOver reports whether a run with escapes extends over the border of two fields, at
// text[border], and holds an address.
func escapedOver(text []byte, border int) bool {
	if bytes.IndexByte(text, '%') < 0 && bytes.IndexByte(text, '\\') < 0 {
		return false
	}
	var run [256]byte // of a longer run, the first bytes
	for i := 0; i < len(text) && i <= border; {
		start, n, escapes := i, 0, false
		for i < len(text) {
			c, width := unescape(text[i:])
			if class[c]&(inHex|inSep) == 0 {
				if start == i {
					i += width
				}
				break
			}
			if n < len(run) {
				run[n] = c
				n++
			}
			escapes = escapes || width > 1
			i += width
		}
		if escapes && start < border && i > border && holdsAddr(run[:n]) {
			return true
		}
	}
	return false
}

// contribution returns how many fields, 0 or 1, and how many separators part adds to a run.
func contribution(part []byte) (parts, seps int) {
	for _, c := range part {
		parts = 1
		if class[c]&inSep != 0 {
			seps++
		}
	}
	return parts, seps
}

// joined reports whether a run can continue from one field into the next.
func joined(line []byte, l, r *format.Field) bool {
	for _, c := range line[l.End:r.Start] {
		if class[c]&(inHex|inSep) == 0 {
			return false
		}
	}
	return !isClient(l.Kind) && !isClient(r.Kind)
}

// isClient reports whether a field is replaced whole. Of a Forwarded field, only parts are.
func isClient(k format.Kind) bool { return k == format.Client || k == format.ClientList }

// openEnds returns where the run at the beginning of a field ends and where the run at its end
// begins, without the addresses in them. If the field is one run with no address, these are the
// field's end and start.
func openEnds(line []byte, f *format.Field) (head, tail int) {
	head, tail = f.Start, f.End
	for head < f.End && class[line[head]]&(inHex|inSep) != 0 {
		head++
	}
	for tail > f.Start && class[line[tail-1]]&(inHex|inSep) != 0 {
		tail--
	}
	if holdsAddr(line[f.Start:head]) {
		head = f.Start + findAddr(line[f.Start:head]).start
	}
	if run := line[tail:f.End]; holdsAddr(run) {
		last := findAddr(run)
		for a := last; a.end > 0; a = nextAddr(run, a.end) {
			last = a
		}
		tail += last.end
	}
	return head, tail
}

func holdsAddr(run []byte) bool {
	return nextStop(run, 0, stopRun) < len(run) && findAddr(run).end > 0
}
