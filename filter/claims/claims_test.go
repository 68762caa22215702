package claims_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/claims"
	"hushpipe/filter/terms"
	"hushpipe/format/policy"
	"hushpipe/format/report"
	"hushpipe/format/statement"
)

var update = flag.Bool("update", false, "write the golden files anew")

func parse(t *testing.T, text string) *policy.Policy {
	t.Helper()
	p, mistakes := policy.Parse([]byte(text))
	require.Empty(t, mistakes, "%s\n%v", text, mistakes)
	return p
}

// kinds returns the kinds of the claims about a stream, in order.
func kinds(list []statement.Claim, stream string) string {
	var names []string
	for _, c := range list {
		if c.Of() == stream {
			names = append(names, c.Kind().String())
		}
	}
	return strings.Join(names, " ")
}

// TestKinds tests the claims about streams that keep lines, figures, both or nothing.
func TestKinds(t *testing.T) {
	list := claims.OfPolicy(parse(t, `
[[stream]]
name = "lines"
purpose = "a"
keep = "14d"
[[stream]]
name = "figures"
purpose = "b"
keep = "none"
rooms = "jitsi"
[[stream]]
name = "both"
purpose = "c"
keep = "1d"
fields = { time = "hour" }
rooms = "jitsi"
count = "full"
[[stream]]
name = "nothing"
purpose = "d"
keep = "none"
`))
	assert.Equal(t, "purpose basis lines fields addresses period keys disclosure recipients backups joining", kinds(list, "lines"))
	assert.Equal(t, "purpose basis lines figures keys backups", kinds(list, "figures"))
	assert.Equal(t, "purpose basis lines fields addresses period figures keys recipients backups", kinds(list, "both"))
	assert.Equal(t, "purpose basis nothing", kinds(list, "nothing"))
	assert.Equal(t, "notice notice notice notice notice notice notice running input rights", kinds(list, ""))
}

// TestProvable: each kind has a unique name, and is to be verified by people or by a program.
func TestProvable(t *testing.T) {
	var people, names []string
	for k := range statement.NumKinds {
		assert.NotContains(t, append(names, ""), k.String())
		names = append(names, k.String())
		if !k.Provable() {
			people = append(people, k.String())
		}
	}
	assert.Equal(t, []string{"notice", "purpose", "basis", "disclosure", "recipients", "rights"}, people)
}

// TestFields tests which fields of a line are written, by the fields of the stream and by the
// formats of input and output.
func TestFields(t *testing.T) {
	for _, test := range []struct{ input, fields, output, want string }{
		{"auto", `client = "ipcrypt", time = "keep", url = "keep"`, "", "client:ipcrypt time:keep url:keep method:keep"},
		{"auto", `url = "drop", size = "drop"`, "", "time:day"}, // the file's name has the day
		{"combined", `url = "path", event = "keep"`, "", "time:day url:path method:keep"},
		{"combined", `url = "path", event = "keep"`, "%{event}e %U", "time:day url:path event:keep"},
		{"combined", `url = "keep", agent = "keep"`, "%t %U", "time:day url:path"},
		{"combined", `url = "only=q,s", time = "hour"`, "%t %U%q", "time:hour url:only=q,s"},
		{"combined", `url = "keep"`, "%m", "time:day method:keep"},
		{`%h %t "%U" %{x}C`, `url = "keep", other = { "%{x}C" = "hash" }`, "", "time:day url:path %{x}C:hash"},
		{`%h %t %{x}C`, `client = "mask", other = { "%{x}C" = "hash" }`, "%h", "client:mask=24/48 time:day"},
	} {
		stream := "[[event]]\nname = \"x\"\nmethod = \"POST\"\n[[stream]]\nname = \"a\"\npurpose = \"b\"\nkeep = \"1d\"\nfields = { " + test.fields + " }\n"
		if test.output != "" {
			stream += "format = '" + test.output + "'\n"
		}
		var got []string
		for _, c := range claims.OfPolicy(parse(t, "format = '"+test.input+"'\n"+stream)) {
			if f, ok := c.(statement.Fields); ok {
				for _, field := range f.List {
					got = append(got, field.Name+":"+field.Treatment.String())
				}
			}
		}
		assert.Equal(t, test.want, strings.Join(got, " "), "%s, %s", test.fields, test.output)
	}
}

