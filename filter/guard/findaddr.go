package guard

import "hushpipe/filter/pseudonym"

// found is the address run[start:end]; end is 0 for none. If exact is false, an address is in
// run[start:end], but nothing marks where it begins or ends.
type found struct {
	start, end int
	addr       pseudonym.Addr
	exact      bool
}

// findAddr returns the first address of a run of hexadecimal digits, dots and
// colons.
func findAddr(run []byte) found {
	start, end := 0, len(run)
	for start < end && run[start] == '.' || start+1 < end && run[start] == ':' && run[start+1] != ':' {
		start++
	}
	for start < end && run[end-1] == '.' || start < end-1 && run[end-1] == ':' && run[end-2] != ':' {
		end--
	}
	dots, colons, double := 0, 0, false
	for i, c := range run[start:end] {
		switch c {
		case '.':
			dots++
		case ':':
			colons++
			double = double || i > 0 && run[start+i-1] == ':'
		}
	}
	// Only colons, or too few separators, as in a time of day.
	if colons == end-start || dots < 3 && colons < 7 && !double {
		return found{}
	}
	if a, ok := pseudonym.ParseAddr(run[start:end]); ok {
		return found{start, end, a, true}
	}
	// An IPv6 address with something beside it. Its last two groups may be dotted.
	if colons >= 7 || colons == 6 && dots >= 3 || double {
		return found{start, end, pseudonym.Addr{}, false}
	}
	return findDotted(run, start, end)
}

// nextAddr returns the next address of a run, after one that ends at from. It is a dotted quad,
// since an IPv6 address takes up its whole run.
func nextAddr(run []byte, from int) found {
	return findDotted(run, from, len(run))
}

// findDotted returns the first dotted quad in run[start:end], which holds no IPv6 address. It
// tries each stretch of digits and dots.
func findDotted(run []byte, start, end int) found {
	for i := start; i < end; i++ {
		if class[run[i]]&inDigit == 0 {
			continue
		}
		from := i
		for i < end && (class[run[i]]&inDigit != 0 || run[i] == '.') {
			i++
		}
		to := i
		for run[to-1] == '.' {
			to--
		}
		if a, ok := pseudonym.ParseAddr(run[from:to]); ok {
			return found{from, to, a, true}
		}
		if hasQuad(run[from:to]) {
			return found{from, to, pseudonym.Addr{}, false}
		}
	}
	return found{}
}

// hasQuad reports whether four numbers in a row of dotted ones could be an address. The row as
// a whole is none: it has too many numbers, leading zeros, or digits glued to its ends.
func hasQuad(row []byte) bool {
	groups, n, val := 0, 0, 0
	for i := 0; i <= len(row); i++ {
		if i < len(row) && row[i] != '.' {
			n++
			val = min(val*10+int(row[i]-'0'), 1<<16)
			continue
		}
		switch {
		case n == 0:
			groups = 0
		case n <= 3 && val <= 255:
			groups++
		case groups >= 3:
			return true // 1.2.3.4567 may be 1.2.3.45 and more
		default:
			groups = 1 // the last digits of a longer number can begin a quad
		}
		if groups >= 4 {
			return true
		}
		n, val = 0, 0
	}
	return false
}
