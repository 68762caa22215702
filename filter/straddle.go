package filter

import "hushpipe/format"

// straddles reports whether an address stands over the border of two or more
// fields, so that none of them holds it by itself: the sign of a line read with
// a wrong format, as 2001:db8::1 under %v:%p. Fields of clients are replaced
// whole and take no part, and neither does an address inside one field.
func straddles(line []byte, fields []format.Field) bool {
	for i := 1; i < len(fields); i++ {
		if !joined(line, &fields[i-1], &fields[i]) {
			continue
		}
		_, from := openEnds(line, &fields[i-1])
		parts := 0 // fields with bytes in line[from:], not counting literals
		if from < fields[i-1].End {
			parts++
		}
		for {
			f := &fields[i]
			head, tail := openEnds(line, f)
			if head > f.Start {
				parts++
			}
			more := i+1 < len(fields) && joined(line, f, &fields[i+1])
			if head < f.End || !more {
				if parts >= 2 && holdsAddr(line[from:head]) {
					return true
				}
				from, parts = tail, 0
				if tail < f.End {
					parts++
				}
			}
			if !more {
				break
			}
			i++
		}
	}
	return false
}

// joined reports whether a run can go on from one field into the next.
func joined(line []byte, l, r *format.Field) bool {
	for _, c := range line[l.End:r.Start] {
		if class[c]&(inHex|inSep) == 0 {
			return false
		}
	}
	return !isClient(l.Kind) && !isClient(r.Kind)
}

func isClient(k format.Kind) bool {
	return k == format.Client || k == format.ClientList || k == format.Forwarded
}

// openEnds returns where the run at the beginning of a field ends and where the
// one at its end begins, both without the addresses in them. Of a field that is
// one run with no address these are the field's end and start.
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
