package ratchet

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/format/civil"
)

var today = civil.NewDay(2026, 11, 22)

func TestStateGoesForward(t *testing.T) {
	chain := Chain{New(today)}
	seen := map[[32]byte]bool{}
	for day := today; day < today+20; day++ {
		straight, err := chain.At(day)
		require.NoError(t, err)
		assert.Equal(t, day, straight.Day)
		for _, secret := range [][32]byte{straight.Secret, straight.Key()} {
			assert.False(t, seen[secret], "each is another")
			seen[secret] = true
		}
		before, err := chain.At(max(today, day-1)) // in steps
		require.NoError(t, err)
		inSteps, err := Chain{before}.At(day)
		require.NoError(t, err)
		assert.Equal(t, straight, inSteps)
	}
	_, err := chain.At(today - 1)
	assert.EqualError(t, err, "2026-11-21: the fleet's keys are for later days; hint: set the clock, or invite this host anew")
	_, err = Chain{}.At(today)
	assert.ErrorIs(t, err, errPast)
}

func TestChain(t *testing.T) {
	old, anew := New(today), New(today+3)
	chain := Chain{old, anew}
	for day, want := range map[civil.Day]State{today: old, today + 2: old.advanceTo(today + 2), today + 3: anew, today + 9: anew.advanceTo(today + 9)} {
		got, err := chain.At(day)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	assert.Equal(t, Chain{old.advanceTo(today + 1), anew}, chain.From(today+1))
	assert.Equal(t, Chain{anew}, chain.From(today+3))
	assert.Equal(t, Chain{anew}, Chain{anew}.From(today), "it begins later")
	assert.NotEqual(t, old.advanceTo(today+3).Key(), anew.Key(), "who has the old state has no key of the new one")
}

// TestStateIsKnown: other versions have to make the same keys. HKDF-Expand of 32 bytes
// is HMAC(secret, purpose || 01), RFC 5869:
//
//	printf 'hushpipe-fleet-key\1' | openssl dgst -sha256 -mac HMAC -macopt hexkey:01000…
func TestStateIsKnown(t *testing.T) {
	s := State{Day: today, Secret: [32]byte{1}}
	key, next := s.Key(), s.advanceTo(today+1).Secret
	assert.Equal(t, "acbab27e1b6cb313bd52942a54c0c34e061211e5bdc8afda6d3df4f6528e3f61", hex.EncodeToString(key[:]))
	assert.Equal(t, "6019e3df9441c4f4f26b158c2ee43a0de20da72623f6ff0da9485903bc20c03f", hex.EncodeToString(next[:]))
}
