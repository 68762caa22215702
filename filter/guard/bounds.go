package guard

import (
	"hushpipe/filter/pseudonym"
	"hushpipe/format"
)

// bounds limit the cost of the pseudonyms in one line, whatever a client wrote into it: a line
// of n bytes becomes at most 2n+LineGrowth bytes, in time proportional to n. Past the bounds an
// address or a name is struck out; after maxStrikes of them, so is the rest of the text.
//
// The pseudonym of the counted client is exempt, since every line has one.
type bounds struct {
	growth  int // bytes by which the line may still grow
	clients int // the same, reserved for client fields
	work    int // AES blocks that may still be computed, as Cost and NameCost count them
	found   int // addresses in texts that may still get pseudonyms
	strikes int // addresses that may then be struck out one by one
}

// LineGrowth is how many bytes a line may grow beyond twice its length: two quotes and the
// longest pseudonym in place of one byte, for the counted client, plus textGrowth and
// clientGrowth.
const (
	LineGrowth   = 2 + maxPseudonym - 1 + textGrowth + clientGrowth
	textGrowth   = 32
	clientGrowth = 56 // two more addresses, in the shortest lines
	maxPseudonym = len("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
)

// lineWork is how many AES blocks may be computed for a short line: enough for two or three
// IPv6 addresses under pfx.
const lineWork = 512

// maxFound is how many addresses in the texts of a line get pseudonyms.
const maxFound = 128

// maxStrikes is how many addresses past the bounds are struck out one by one. It keeps what a
// server writes legible, and bounds the time.
const maxStrikes = 32

// MaxName is the length in bytes of the longest name that gets a pseudonym, unless it is the
// counted client: no host name is longer (RFC 1035, section 2.3.4).
const MaxName = 255

// struck replaces whatever is struck out.
const struck = "-"

// Begin begins a line of n bytes, and resets the bounds. known is false for a malformed line,
// which has no fields.
func (g *Guard) Begin(n int, known bool) { g.bounds.set(n, known) }

func (b *bounds) set(n int, known bool) {
	b.growth, b.clients, b.work = n+textGrowth, clientGrowth, n/4+lineWork
	b.found, b.strikes = maxFound, maxStrikes
	if !known {
		b.growth, b.clients = n+LineGrowth, 0
	}
}

// IsUnused reports whether nothing but the counted client was replaced in the known line of n
// bytes since Begin.
func (g *Guard) IsUnused(n int) bool {
	var unused bounds
	unused.set(n, true)
	return g.bounds == unused
}

// affords reports whether a pseudonym may replace width bytes.
func (b *bounds) affords(width int) bool { return b.growth >= maxPseudonym-width && b.work > 0 }

// spent reports whether the rest of a text is to be struck out.
func (b *bounds) spent() bool { return b.strikes <= 0 }

// Spares reports whether a pseudonym may replace a client who is not counted. If so, it takes
// the cost off the bounds.
func (g *Guard) Spares(f *format.Field) bool {
	width := f.End - f.Start
	need := max(maxPseudonym-width, maxPseudonym/2) // the first few clients
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
	g.work -= max(g.Cipher.Cost(pseudonym.Addr{}), pseudonym.NameCost(width)) // an address or a name
	return true
}

// appendStruck appends what replaces a text that is struck out: "-", or nothing for "".
func appendStruck(dst, text []byte) []byte { return append(dst, struck[:min(len(text), 1)]...) }

// AppendStruck appends what replaces a client who is struck out: "-", or 0 for a number of
// JSON, which quotes would lengthen.
func AppendStruck(dst []byte, f *format.Field) []byte {
	switch {
	case f.Bare:
		return append(dst, '0')
	case f.Start == f.End:
		return dst
	}
	return append(dst, struck...)
}
