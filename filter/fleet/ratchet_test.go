package fleet

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestState(t *testing.T) {
	s := State{Day: today, Secret: [32]byte{1}}
	seen := map[[32]byte]bool{}
	for day := today; day < today+20; day++ {
		straight, err := s.At(day)
		require.NoError(t, err)
		assert.Equal(t, day, straight.Day)
		for _, key := range [][32]byte{straight.Secret, straight.Alone(), straight.derive("hushpipe-fleet-wrap")} {
			assert.False(t, seen[key], "each is another")
			seen[key] = true
		}
		before, err := s.At(max(today, day-1)) // in steps
		require.NoError(t, err)
		inSteps, err := before.At(day)
		require.NoError(t, err)
		assert.Equal(t, straight, inSteps)
	}
	_, err := s.At(today - 1)
	assert.EqualError(t, err, "the state of 2026-11-22: is of a later day; hint: invite this host anew")
	_, err = s.At(today + mostSteps + 1)
	assert.EqualError(t, err, "the state of 2026-11-22 is older than 400 days; hint: set the clock, or invite this host anew")
}

// TestStateIsKnown: other versions have to make the same keys. HKDF-Expand of 32 bytes
// is HMAC(secret, purpose || 01), RFC 5869:
//
//	printf 'hushpipe-fleet-alone\1' | openssl dgst -sha256 -mac HMAC -macopt hexkey:01000…
func TestStateIsKnown(t *testing.T) {
	key := State{Day: today, Secret: [32]byte{1}}.Alone()
	assert.Equal(t, "f34d77aefbb120e0a2f56f935b4975c107fcfe88ea930116ba807491edfee323", hex.EncodeToString(key[:]))
}

func TestSeal(t *testing.T) {
	s := State{Day: today, Secret: [32]byte{1}}
	key := [32]byte{7}
	sealed := s.Seal("hp:meet:key:2026-11-22", key)
	got, err := s.Unseal("hp:meet:key:2026-11-22", sealed)
	require.NoError(t, err)
	assert.Equal(t, key, got)
	assert.NotEqual(t, sealed, s.Seal("hp:meet:key:2026-11-22", key))

	next, err := s.At(today + 1)
	require.NoError(t, err)
	flipped := append([]byte{}, sealed...)
	flipped[20] ^= 1
	for name, tt := range map[string]struct {
		s      State
		entry  string
		sealed []byte
	}{
		"another day's state":  {next, "hp:meet:key:2026-11-22", sealed},
		"another fleet's":      {State{today, [32]byte{2}}, "hp:meet:key:2026-11-22", sealed},
		"moved to another day": {s, "hp:meet:key:2026-11-23", sealed},
		"flipped":              {s, "hp:meet:key:2026-11-22", flipped},
		"short":                {s, "hp:meet:key:2026-11-22", sealed[:40]},
		"long":                 {s, "hp:meet:key:2026-11-22", append(sealed, 0)},
		"empty":                {s, "hp:meet:key:2026-11-22", nil},
		"no key":               {s, "hp:meet:key:2026-11-22", s.Seal("hp:meet:key:2026-11-22", [32]byte{})},
	} {
		_, err := tt.s.Unseal(tt.entry, tt.sealed)
		assert.ErrorIs(t, err, errSealed, name)
	}
}