// TestExamples tests the notices of the policies in testdata.
func TestExamples(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.toml")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		p := parse(t, string(text))
		if len(terms.Check(p)) > 0 {
			continue
		}
		for _, lang := range []string{"de", "en", "nb"} {
			page := statement.New(claims.OfPolicy(p), language(t, lang), 0)
			var text, markdown bytes.Buffer
			require.NoError(t, page.Text(&text, 80))
			golden(t, strings.TrimSuffix(path, "toml")+lang+".txt", text.Bytes())
			require.NoError(t, page.Markdown(&markdown))
			golden(t, strings.TrimSuffix(path, "toml")+lang+".md", markdown.Bytes())
		}
	}
}

func language(t *testing.T, tag string) *report.Language {
	l, err := report.NewLanguage(tag)
	require.NoError(t, err)
	return l
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(file, got, 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "-update writes it")
	assert.Equal(t, string(want), string(got), file)
}

// TestCountedClients: the notice states which part of an address distinguishes clients.
func TestCountedClients(t *testing.T) {
	stream := func(keys string) string {
		if !strings.Contains(keys, "rooms") {
			keys += "\nrooms = 'jitsi'"
		}
		return aStream + keys
	}
	for _, tt := range []struct{ keys, en, de, nb string }{
		{"keep = '14d'\nfields = { client = 'mask' }", "used as follows: shortened to 24 bits, IPv6 to 48 (“192.0.2.0” for “192.0.2.115”); addresses that are equal after that count as one.",
			"so verwendet: gekürzt auf 24 Bit", "slik: forkortet til 24 bit"},
		{"keep = 'none'\nfields = { client = 'mask=20/44' }", "used as follows: shortened to 20 bits, IPv6 to 44", "so verwendet: gekürzt auf 20 Bit", "slik: forkortet til 20 bit"},
		{"keep = 'none'\nfields = { client = 'only=10.0.0.0/8' }", "used as follows: in full if it is in 10.0.0.0/8, else not at all;", "so verwendet: vollständig, wenn", "slik: fullstendig hvis"},
		{"keep = '14d'\nfields = { time = 'keep' }", "no IP address is used, so that each room that was used counts one.", "keine IP-Adresse verwendet", "ingen IP-adresse"},
		{"keep = '14d'\ncount = 'full'\nfields = { time = 'keep' }", "the whole IP address is used, although", "die ganze IP-Adresse", "hele IP-adressen"},
		{"keep = '14d'\nrooms = 'none'\ntraffic = true\nfields = { client = 'mask' }", "the whole IP address is used, although", "die ganze IP-Adresse", "hele IP-adressen"},
		{"keep = '14d'\ntraffic = true\nfields = { client = 'mask' }", "the whole IP address is used, although", "die ganze IP-Adresse", "hele IP-adressen"},
	} {
		for lang, want := range map[string]string{"en": tt.en, "de": tt.de, "nb": tt.nb} {
			text := strings.Join(strings.Fields(notice(t, stream(tt.keys), lang)), " ")
			assert.Contains(t, text, want, tt.keys)
		}
	}
	for _, keys := range []string{"keep = '14d'", "keep = '14d'\nfields = { client = 'ipcrypt' }", "keep = 'none'\ncount = 'full'\nfields = { client = 'mask' }"} {
		text := strings.Join(strings.Fields(notice(t, stream(keys), "en")), " ")
		assert.NotContains(t, text, "used as follows", keys)
		assert.NotContains(t, text, "no IP address is used", keys)
	}
}
