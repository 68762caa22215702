package policy_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/format/policy"
)

// TestGroupRule: lines with a different treatment of any field belong to another rule.
func TestGroupRule(t *testing.T) {
	rule := func(fields, more string) string {
		p, errs := policy.Parse([]byte("[[stream]]\nname = \"a\"\npurpose = \"x\"\nkeep = \"14d\"\nfields = { client = \"mask=24/48\"" + fields + " }\n" + more))
		require.Empty(t, errs)
		return p.Streams[0].GroupRule()
	}
	const group = "group = \"client\"\nleast = 7\n"
	assert.Equal(t, rule("", group), rule("", "group = [\"client\"]\nleast = 9\n"), "least is not part of it")
	assert.Empty(t, rule("", ""))
	seen := map[string]string{}
	for _, fields := range []string{"", `, agent = "keep"`, `, agent = "drop", url = "path"`, `, url = "keep"`} {
		r := rule(fields, group)
		assert.Empty(t, seen[r], fields)
		seen[r] = "taken by " + fields
	}
}
