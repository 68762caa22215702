// Package treatment implements the treatments of fields in a policy: shortening, rounding,
// hashing or dropping them. It appends, and does not allocate. Values that it cannot parse
// become "-".
package treatment

import (
	"bytes"
	"strconv"
	"strings"

	"hushpipe/format"
	"hushpipe/format/policy"
)

// Hasher computes keyed hashes of values. During a day, equal names and values have equal
// hashes.
type Hasher interface {
	AppendHash(dst []byte, name string, value []byte) []byte
}

// Treatment is the treatment of one field. The zero Treatment drops it.
type Treatment struct {
	policy.Treatment
	name   string   // of the field, an input of its hash
	params []string // for OnlyParams, in lower case
	do     func(t *Treatment, h Hasher, dst, v []byte) []byte
}

// New returns the Treatment of a field.
func New(field string, p policy.Treatment) *Treatment {
	t := &Treatment{Treatment: p, name: field, do: kinds[p.Kind]}
	for _, name := range p.Params {
		t.params = append(t.params, strings.ToLower(name))
	}
	return t
}

// kinds has a function for each treatment. Those of client addresses are in package
// pseudonym, and are never requested here.
var kinds = [...]func(t *Treatment, h Hasher, dst, v []byte) []byte{
	policy.Whole:      func(_ *Treatment, _ Hasher, dst, v []byte) []byte { return append(dst, v...) },
	policy.Words:      (*Treatment).appendWords,
	policy.Hash:       (*Treatment).appendHash,
	policy.Hour:       (*Treatment).appendHour,
	policy.Midnight:   (*Treatment).appendMidnight,
	policy.Path:       (*Treatment).appendPath,
	policy.Site:       (*Treatment).appendSite,
	policy.OnlyParams: (*Treatment).appendOnly,
	policy.Round:      (*Treatment).appendRound,
}

// IsWhole reports whether the field is unchanged.
func (t *Treatment) IsWhole() bool { return t != nil && t.Kind == policy.Whole }

// AppendTo appends the rest of a value. "-", which means no value, stays.
func (t *Treatment) AppendTo(dst, v []byte, h Hasher) []byte {
	if t == nil || t.do == nil || len(v) == 0 || len(v) == 1 && v[0] == '-' {
		return append(dst, '-')
	}
	return t.do(t, h, dst, v)
}

// AppendRequest appends a request line with its method, treated target and protocol, or a
// treated target alone. It appends "-" for anything else.
func (t *Treatment) AppendRequest(dst, v []byte, h Hasher) []byte {
	if t.IsWhole() {
		return append(dst, v...)
	}
	method, target, protocol, ok := format.SplitRequest(v)
	if t == nil || t.do == nil || !ok {
		return append(dst, '-')
	}
	start := len(dst)
	if len(method) > 0 {
		dst = append(append(dst, method...), ' ')
	}
	at := len(dst)
	if string(method) != "CONNECT" {
		dst = t.do(t, h, dst, target)
	} else if isHostPort(target) {
		dst = append(dst, target...)
	}
	if left := dst[at:]; len(left) == 0 || string(left) == "-" {
		return append(dst[:start], '-')
	}
	if len(protocol) > 0 {
		dst = append(append(dst, ' '), protocol...)
	}
	return dst
}

func (t *Treatment) appendWords(_ Hasher, dst, v []byte) []byte {
	end, words := 0, 0
	for end < len(v) {
		for end < len(v) && v[end] == ' ' {
			end++
		}
		if end == len(v) || words == t.N {
			break
		}
		for words++; end < len(v) && v[end] != ' '; {
			end++
		}
	}
	if v = bytes.Trim(v[:end], " "); len(v) == 0 {
		return append(dst, '-')
	}
	return append(dst, v...)
}

func (t *Treatment) appendHash(h Hasher, dst, v []byte) []byte { return h.AppendHash(dst, t.name, v) }

// appendRound rounds a number up to a multiple of N.
func (t *Treatment) appendRound(_ Hasher, dst, v []byte) []byte {
	const most = 1_000_000_000_000_000
	n, i := int64(0), 0
	for ; i < len(v) && v[i]-'0' <= 9 && n < most; i++ {
		n = 10*n + int64(v[i]-'0')
	}
	if i > 0 && i < len(v) && v[i] == '.' { // fractional seconds
		more := false
		for i++; i < len(v) && v[i]-'0' <= 9; i++ {
			more = more || v[i] != '0'
		}
		if more {
			n++
		}
	}
	if i == 0 || i < len(v) {
		return append(dst, '-')
	}
	step := int64(t.N)
	return strconv.AppendInt(dst, (n+step-1)/step*step, 10)
}
