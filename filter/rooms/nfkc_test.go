package rooms

import (
	"crypto/sha1"
	"encoding/json"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"

	"hushpipe/filter/need"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
)

// manyMarks are texts with more than 30 combining marks in a row, and what
// s.normalize("NFKC") makes of them in Node.js 20.
var manyMarks = []struct{ text, want string }{
	{"a" + strings.Repeat("\u0301", 31), "\u00e1" + strings.Repeat("\u0301", 30)},
	{"a" + strings.Repeat("\u0301", 40) + "b", "\u00e1" + strings.Repeat("\u0301", 39) + "b"},
	{"a" + strings.Repeat("\u0301", 40) + "\u0323", "\u1ea1" + strings.Repeat("\u0301", 40)},
	{"e" + strings.Repeat("\u0323\u0302", 20), "\u1ec7" + strings.Repeat("\u0323", 19) + strings.Repeat("\u0302", 19)},
	{strings.Repeat("\u0301\u0316", 20), strings.Repeat("\u0316", 20) + strings.Repeat("\u0301", 20)},
	{"\ufb03" + strings.Repeat("\u0308", 33), "ff\u00ef" + strings.Repeat("\u0308", 32)},
	{"a\u034f" + strings.Repeat("\u0301", 31), "a\u034f" + strings.Repeat("\u0301", 31)},
	{strings.Repeat("\u0344", 17), strings.Repeat("\u0308\u0301", 17)},
	{"\u1100\u1161\u11a8" + strings.Repeat("\u0301", 31), "\uac01" + strings.Repeat("\u0301", 31)},
}

func TestManyMarks(t *testing.T) {
	for _, tt := range manyMarks {
		assert.Equal(t, tt.want, string(appendNFKC(nil, []byte(tt.text))), "%+q", tt.text)
		assert.Equal(t, "\xff"+tt.want+"\xc3", string(appendNFKC(nil, []byte("\xff"+tt.text+"\xc3"))), "not UTF-8 around %+q", tt.text)
	}
	h := NewHasher(nil)
	a, b := Match{Room: []byte("A" + strings.Repeat("%CC%81", 31))}, Match{Room: []byte("%C3%A1" + strings.Repeat("%CC%81", 30))}
	sum := sha1.Sum([]byte(manyMarks[0].want))
	assert.Equal(t, sum, *h.Sum(&a))
	assert.Equal(t, sum, *h.Sum(&b))
	assert.Equal(t, sum, *h.Sum(&Match{Room: []byte("\u00e1" + strings.Repeat("\u0301", 30)), KeepCase: true}))
}

// TestJavaScript holds names against what a browser makes of them, by Node.js.
func TestJavaScript(t *testing.T) {
	node := need.Program(t, "node", "nodejs")
	letters := []rune("aeoAEÅçfiﬁ가각각אבかがｶﾞ①Ω①क़ड़ΐ\u0344\u0301\u0301\u0301\u0308\u0302\u0303\u0323\u0323\u0316\u0327\u0328\u0338\u0345\u034f\u0340\u0341\u0343\u0360\u0591\u05bc\u3099\u309a\u093c\u0f71\u0f72\u0f73")
	random := rand.New(rand.NewPCG(1, 2))
	var texts []string
	for _, tt := range manyMarks {
		texts = append(texts, tt.text)
	}
	for range 5000 {
		text := make([]rune, random.IntN(70))
		from := random.IntN(len(letters)) // with only marks, often
		for i := range text {
			text[i] = letters[from+random.IntN(len(letters)-from)]
		}
		texts = append(texts, string(text))
	}
	input, err := json.Marshal(texts)
	require.NoError(t, err)
	cmd := exec.Command(node, "-e", `const fs = require("fs");
		process.stdout.write(JSON.stringify(JSON.parse(fs.readFileSync(0, "utf8")).map(s => s.normalize("NFKC"))))`)
	cmd.Stdin = strings.NewReader(string(input))
	output, err := cmd.Output()
	require.NoError(t, err)
	var want []string
	require.NoError(t, json.Unmarshal(output, &want))
	require.Len(t, want, len(texts))
	for i, text := range texts {
		require.Equal(t, want[i], string(appendNFKC(nil, []byte(text))), "%+q", text)
	}
}

// FuzzNFKC holds the definition against package norm, where that inserts nothing.
// Behind bytes that are not UTF-8 norm leaves some characters as they are.
func FuzzNFKC(f *testing.F) {
	for _, tt := range manyMarks {
		f.Add(tt.text)
		f.Add(tt.text[:20])
	}
	for _, s := range []string{"bär", "ﬃ", "\xff\xc3", "\u0958\u093c", "\u1100\u1161\u11a8", "\uac00\u11a8", "\u0f71\u0f72", "\u212b\u0323"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want := norm.NFKC.String(s)
		if !utf8.ValidString(s) || strings.Count(want, norm.GraphemeJoiner) != strings.Count(s, norm.GraphemeJoiner) {
			t.Skip("norm.NFKC differs here: it inserts joiners, and goes on otherwise behind what is not UTF-8")
		}
		require.Equal(t, want, string(appendPlainNFKC(nil, []byte(s))))
	})
}
