// Package roomfile implements the daily room file: one line COUNT SHA1(ROOM) for each room,
// sorted by hash, kept for good.
//
//	56 374935dec0d3632a284e67bb45036fd1a0591724
//	5 d8dd82b4a3161d0eac8543b4867c2758533643b5
//
// COUNT is the number of different addresses that used the room on that day, decimal, at least
// 1; the hash is 40 lower-case hex digits. An empty file is a day without rooms. The format is
// that of published archives: it has no header and no place for one.
package roomfile

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// Entry is one line. The entries of a file are sorted by hash, each hash once.
type Entry struct {
	Hash  [20]byte
	Count uint64
}

// Append appends the lines of entries.
func Append(dst []byte, entries []Entry) []byte {
	for i := range entries {
		dst = strconv.AppendUint(dst, entries[i].Count, 10)
		dst = append(dst, ' ')
		dst = hex.AppendEncode(dst, entries[i].Hash[:])
		dst = append(dst, '\n')
	}
	return dst
}

// LineError describes what is wrong with a line, without quoting it.
type LineError struct {
	Line   int // from 1
	Reason string
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// maxLineErrors bounds the error for a file of another kind.
const maxLineErrors = 10

// Parse parses a room file. It accepts a carriage return before a newline, a missing last
// newline, and lines in any order. For each other flaw the error holds a *LineError, for up to
// ten, and the entries are those of the intact lines; of two with one hash, the larger count
// remains.
func Parse(b []byte) ([]Entry, error) { return ParseUpTo(b, math.MaxUint64) }

// ParseUpTo is Parse for files from untrusted sources, in which a count above most is another
// flaw.
func ParseUpTo(b []byte, most uint64) ([]Entry, error) {
	type numbered struct {
		Entry
		line int
	}
	var (
		read []numbered
		errs []error
		more int
	)
	fail := func(line int, reason string) {
		if len(errs) == maxLineErrors {
			more++
			return
		}
		errs = append(errs, &LineError{line, reason})
	}
	for n := 1; len(b) > 0; n++ {
		var line []byte
		line, b, _ = bytes.Cut(b, []byte("\n"))
		e, reason := parseLine(bytes.TrimSuffix(line, []byte("\r")))
		if reason == "" && e.Count > most {
			reason = "the count is beyond " + strconv.FormatUint(most, 10)
		}
		if reason != "" {
			fail(n, reason)
			continue
		}
		read = append(read, numbered{e, n})
	}
	// Equal hashes by line, so that the error names the second.
	slices.SortFunc(read, func(a, b numbered) int {
		return cmp.Or(bytes.Compare(a.Hash[:], b.Hash[:]), a.line-b.line)
	})
	var entries []Entry
	for _, r := range read {
		if last := len(entries) - 1; last >= 0 && entries[last].Hash == r.Hash {
			fail(r.line, "a hash that stood before")
			entries[last].Count = max(entries[last].Count, r.Count)
			continue
		}
		entries = append(entries, r.Entry)
	}
	if more > 0 {
		errs = append(errs, fmt.Errorf("and %d more", more))
	}
	return entries, errors.Join(errs...)
}

// parseLine returns the line's entry, or what is wrong with it.
func parseLine(line []byte) (e Entry, reason string) {
	count, hash, ok := bytes.Cut(line, []byte(" "))
	if !ok {
		return e, "not COUNT HASH"
	}
	// ParseUint accepts 007; the file has one spelling for each number.
	if len(count) == 0 || count[0] < '1' || count[0] > '9' {
		return e, "the count is not a positive number"
	}
	n, err := strconv.ParseUint(string(count), 10, 64)
	if err != nil {
		if errors.Is(err, strconv.ErrRange) {
			return e, "the count is beyond 64 bits"
		}
		return e, "the count is not a positive number"
	}
	if len(hash) != 2*len(e.Hash) {
		return e, "the hash has not 40 digits"
	}
	if _, err := hex.Decode(e.Hash[:], hash); err != nil || bytes.ContainsAny(hash, "ABCDEF") {
		return e, "the hash has other signs than 0-9 and a-f"
	}
	e.Count = n
	return e, ""
}

// Merge returns the entries of a and b, both sorted by hash, each hash with the larger of its
// counts, since a room file never shrinks.
func Merge(a, b []Entry) []Entry {
	out := make([]Entry, 0, max(len(a), len(b)))
	for len(a) > 0 && len(b) > 0 {
		switch c := bytes.Compare(a[0].Hash[:], b[0].Hash[:]); {
		case c < 0:
			out, a = append(out, a[0]), a[1:]
		case c > 0:
			out, b = append(out, b[0]), b[1:]
		default:
			out = append(out, Entry{a[0].Hash, max(a[0].Count, b[0].Count)})
			a, b = a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}
