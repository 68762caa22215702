package pseudonym

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

type kind uint8

const (
	ipcrypt kind = iota
	pfx
	mask
	drop
	keep
	proving // only for NewProof
)

// Mode is how addresses are replaced. The zero Mode is ipcrypt.
type Mode struct {
	kind         kind
	bits4, bits6 uint8 // of mask: the number of leading bits kept
}

// defaultMask drops the last octet of IPv4, and keeps the /48 of IPv6 that a site is
// assigned (RFC 6177), as is common in web analytics.
var defaultMask = Mode{kind: mask, bits4: 24, bits6: 48}

var errMode = errors.New("unknown address mode; hint: choose ipcrypt, pfx, mask (the same as mask=24/48), " +
	"mask=BITS4/BITS6 (0-32 and 0-128 bits kept), drop or keep")

// ParseMode parses the output of String, and "mask" for mask=24/48.
func ParseMode(s string) (Mode, error) {
	switch s {
	case "ipcrypt":
		return Mode{kind: ipcrypt}, nil
	case "pfx":
		return Mode{kind: pfx}, nil
	case "mask":
		return defaultMask, nil
	case "drop":
		return Mode{kind: drop}, nil
	case "keep":
		return Mode{kind: keep}, nil
	}
	kept, ok := strings.CutPrefix(s, "mask=")
	if !ok {
		return Mode{}, errMode
	}
	s4, s6, _ := strings.Cut(kept, "/")
	bits4, err4 := strconv.ParseUint(s4, 10, 8)
	bits6, err6 := strconv.ParseUint(s6, 10, 8)
	if err4 != nil || err6 != nil || bits4 > 32 || bits6 > 128 {
		return Mode{}, errMode
	}
	return Mode{kind: mask, bits4: uint8(bits4), bits6: uint8(bits6)}, nil
}

// String returns the mode in the syntax of ParseMode, with the bits of a mask.
func (m Mode) String() string {
	if m.kind == mask {
		return fmt.Sprintf("mask=%d/%d", m.bits4, m.bits6)
	}
	return [...]string{ipcrypt: "ipcrypt", pfx: "pfx", drop: "drop", keep: "keep", proving: "proving"}[m.kind]
}

// InClear reports whether the mode leaves whole addresses, of IPv4 or of IPv6.
func (m Mode) InClear() bool {
	return m.kind == keep || m.kind == mask && (m.bits4 == 32 || m.bits6 == 128)
}

// Reversible reports whether Reveal can return the address behind a pseudonym.
func (m Mode) Reversible() bool { return m.kind == ipcrypt || m.kind == pfx }

// Remainder returns the part of an address that still tells people apart: for mask its first
// bits, for drop the zero Addr, otherwise all of it.
func (m Mode) Remainder(a Addr) Addr {
	switch {
	case m.kind == drop:
		return Addr{}
	case m.kind != mask:
		return a
	case a.Is4():
		return a.prefix(96 + int(m.bits4))
	}
	return a.prefix(int(m.bits6))
}
