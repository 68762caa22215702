package policies_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/dir"
	"hushpipe/filter/policies"
	"hushpipe/format/policy"
)

// TestLast: the policy that ran last is the one that the last line of the log names.
func TestLast(t *testing.T) {
	path := t.TempDir()
	_, _, err := policies.Last(path)
	require.ErrorIs(t, err, fs.ErrNotExist)

	d, err := dir.Open(path, dir.Options{Create: true})
	require.NoError(t, err)
	defer d.Close()
	entry := func(digit string) policies.Entry {
		return policies.Entry{Began: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), Digest: strings.Repeat(digit, 64), Streams: []string{"web", "meet"}}
	}
	for _, digit := range []string{"a", "b", "b"} {
		require.NoError(t, policies.Record(d, entry(digit), []byte("text of "+digit)))
	}
	log := filepath.Join(path, dir.PoliciesLogName)
	require.Equal(t, 2, strings.Count(read(t, log), "\n"))
	last := func() string {
		e, text, err := policies.Last(path)
		if err != nil {
			return err.Error()
		}
		assert.Equal(t, entry("b"), e)
		return string(text)
	}
	assert.Equal(t, "text of b", last())

	written := read(t, log)
	for _, end := range []string{"2026-11-22T12:00:00Z ", "2026-11"} { // another process is about to write it
		require.NoError(t, os.WriteFile(log, []byte(written+end), 0o640))
		assert.Equal(t, "text of b", last())
	}
	require.NoError(t, os.WriteFile(log, []byte(written+"2026-11-22T12:00:00Z of another version\n"), 0o640))
	assert.Contains(t, last(), "its last line names no policy")
	require.NoError(t, os.WriteFile(log, []byte(written), 0o640))

	require.NoError(t, os.Chmod(log, 0o660))
	assert.Contains(t, last(), "others can write it")
	require.NoError(t, os.Chmod(log, 0o640))
	if os.Getuid() == 0 { // whose DIR it is could have written what root runs
		require.NoError(t, os.Chown(log, 12345, -1))
		assert.Contains(t, last(), "belongs to another user")
		require.NoError(t, policies.Record(d, entry("b"), []byte("text of b")))
	}
}

func read(t *testing.T, path string) string {
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// TestTermsOf: of a directory holds what the newest policy says that has it as a stream.
func TestTermsOf(t *testing.T) {
	home := t.TempDir()
	d, err := dir.Open(home, dir.Options{Create: true})
	require.NoError(t, err)
	defer d.Close()
	for _, name := range []string{"web", "left", "other"} {
		require.NoError(t, os.Mkdir(filepath.Join(home, name), 0o750))
	}
	stream := func(name string) (*policies.Terms, error) { return policies.TermsOf(filepath.Join(home, name)) }
	terms, err := stream("web")
	require.NoError(t, err)
	require.Nil(t, terms, "no policy ran here")

	record := func(purposes map[string]string) {
		text, names := "", []string{}
		for name, purpose := range purposes {
			text += "[[stream]]\nname = \"" + name + "\"\npurpose = \"x\"\nkeep = \"14d\"\n" + purpose
			names = append(names, name)
		}
		p, mistakes := policy.Parse([]byte(text))
		require.Empty(t, mistakes)
		require.NoError(t, policies.Record(d, policies.Entry{Began: time.Now(), Digest: p.Digest(), Streams: names}, []byte(text)))
	}
	record(map[string]string{"web": "reveal = \"first\"\n", "left": "reveal = \"left\"\n"})
	record(map[string]string{"web": "reveal = \"second\"\n"})
	for name, want := range map[string]string{"web": "second", "left": "left"} {
		terms, err := stream(name)
		require.NoError(t, err)
		require.NotNil(t, terms)
		assert.Equal(t, want, terms.Stream.Reveal.In("en"))
		assert.Equal(t, home, terms.Home)
	}
	terms, err = stream("other")
	require.NoError(t, err)
	require.Nil(t, terms)
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(filepath.Join(home, "web"), link))
	terms, err = policies.TermsOf(link)
	require.NoError(t, err)
	assert.Equal(t, "second", terms.Stream.Reveal.In("en"))

	// What is not known allows nothing.
	log := filepath.Join(home, dir.PoliciesLogName)
	written := read(t, log)
	require.NoError(t, os.WriteFile(log, []byte(written+"2026-11-22T12:00:00Z of another version\n"), 0o640))
	_, err = stream("web")
	assert.ErrorContains(t, err, "a line of it names no policy")
	require.NoError(t, os.WriteFile(log, []byte(written+"2026-11-22T"), 0o640))
	_, err = stream("web")
	assert.NoError(t, err, "another process is about to write it")
	texts, err := os.ReadDir(filepath.Join(home, dir.Policies))
	require.NoError(t, err)
	for _, text := range texts {
		require.NoError(t, os.WriteFile(filepath.Join(home, dir.Policies, text.Name()), []byte("[[stream]]\nname = \"web\"\npurpose = \"x\"\nkeep = \"14d\"\n"), 0o600))
	}
	_, err = stream("web")
	assert.ErrorContains(t, err, "is not the policy that was recorded")
	require.NoError(t, os.RemoveAll(filepath.Join(home, dir.Policies)))
	_, err = stream("web")
	assert.ErrorIs(t, err, fs.ErrNotExist)
}
