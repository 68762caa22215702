package guard

import (
	"hushpipe/filter/pseudonym"
	"hushpipe/format"
)

// bounds are what the pseudonyms in one line may cost, whatever a client wrote
// into it: a line of n bytes becomes one of at most 2n+LineGrowth, and the time
// that it takes grows with n. Past them an address or a name is struck out, and behind
// the last of many, all of the text that it is in.
//
// The pseudonym of the client who is counted costs nothing here: it is there in
// every line.
type bounds struct {
	growth  int // by how many bytes the line may still become longer
	clients int // the same, for client fields before all others
	work    int // how much may still be worked out, as Cost and NameCost count it
	found   int // how many addresses of texts may still get pseudonyms
	strikes int // how many may then be struck out one by one
}

// LineGrowth is by how many bytes a line may become longer than twice its length:
// by two quotes and the longest pseudonym in the place of one byte, for the
// client who is counted, and by textGrowth and clientGrowth.
const (
	LineGrowth   = 2 + maxPseudonym - 1 + textGrowth + clientGrowth
	textGrowth   = 32
	clientGrowth = 56 // two addresses more for lines as short as can be
	maxPseudonym = len("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
)

// lineWork is what may be worked out for a short line, in blocks of AES: two or
// three IPv6 addresses under pfx.
const lineWork = 512

// maxFound is how many addresses in the texts of a line get pseudonyms.
const maxFound = 128

// maxStrikes is how many addresses are struck out one by one: enough that what a server
// writes stays legible, and few enough that a client gains nothing by more.
const maxStrikes = 32

// MaxName is the length of the longest name that gets a pseudonym, but for that of the
// client who is counted: host names have no more (RFC 1035, section 2.3.4).
const MaxName = 255

// struck replaces what is struck out.
const struck = "-"

// Begin begins a line of n bytes. In a malformed one, which is not known, all that it has
// is text.
func (g *Guard) Begin(n int, known bool) { g.bounds.set(n, known) }

func (b *bounds) set(n int, known bool) {
	b.growth, b.clients, b.work = n+textGrowth, clientGrowth, n/4+lineWork
	b.found, b.strikes = maxFound, maxStrikes
	if !known {
		b.growth, b.clients = n+LineGrowth, 0
	}
}

// IsUnused reports whether no pseudonym, and nothing struck out, stands in a known line of
// n bytes, but for the client who is counted.
func (g *Guard) IsUnused(n int) bool {
	var unused bounds
	unused.set(n, true)
	return g.bounds == unused
}

// affords reports whether a pseudonym may replace width bytes.
func (b *bounds) affords(width int) bool { return b.growth >= maxPseudonym-width && b.work > 0 }

// spent reports whether the rest of a text is struck out with the address before it.
func (b *bounds) spent() bool { return b.strikes <= 0 }

// Spares reports whether a pseudonym may replace a client who is not
// counted, and takes what it needs.
func (g *Guard) Spares(f *format.Field) bool {
	width := f.End - f.Start
	need := max(maxPseudonym-width, maxPseudonym/2) // the first clients are few
	if f.Bare {
		need, width = need+2, width-2
	}
	if need <= g.clients {
		g.clients -= need
		return true
	}
	if !g.affords(width) || width > MaxName {
		return false
	}
	g.growth -= max(maxPseudonym-width, 0)
	g.work -= max(g.Cipher.Cost(pseudonym.Addr{}), pseudonym.NameCost(width)) // whatever it is
	return true
}

// appendStruck appends what replaces a text that is struck out.
func appendStruck(dst, text []byte) []byte { return append(dst, struck[:min(len(text), 1)]...) }

// AppendStruck appends what replaces a client who is struck out.
// That of a JSON number is one, as two quotes more would be longer.
func AppendStruck(dst []byte, f *format.Field) []byte {
	switch {
	case f.Bare:
		return append(dst, '0')
	case f.Start == f.End:
		return dst
	}
	return append(dst, struck...)
}
