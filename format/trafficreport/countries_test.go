package trafficreport_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

// TestCountryNames: countries.txt has the names of golang.org/x/text. UPDATE=1 writes it.
func TestCountryNames(t *testing.T) {
	var want []byte
	for first := 'A'; first <= 'Z'; first++ {
		for second := 'A'; second <= 'Z'; second++ {
			code := string([]rune{first, second})
			region, err := language.ParseRegion(code)
			if err != nil || !region.IsCountry() || region.String() != code || region.Canonicalize() != region {
				continue
			}
			names := make([]string, 3)
			for i, tag := range []language.Tag{language.English, language.German, language.MustParse("nb")} {
				names[i] = display.Regions(tag).Name(region)
			}
			if names[0] == "" { // it is gone
				continue
			}
			want = fmt.Appendf(want, "%s\t%s\t%s\t%s\n", code, names[0], names[1], names[2])
		}
	}
	const path = "countries.txt"
	if os.Getenv("UPDATE") != "" {
		require.NoError(t, os.WriteFile(path, want, 0o644))
	}
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(text))
}
