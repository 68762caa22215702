package rooms

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

func name(raw string) string {
	b, ok := NewHasher(nil).appendName(nil, []byte(raw), &Match{})
	if !ok {
		return "too long"
	}
	return string(b)
}

func TestNames(t *testing.T) {
	tests := []struct{ what, raw, want string }{
		{"lower case", "PetersKonferenz", "peterskonferenz"},
		{"as it is", "team-1_2.3~", "team-1_2.3~"},
		{"encoded", "b%C3%A4r", "bär"},
		{"encoded in lower case", "b%c3%a4r", "bär"},
		{"encoded twice", "b%25c3%25a4r", "bär"},
		{"encoded three times", "b%2525c3%2525a4r", "bär"},
		{"encoded four times", "b%252525c3%252525a4r", "b%c3%a4r"},
		{"an encoded letter", "%50eters", "peters"},
		{"an encoded slash", "a%2Fb", "a/b"},
		{"a percent sign", "100%", "100%"},
		{"percent and no digits", "%zz%4%%41", "%zz%4%a"},
		{"percent signs that decoding makes", "%%34%31", "a"},
		{"plus is no space", "a+b", "a+b"},
		{"space", "a%20b", "a b"},
		{"NUL", "a%00b", "a\x00b"},

		{"bytes as they are", "B\xc3\x84R", "bär"},
		{"a backslash is no escape", `a\\b\x41\"\n\`, `a\\b\x41\"\n\`},
		{"nor is an encoded one", "%5Cx41", `\x41`},

		{"ligature", "o%EF%AC%83ce", "office"},
		{"full width", "Ｔｅａｍ", "team"},
		{"combining mark", "ba\u0308r", "bär"},
		{"decomposed capital", "BA\u0308R", "bär"},
		{"Kelvin sign", "\u212a", "k"},
		{"dotted I, as in JavaScript", "İstanbul", "i\u0307stanbul"},
		{"final sigma, as in JavaScript", "ΟΔΟΣ", "οδος"},
		{"sharp s stays", "Straße", "straße"},
		{"Cyrillic", "КОМНАТА", "комната"},
		{"composes in lower case only", "J\u030cx", "j\u030cx"},
		{"no UTF-8", "A\xff\xfe%C3B", "a\xff\xfe\xc3b"},
		{"cut UTF-8", "Ab%E2%82", "ab\xe2\x82"},

		{"as long as can be, encoded", strings.Repeat("%41", maxName), strings.Repeat("a", maxName)},
		{"longer", strings.Repeat("a", maxName+1), "too long"},
		{"as long as can be, no ASCII", strings.Repeat("Ж", 127), strings.Repeat("ж", 127)},
		{"longer, no ASCII", strings.Repeat("Ж", 128), "too long"},
		{"shorter when decomposed", strings.Repeat("Ａ", 255), strings.Repeat("a", 255)},
		{"longer when decomposed", strings.Repeat("ä", 86), "too long"},
		{"eighteen characters each", strings.Repeat("%EF%B7%BA", 7), strings.Repeat("صلى الله عليه وسلم", 7)},
		{"longer, in few bytes", strings.Repeat("%EF%B7%BA", 8), "too long"},
		{"longer, no UTF-8", strings.Repeat("\xff", 256), "too long"},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			assert.Equal(t, tt.want, name(tt.raw))
		})
	}
}

func TestNameKeepsCase(t *testing.T) {
	caseKept := func(raw string) string {
		b, ok := NewHasher(nil).appendName(nil, []byte(raw), &Match{KeepCase: true})
		require.True(t, ok)
		return string(b)
	}
	assert.Equal(t, "Team", caseKept("%54eam"))
	assert.Equal(t, "Bär", caseKept("Ba%cc%88r"))
}

// TestSum: the hashes come from printf %s NAME | sha1sum, and from
// printf %s NAME | openssl dgst -sha1 -hmac secret.
func TestSum(t *testing.T) {
	plain, keyed := NewHasher(nil), NewHasher([]byte("secret"))
	for range 2 { // worked out, and remembered
		for _, tt := range []struct {
			h    *Hasher
			m    Match
			want string
		}{
			{plain, Match{Room: []byte("PetersKonferenz")}, "f60790df948cb424ba892979dada8baff53f4a1d"},
			{plain, Match{Room: []byte("peterskonferenz")}, "f60790df948cb424ba892979dada8baff53f4a1d"},
			{plain, Match{Room: []byte("PetersKonferenz"), KeepCase: true}, "af2fcdc1b1bf532612297260eb095ffbad598438"},
			{plain, Match{Tenant: []byte("Team"), Room: []byte("PetersKonferenz")}, "016a2afaf4cd607cd6a4a4b7e80afc14f4460364"},
			{plain, Match{Room: []byte("team/peterskonferenz")}, "016a2afaf4cd607cd6a4a4b7e80afc14f4460364"},
			{plain, Match{Room: []byte("b%25c3%25a4r")}, "faac730169a8dbe13a8bcc565db062d86aae4dd4"},
			{plain, Match{Room: []byte("%C4%B0stanbul")}, "4e4700bf003146a4ca136615707d15cd27efe038"},
			{keyed, Match{Room: []byte("B%C3%84R")}, "495b8466916acf107a0be3e4675afa2ec9e8c7f5"},
		} {
			sum := tt.h.Sum(&tt.m)
			assert.Equal(t, tt.want, hex.EncodeToString(sum[:]), string(tt.m.Room))
		}
	}
}

