package guardtest

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"hushpipe/filter/treatment"
	"hushpipe/format"
)

// DecodedOnce decodes each escape from left to right, as one decoder does.
func DecodedOnce(s string) string {
	return anyEscape.ReplaceAllStringFunc(s, func(e string) string {
		c, _ := strconv.ParseUint(e[len(e)-2:], 16, 8)
		return string([]byte{byte(c)})
	})
}

var anyEscape = regexp.MustCompile(`%[0-9A-Fa-f]{2}|\\u00[0-9A-Fa-f]{2}`)

// Survives reports whether out is line with "-" in place of some of what may be replaced, and
// with all other bytes as they were. What may be replaced is estimated generously: clients, the
// values of redacted parameters, and stretches of the bytes of addresses and escapes with two
// separators. mayGo marks further bytes of line that may go, by position, and is changed; nil
// marks none.
func Survives(line, out string, fields []format.Field, mayGo []bool) bool {
	if mayGo == nil {
		mayGo = make([]bool, len(line)+1)
	}
	mayBeEmpty, mayBeQuoted := make([]bool, len(line)+1), make([]bool, len(line)+1)
	for _, f := range fields {
		text := line[f.Start:f.End]
		switch f.Kind {
		case format.Plain:
			continue
		case format.Client, format.ClientList, format.Forwarded:
			for i := range len(text) {
				mayGo[f.Start+i] = f.Kind != format.ClientList || text[i] != ','
			}
			mayBeQuoted[f.Start], mayBeQuoted[f.End] = f.Bare, f.Bare
			if f.Kind != format.Forwarded {
				continue
			}
		}
		for _, span := range addressBytes.FindAllStringIndex(text, -1) {
			if len(strings.Trim(text[span[0]:span[1]], "0123456789abcdefABCDEFux")) == 0 {
				continue
			}
			for i := span[0]; i < span[1]; i++ {
				mayGo[f.Start+i] = true
			}
		}
		for _, span := range dashedBytes.FindAllStringIndex(text, -1) {
			joins := strings.Count(text[span[0]:span[1]], "-") + strings.Count(text[span[0]:span[1]], "%") + strings.Count(text[span[0]:span[1]], `\`)
			for i := span[0]; i < span[1] && joins >= 3; i++ {
				mayGo[f.Start+i] = true
			}
		}
		if f.Kind == format.Text || f.Kind == format.UserAgent {
			continue
		}
		for i := range len(text) {
			if n := hostBehind(text, i, f.Kind == format.Request); n > 0 {
				for k := i - n; k < i; k++ {
					mayGo[f.Start+k] = true
				}
			}
			if c := text[i] | 0x20; text[i] != '=' && c != 'd' || !secretName.MatchString(decodedFully(text[:i+1])) {
				continue // no '=' and not the end of %3D
			}
			mayBeEmpty[f.Start+i+1] = true
			end := len(text)
			if n := strings.IndexByte(text[i+1:], '&'); n >= 0 && !quoted.MatchString(text[i+1:]) {
				end = i + 1 + n
			}
			for k := i + 1; k < end; k++ {
				mayGo[f.Start+k] = true
			}
		}
	}
	at := []int{0} // offsets in line that out[:k] may correspond to
	for k := 0; k < len(out) && len(at) > 0; k++ {
		var next []int
		for _, i := range at {
			if i < len(line) && line[i] == out[k] {
				next = append(next, i+1)
			}
			if mayBeQuoted[i] && out[k] == '"' {
				next = append(next, i)
			}
			if out[k] != '-' {
				continue
			}
			if mayBeEmpty[i] {
				next = append(next, i)
			}
			for j := i; j < len(line) && mayGo[j]; j++ {
				next = append(next, j+1)
			}
		}
		slices.Sort(next)
		at = slices.Compact(next)
	}
	return slices.Contains(at, len(line))
}

var (
	quoted       = regexp.MustCompile(`^\\*["']`)
	dashedBytes  = regexp.MustCompile(`[0-9A-Fa-fu%\\-]{7,}`)
	addressBytes = regexp.MustCompile(`[0-9A-Fa-fux.:%\\]{2,}`)
	secretName   = regexp.MustCompile(`(?i)(?:^|[^a-z0-9]|\\.)(?:` + strings.ReplaceAll(treatment.DefaultRedact, ",", "|") + `)(?:[][][^=]*)?=$`)
)

// hostBehind returns how many bytes before text[i], an @ or its escape, may be a user; 0 for
// none.
func hostBehind(text string, i int, request bool) int {
	if !strings.ContainsRune(`@%\`, rune(text[i])) || decodedFully(text[i:min(len(text), i+20)])[0] != '@' {
		return 0
	}
	for k := range i {
		if k > 0 && !strings.ContainsRune("/Ff ", rune(text[k-1])) {
			continue
		}
		if twoSlashesEnd.MatchString(decodedFully(text[:k])) || request && (k == 0 || text[k-1] == ' ') {
			return i - k
		}
	}
	return 0
}

var twoSlashesEnd = regexp.MustCompile(`//$|\\/\\?/$|/\\/$`)

func decodedFully(s string) string {
	for next := DecodedOnce(s); next != s; next = DecodedOnce(s) {
		s = next
	}
	return s
}
