package pseudonym

import (
	"bytes"
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Networks is a set of networks.
type Networks struct{ ranges []addrRange }

// addrRange is a range of addresses, both ends included.
type addrRange struct{ from, to Addr }

// ParseNetworks parses comma-separated lists of networks and addresses, such as
// "10.0.0.0/8,2001:db8::/32,192.0.2.1".
func ParseNetworks(lists ...string) (*Networks, error) {
	var ranges []addrRange
	for _, list := range lists {
		for text := range strings.SplitSeq(list, ",") {
			r, err := parseNetwork(strings.TrimSpace(text))
			if err != nil {
				return nil, err
			}
			ranges = append(ranges, r)
		}
	}
	slices.SortFunc(ranges, func(a, b addrRange) int {
		return cmp.Or(compareAddr(a.from, b.from), compareAddr(b.to, a.to))
	})
	n := &Networks{}
	for _, r := range ranges {
		if !n.Has(r.to) { // of two overlapping networks, one contains the other
			n.ranges = append(n.ranges, r)
		}
	}
	return n, nil
}

func parseNetwork(text string) (r addrRange, err error) {
	net, err := netip.ParsePrefix(text)
	if a, badAddr := netip.ParseAddr(text); badAddr == nil && a.Zone() == "" {
		net, err = netip.PrefixFrom(a, a.BitLen()), nil
	}
	if err != nil {
		return r, fmt.Errorf("%q is not a network; hint: give some as 10.0.0.0/8,2001:db8::/32", text)
	}
	r.from = net.Addr().As16()
	r.to = r.from
	for bit := 128 - net.Addr().BitLen() + net.Bits(); bit < 128; bit++ {
		r.from[bit/8] &^= 0x80 >> (bit % 8)
		r.to[bit/8] |= 0x80 >> (bit % 8)
	}
	return r, nil
}

// Has reports whether a is in one of the networks.
func (n *Networks) Has(a Addr) bool {
	i, found := slices.BinarySearchFunc(n.ranges, a, func(r addrRange, a Addr) int { return compareAddr(r.from, a) })
	return found || i > 0 && compareAddr(a, n.ranges[i-1].to) <= 0
}

func compareAddr(a, b Addr) int { return bytes.Compare(a[:], b[:]) }
