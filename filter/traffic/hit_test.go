package traffic

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"hushpipe/format"
)

// TestSizeIn: eight digits at once are the same number as one by one.
func TestSizeIn(t *testing.T) {
	texts := []string{"-", "0", "00", "00000000", "000000001", "99999999", "100000000", "17592186044417", "99999999999999999999"}
	for n := range 20_000 {
		texts = append(texts, strconv.Itoa(n*n))
	}
	for _, text := range texts {
		for _, before := range []string{"", "200 ", strings.Repeat("9", 20) + " "} {
			line := []byte(fmt.Sprintf(`%s%s "-"`, before, text))
			assert.Equal(t, number([]byte(text)), sizeIn(line, format.Span{Start: len(before), End: len(before) + len(text)}), "%s", line)
		}
	}
}
