package policy

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Field is a field of a stream's lines and its treatment.
type Field struct {
	Name      string // one of FieldNames or, with Other, a directive, %{X}i, or a JSON key
	Other     bool   // listed in the table other
	Treatment Treatment
}

// Kind is a kind of Treatment.
type Kind uint8

const (
	Drop       Kind = iota // "-"
	Whole                  // unchanged
	Ipcrypt                // ipcrypt-deterministic
	Pfx                    // ipcrypt-pfx
	Mask                   // the first Bits4 or Bits6 bits
	OnlyNets               // unchanged in Nets, dropped elsewhere
	Words                  // the first N words
	Hash                   // HMAC with the key of the day
	Hour                   // minutes and seconds become 00
	Midnight               // only the day
	Path                   // without the query
	Site                   // without path and query
	OnlyParams             // the query has only the parameters Params, by name in any case
	Round                  // up to a multiple of N
)

// Treatment describes how a field is changed: a Kind and its arguments.
type Treatment struct {
	Kind         Kind
	N            int // for Words and Round, ≥ 1
	Bits4, Bits6 int // for Mask: the length of the prefix that is kept
	Nets         []netip.Prefix
	Params       []string
}

// The treatments allowed for each field, in the file's syntax: "N", "NETS", "PARAMS" and "V4/V6"
// represent the argument.
var treatments = []struct {
	fields string
	allow  []string
}{
	{"client", []string{"ipcrypt", "pfx", "mask", "mask=V4/V6", "only=NETS", "drop", "keep"}},
	{"user", []string{"keep", "words=N", "hash", "drop"}},
	{"time", []string{"keep", "hour", "day"}},
	{"url", []string{"keep", "path", "site", "only=PARAMS", "drop"}},
	{"referer", []string{"keep", "path", "site", "drop"}},
	{"size duration", []string{"keep", "round=N", "drop"}},
	{"status agent host event level module message", []string{"keep", "drop"}},
}

// FieldNames are the names of fields. level, module and message are those of an error log.
var FieldNames = []string{"client", "user", "time", "url", "status", "size", "duration", "referer", "agent", "host", "event", "level", "module", "message"}

// allowed returns the treatments allowed for a field, nil for an unknown field.
func allowed(field string) []string {
	for _, t := range treatments {
		if slices.Contains(strings.Fields(t.fields), field) {
			return t.allow
		}
	}
	return nil
}

// parseTreatment parses the treatment of a field.
func parseTreatment(field, text string) (Treatment, error) {
	word, value, given := strings.Cut(text, "=")
	form := ""
	for _, a := range allowed(field) {
		name, argument, takes := strings.Cut(a, "=")
		if name == word && takes == given {
			form = argument
			if !given {
				form = word
			}
			break
		}
	}
	var t Treatment
	switch form {
	case "":
		return t, fmt.Errorf("%q is not a treatment of %s", text, field)
	case "N":
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > maxNumber || value != strconv.Itoa(n) {
			return t, fmt.Errorf("%q has no number; hint: give a whole one from 1 to %d, as in %s=2", text, maxNumber, word)
		}
		t.N = n
		t.Kind = Words
		if word == "round" {
			t.Kind = Round
		}
	case "V4/V6":
		v4, v6, _ := strings.Cut(value, "/")
		b4, err4 := strconv.ParseUint(v4, 10, 8)
		b6, err6 := strconv.ParseUint(v6, 10, 8)
		if err4 != nil || err6 != nil || b4 > 32 || b6 > 128 {
			return t, fmt.Errorf("%q is not a mask; hint: give the bits that are kept of IPv4 (0 to 32) and IPv6 (0 to 128), as in mask=24/48", text)
		}
		t = Treatment{Kind: Mask, Bits4: int(b4), Bits6: int(b6)}
	case "NETS":
		t.Kind = OnlyNets
		for s := range strings.SplitSeq(value, ",") {
			net, err := parseNetwork(strings.TrimSpace(s))
			if err != nil {
				return t, err
			}
			t.Nets = append(t.Nets, net)
		}
	case "PARAMS":
		t.Kind = OnlyParams
		for s := range strings.SplitSeq(value, ",") {
			s = strings.TrimSpace(s)
			if s == "" || strings.ContainsAny(s, "=&?#/ ") {
				return t, fmt.Errorf("%q is not a parameter name; hint: give names, separated by commas, as in only=q,s", s)
			}
			t.Params = append(t.Params, s)
		}
	case "mask":
		t = Treatment{Kind: Mask, Bits4: 24, Bits6: 48}
	default:
		t.Kind = map[string]Kind{"ipcrypt": Ipcrypt, "pfx": Pfx, "drop": Drop, "keep": Whole, "hash": Hash,
			"hour": Hour, "day": Midnight, "path": Path, "site": Site}[form]
	}
	return t, nil
}

// maxNumber is the largest argument of a treatment, far below where sums overflow.
const maxNumber = 1_000_000_000

// String returns the treatment in the file's syntax.
func (t Treatment) String() string {
	switch t.Kind {
	case Mask:
		return fmt.Sprintf("mask=%d/%d", t.Bits4, t.Bits6)
	case OnlyNets:
		var list []string
		for _, n := range t.Nets {
			list = append(list, n.String())
		}
		return "only=" + strings.Join(list, ",")
	case Words:
		return "words=" + strconv.Itoa(t.N)
	case OnlyParams:
		return "only=" + strings.Join(t.Params, ",")
	case Round:
		return "round=" + strconv.Itoa(t.N)
	}
	return [...]string{Drop: "drop", Whole: "keep", Ipcrypt: "ipcrypt", Pfx: "pfx", Hash: "hash",
		Hour: "hour", Midnight: "day", Path: "path", Site: "site"}[t.Kind]
}

// Merges reports whether two different people may look alike after the treatment.
func (t Treatment) Merges() bool {
	switch t.Kind {
	case Drop, Mask, OnlyNets, Words:
		return true
	}
	return false
}

var errNetwork = errors.New("not a network; hint: give one as 10.0.0.0/8, 2001:db8::/32 or 192.0.2.1")

// parseNetwork parses a network, or an address as a network of its own.
func parseNetwork(text string) (netip.Prefix, error) {
	net, err := netip.ParsePrefix(text)
	if a, badAddr := netip.ParseAddr(text); badAddr == nil && a.Zone() == "" {
		net, err = netip.PrefixFrom(a, a.BitLen()), nil
	}
	switch {
	case err != nil:
		return net, fmt.Errorf("%q is %w", text, errNetwork)
	case net.Masked() != net:
		return net, fmt.Errorf("%q has bits behind its length; hint: write %s", text, net.Masked())
	}
	return plain4(net), nil
}

// plain4 returns a network of IPv4-mapped addresses (::ffff:0:0/96) as one of IPv4.
func plain4(net netip.Prefix) netip.Prefix {
	if net.Addr().Is4In6() && net.Bits() >= 96 {
		return netip.PrefixFrom(net.Addr().Unmap(), net.Bits()-96)
	}
	return net
}
