package pseudonym

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

func testKey() *Key {
	var k Key
	for i := range k {
		k[i] = byte(0xa0 + i)
	}
	return &k
}

// The first block of HKDF-Expand is HMAC(PRK, info || 0x01): RFC 5869, section 2.3.
func expandReference(k *Key, label string) []byte {
	mac := hmac.New(sha256.New, k[:])
	mac.Write([]byte(label + "\x01"))
	return mac.Sum(nil)
}

func TestSubKeys(t *testing.T) {
	k := testKey()
	seen := map[string]bool{}
	for _, test := range []struct {
		label string
		size  int
	}{
		{"ipcrypt-deterministic", 16},
		{"ipcrypt-pfx", 32},
		{"hushpipe-name", 32},
		{"hushpipe-count", 16},
		{"hushpipe-key-id", 8},
	} {
		want := expandReference(k, test.label)[:test.size]
		require.Equal(t, want, k.expand(test.label, test.size), test.label)
		seen[string(want[:8])] = true
	}
	require.Len(t, seen, 5)
}

func TestKeyID(t *testing.T) {
	k := testKey()
	id := k.ID()
	require.Equal(t, expandReference(k, "hushpipe-key-id")[:8], id[:])
}

func TestKeyIsNotPrinted(t *testing.T) {
	k := testKey()
	// The digits of a time stamp could pass for a byte of the key.
	untimed := &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}
	inside := struct{ Key Key }{*k}
	for _, v := range []any{k, *k, inside, &inside, []Key{*k}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o"} {
			requireSecret(t, k, fmt.Sprintf(verb, v))
		}
		text, err := json.Marshal(v)
		require.NoError(t, err)
		requireSecret(t, k, string(text))
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, untimed)).Info("m", "key", v)
		slog.New(slog.NewJSONHandler(&log, untimed)).Info("m", "key", v)
		requireSecret(t, k, log.String())
	}
	require.Equal(t, "Key(secret)", k.String())
	require.Equal(t, "Key(secret)", fmt.Sprintf("%x", k))
	requireSecret(t, k, fmt.Sprintf("%+v", struct{ key *Key }{k}))
}

// requireSecret fails where text shows bytes of the key, in any base.
func requireSecret(t *testing.T, k *Key, text string) {
	t.Helper()
	for _, shown := range []string{
		string(k[:4]), hex.EncodeToString(k[:4]), fmt.Sprintf("%X", k[:4]), fmt.Sprintf("%d", k[3]),
		fmt.Sprintf("%o", k[3]), fmt.Sprintf("%#x", k[3]),
	} {
		require.NotContains(t, text, shown)
	}
}
