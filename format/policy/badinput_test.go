package policy_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/format/policy"
)

// TestBadInput: input that an operator may write by mistake, or somebody else on purpose, and
// the errors.
func TestBadInput(t *testing.T) {
	named := func(name, more string) string {
		return "[[stream]]\nname = \"" + name + "\"\npurpose = \"x\"\nkeep = \"14d\"\n" + more + "\n"
	}
	for _, test := range []struct{ name, text, want string }{
		{"two of one name", named("web", "") + named("web", ""), `two streams have the name "web"`},
		{"case twins", named("web", "") + named("Web", ""), `"Web"`},
		{"the directory above", named("..", ""), `".."`},
		{"this directory", named(".", ""), `"."`},
		{"a path", named("a/b", ""), `"a/b"`},
		{"hidden", named(".lock", ""), `".lock"`},
		{"empty", named("", ""), "the text is empty"},
		{"all lines taken away", named("web", "where = { status = 404 }\nunless = { status = \"400-499\" }"), "no line can go to this stream"},
		{"an event with another status", "[[event]]\nname = \"e\"\nstatus = 404\n" + named("web", "where = { event = \"e\", status = 200 }"), "no line can be e and fit the other keys"},
	} {
		_, mistakes := policy.Parse([]byte(test.text))
		require.NotEmpty(t, mistakes, test.name)
		assert.Contains(t, mistakes[0].Error(), test.want, test.name)
	}
}