func TestSumOfManySpellings(t *testing.T) {
	h := NewHasher(nil)
	for i := range 3 * maxSpellings {
		m := Match{Room: fmt.Appendf(nil, "Room%d", i%(2*maxSpellings)), KeepCase: i%3 == 0}
		if i%5 == 0 {
			m.Tenant = []byte("Acme")
		}
		require.Equal(t, *NewHasher(nil).Sum(&m), *h.Sum(&m))
		require.LessOrEqual(t, len(h.known), maxSpellings)
	}
	long := Match{Room: bytes.Repeat([]byte("%41"), maxName)}
	before := len(h.known)
	require.Equal(t, sha1.Sum(bytes.Repeat([]byte("a"), maxName)), *h.Sum(&long))
	tooLong := Match{Room: bytes.Repeat([]byte("%41"), 1<<20)}
	require.Equal(t, TooLong, *h.Sum(&tooLong))
	assert.Len(t, h.known, before, "a long name is not remembered")
	assert.Zero(t, cap(h.name)+cap(h.spelling)+cap(h.folded), "its memory is given back")
}

func TestSumDoesNotAllocate(t *testing.T) {
	h := NewHasher(nil)
	m := Match{Tenant: []byte("Team"), Room: []byte("Peters%4Bonferenz")}
	var sum [20]byte
	assert.Zero(t, testing.AllocsPerRun(100, func() { sum = *h.Sum(&m) }))
	assert.Equal(t, "016a2afaf4cd607cd6a4a4b7e80afc14f4460364", hex.EncodeToString(sum[:]))
}

func percentEncode(s string) string {
	var b strings.Builder
	for i, c := range []byte(s) {
		if c < ' ' || c >= 0x7f || strings.IndexByte(` "%\?#&/`, c) >= 0 || i%3 == 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

var percent = regexp.MustCompile("%[0-9A-Fa-f]{2}")

// FuzzName holds the decoding against a regular expression, a name against its
// encoded spellings, and the normalising against its definition. It need not
// stay in NFKC, since lower-casing can undo that; where it does, it is its own
// name.
func FuzzName(f *testing.F) {
	for _, s := range []string{"PetersKonferenz", "bär", "ﬃ", "İ", "\xff\xc3", `a"\b`, "%41", "%%34%31", "ΑΣ\u0301", "\u0345Ａ\u0301", "A" + strings.Repeat("\u0301", 40), strings.Repeat("Ａ", 255)} {
		f.Add(s)
	}
	paths, err := filepath.Glob("../../testdata/*/*.log")
	require.NoError(f, err)
	require.NotEmpty(f, paths)
	for _, path := range paths {
		log, err := os.Open(path)
		require.NoError(f, err)
		scan := bufio.NewScanner(io.LimitReader(log, 20000))
		for scan.Scan() {
			f.Add(scan.Text())
		}
		require.NoError(f, log.Close())
	}
	f.Fuzz(func(t *testing.T, s string) {
		decoded := s
		for range 3 {
			decoded = percent.ReplaceAllStringFunc(decoded, func(hh string) string {
				c, _ := strconv.ParseUint(hh[1:], 16, 8)
				return string([]byte{byte(c)})
			})
		}
		got := name(s)
		if got == "too long" {
			require.Greater(t, len(norm.NFKD.String(decoded)), maxDecomposed)
			if isASCII([]byte(decoded)) {
				require.Greater(t, len(decoded), maxName)
			}
			return
		}
		require.LessOrEqual(t, len(decoded), maxName)
		normal := norm.NFKC.String(decoded)
		if strings.Count(normal, norm.GraphemeJoiner) != strings.Count(decoded, norm.GraphemeJoiner) {
			normal = string(appendPlainNFKC(nil, []byte(decoded))) // see FuzzNFKC
		}
		require.Equal(t, cases.Lower(language.Und).String(normal), got)

		if !strings.Contains(s, "%") {
			require.Equal(t, got, name(percentEncode(s)))
			require.Equal(t, got, name(percentEncode(percentEncode(s))))
		}
		if !strings.Contains(got, "%") && norm.NFKC.IsNormalString(got) {
			require.Equal(t, got, name(got))
		}
	})
}

// go test ./filter/rooms -run '^$' -bench Sum
func BenchmarkSum(b *testing.B) {
	for _, rooms := range []int{1, 2000, 100000} {
		b.Run(fmt.Sprintf("rooms=%d", rooms), func(b *testing.B) {
			h := NewHasher(nil)
			ms := make([]Match, rooms)
			for i := range ms {
				ms[i].Room = fmt.Appendf(nil, "Peters%%20Konferenz%d", i)
			}
			require.Equal(b, sha1.Sum([]byte("peters konferenz0")), *h.Sum(&ms[0]))
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				h.Sum(&ms[i])
				if i++; i == rooms {
					i = 0
				}
			}
		})
	}
}

// TestDroppedCharacters: the name of a page is that of the room that its client enters.
func TestDroppedCharacters(t *testing.T) {
	m, err := NewMatcher([]string{"jitsi", "jitsi-pages"}, nil)
	require.NoError(t, err)
	h := NewHasher(nil)
	for target, want := range map[string]string{
		"/Team!Meeting":                      "teammeeting",
		"/Team%21Meeting":                    "team!meeting", // it is left out before it is decoded
		`/a:b[c]@d$e&f'g(h)i*j+k,l;m=n>o<p"`: "abcdefghijklmnop",
		"/ac+me/Team!":                       "acme/team",
		"/tenant/room2":                      "tenant/room2",
		"/xmpp-websocket?room=teammeeting":   "teammeeting",
		"/xmpp-websocket?room=team!meeting":  "team!meeting", // what its client has sent
	} {
		var found Match
		require.True(t, m.Match([]byte(target), 200, &found), target)
		for range 2 {
			assert.Equal(t, sha1.Sum([]byte(want)), *h.Sum(&found), target)
		}
	}
}
