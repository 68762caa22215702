package store

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hushpipe/filter/dir"
	"hushpipe/filter/need"
	"hushpipe/format/civil"
)

// maxJournals is how many files of journals a process has open at most.
const maxJournals = 64

// maxPending is how many bytes of records wait for the journals at most.
const maxPending = 64 << 20

// held returns how many days a part of the Store has in memory, by the name of its map:
// what is not shown outside, and must not grow.
func held(part any, name string) int { return reflect.ValueOf(part).Elem().FieldByName(name).Len() }

// hasKey reports whether the key of a day is in memory.
func hasKey(s *Store, day civil.Day) bool {
	return reflect.ValueOf(s.keys).Elem().FieldByName("keys").MapIndex(reflect.ValueOf(day)).IsValid()
}

// pending returns how many bytes of records wait for the journals, and how many their
// buffers take.
func pending(s *Store) (length, capacity int) {
	for _, j := range reflect.ValueOf(s.journals).Elem().FieldByName("own").Seq2() {
		records := j.Elem().FieldByName("pending")
		length, capacity = length+records.Len(), capacity+records.Cap()
	}
	return length, capacity
}

// openJournals returns how many files of journals this process has open.
func openJournals(t *testing.T, b *bed) (n int) {
	fds, err := os.ReadDir("/proc/self/fd")
	need.That(t, err == nil, "this system has no /proc")
	for _, fd := range fds {
		path, _ := os.Readlink("/proc/self/fd/" + fd.Name())
		if strings.HasPrefix(path, b.path(dir.Journal)+"/") {
			n++
		}
	}
	require.Positive(t, n)
	return n
}
