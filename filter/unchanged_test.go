package filter

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"hushpipe/format"
)

// A text is recognised by all of its bytes and its kind, and only the latest texts are kept.
func TestUnchangedTexts(t *testing.T) {
	c := newUnchangedTexts(0)
	known := func(kind format.Kind, text string) bool {
		t, _ := c.find(kind, []byte(text))
		return t != nil
	}
	put := func(kind format.Kind, text string) { c.put(kind, []byte(text), textSum(kind, []byte(text))) }
	require.False(t, known(format.URL, "https://example.org/"))
	put(format.URL, "https://example.org/")
	require.True(t, known(format.URL, "https://example.org/"))
	require.False(t, known(format.UserAgent, "https://example.org/"), "another kind is treated otherwise")

	c.put(format.URL, []byte("https://example.org/b"), textSum(format.URL, []byte("https://example.org/a")))
	require.False(t, known(format.URL, "https://example.org/a"), "an equal hash is not enough")

	// The latest texts are known, except for a few whose two places are both taken by others;
	// older ones are not.
	count := func(host string) (n int) {
		for i := range unchangedMax {
			if known(format.URL, fmt.Sprintf("https://%s/%d", host, i)) {
				n++
			}
		}
		return n
	}
	for _, host := range []string{"example.com", "example.net"} {
		for i := range unchangedMax {
			put(format.URL, fmt.Sprintf("https://%s/%d", host, i))
		}
		require.Greater(t, count(host), unchangedMax*97/100)
		require.False(t, known(format.URL, "https://example.org/"))
	}
	require.Zero(t, count("example.com"))

	for _, kind := range []format.Kind{format.Plain, format.Client, format.ClientList, format.Forwarded} {
		require.Zero(t, textSum(kind, []byte("client.example.org")), "clients are never remembered")
	}
	require.Zero(t, textSum(format.URL, bytes.Repeat([]byte{'a'}, unchangedLen+1)))
	put(format.URL, string(bytes.Repeat([]byte{'a'}, unchangedLen)))
	require.True(t, known(format.URL, string(bytes.Repeat([]byte{'a'}, unchangedLen))))
}

// The cached room of a request holds only for equal targets.
func TestUnchangedRooms(t *testing.T) {
	c := newUnchangedTexts(0)
	text := []byte("GET /http-bind?room=a HTTP/1.1")
	s := c.put(format.Request, text, textSum(format.Request, text))
	hash := &[20]byte{1, 2, 3}
	known := func(target string) (*[20]byte, bool) { return s.roomIn([]byte(target)) }

	_, ok := known("/http-bind?room=a")
	require.False(t, ok)
	s.putRoom([]byte("/http-bind?room=b"), hash, false)
	_, ok = known("/http-bind?room=b")
	require.False(t, ok, "a target from elsewhere is not noted")

	s.putRoom([]byte("/http-bind?room=a"), hash, false)
	got, ok := known("/http-bind?room=a")
	require.True(t, ok)
	require.Equal(t, hash, got)
	_, ok = known("/http-bind?room=")
	require.False(t, ok)

	s.putRoom([]byte("/http-bind?room=a"), nil, false)
	got, ok = known("/http-bind?room=a")
	require.True(t, ok)
	require.Nil(t, got)

	s = c.put(format.Request, text, textSum(format.Request, text))
	_, ok = known("/http-bind?room=a")
	require.False(t, ok, "a new text is unknown again")
}
