package pseudonym

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseMode(t *testing.T) {
	for _, test := range []struct {
		in, canonical string
		reversible    bool
	}{
		{"ipcrypt", "ipcrypt", true},
		{"pfx", "pfx", true},
		{"mask", "mask=24/48", false},
		{"mask=20/44", "mask=20/44", false},
		{"mask=0/0", "mask=0/0", false},
		{"mask=32/128", "mask=32/128", false},
		{"mask=020/044", "mask=20/44", false},
		{"drop", "drop", false},
		{"keep", "keep", false},
	} {
		m, err := ParseMode(test.in)
		require.NoError(t, err, test.in)
		assert.Equal(t, test.canonical, m.String())
		assert.Equal(t, test.reversible, m.Reversible(), test.in)
		again, err := ParseMode(m.String())
		require.NoError(t, err)
		assert.Equal(t, m, again)
	}
}

func TestParseModeRefuses(t *testing.T) {
	for _, in := range []string{
		"", "IPCRYPT", "none", "mask=", "mask=24", "mask=/48", "mask=24/", "mask=33/48", "mask=24/129", "mask=-1/48",
		"mask=+24/48", "mask=24/48/56", "mask= 24/48", "mask=280/48", "keep=1", "drop ",
	} {
		_, err := ParseMode(in)
		assert.EqualError(t, err, "unknown address mode; hint: choose ipcrypt, pfx, mask (the same as mask=24/48), "+
			"mask=BITS4/BITS6 (0-32 and 0-128 bits kept), drop or keep", in)
	}
}

func TestZeroModeIsIpcrypt(t *testing.T) {
	require.Equal(t, "ipcrypt", Mode{}.String())
}
