package spelling_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"hushpipe/format/spelling"
)

func TestNearest(t *testing.T) {
	names := []string{"ip", "to", "by", "keep", "keys", "html", "lang", "format", "trusted-proxies"}
	for word, want := range map[string]string{
		"kep": "keep", "keeep": "keep", "key": "keys", "htm": "html", "hmtl": "html", "formta": "format",
		"KEEP": "keep", "trusted-prxies": "trusted-proxies", "trustd-proxys": "", "trusted-proxy": "",
		"i": "", "ipp": "", "xyz": "", "langage": "", strings.Repeat("keep", 1<<18): "",
	} {
		assert.Equal(t, want, spelling.Nearest(word, names), "%.20s", word)
	}
}
