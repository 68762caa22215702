package filter

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"hushpipe/format"
)

// What a slot holds is told by all bytes and by the kind; a text that takes a
// slot over is the only one there.
func TestCleanTexts(t *testing.T) {
	c := newCleanTexts()
	known := func(kind format.Kind, text string) bool {
		s, sum := c.slot(kind, []byte(text))
		return s != nil && s.holds(sum, []byte(text))
	}
	put := func(kind format.Kind, text string) {
		s, sum := c.slot(kind, []byte(text))
		s.put(sum, []byte(text))
	}
	require.False(t, known(format.URL, "https://example.org/"))
	put(format.URL, "https://example.org/")
	require.True(t, known(format.URL, "https://example.org/"))
	require.False(t, known(format.UserAgent, "https://example.org/"), "another kind is treated otherwise")

	s, sum := c.slot(format.URL, []byte("https://example.org/"))
	require.False(t, s.holds(sum, []byte("https://example.com/")), "an equal hash is not enough")

	for _, kind := range []format.Kind{format.Plain, format.Client, format.ClientList, format.Forwarded} {
		s, _ := c.slot(kind, []byte("client.example.org"))
		require.Nil(t, s, "clients are never remembered")
	}
	s, _ = c.slot(format.URL, bytes.Repeat([]byte{'a'}, cleanLen+1))
	require.Nil(t, s)
	put(format.URL, string(bytes.Repeat([]byte{'a'}, cleanLen)))
	require.True(t, known(format.URL, string(bytes.Repeat([]byte{'a'}, cleanLen))))
}

// What is known of a request's room holds for equal targets only.
func TestCleanRooms(t *testing.T) {
	c := newCleanTexts()
	text := []byte("GET /http-bind?room=a HTTP/1.1")
	s, sum := c.slot(format.Request, text)
	s.put(sum, text)
	hash := &[20]byte{1, 2, 3}
	known := func(target string) (*[20]byte, bool) { return s.roomIn([]byte(target)) }

	_, ok := known("/http-bind?room=a")
	require.False(t, ok)
	s.putRoom([]byte("/http-bind?room=b"), hash)
	_, ok = known("/http-bind?room=b")
	require.False(t, ok, "a target from elsewhere is not noted")

	s.putRoom([]byte("/http-bind?room=a"), hash)
	got, ok := known("/http-bind?room=a")
	require.True(t, ok)
	require.Equal(t, hash, got)
	_, ok = known("/http-bind?room=")
	require.False(t, ok)

	s.putRoom([]byte("/http-bind?room=a"), nil)
	got, ok = known("/http-bind?room=a")
	require.True(t, ok)
	require.Nil(t, got)

	s.put(sum, text)
	_, ok = known("/http-bind?room=a")
	require.False(t, ok, "a new text is unknown again")
}
