package main

import (
	"context"
	"strings"
	"testing"

	"hushpipe/filter/need"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestFleet: everything that is shipped is counted.
func TestFleet(t *testing.T) {
	need.Program(t, "redis-server", "redis-server redis-tools")
	var out, said strings.Builder
	require.NoError(t, fleetBench(context.Background(), []string{"-hosts", "2", "-pairs", "10000"}, &out, &said), said.String())
	assert.Regexp(t, `(?m)^a wiped engine: 22500 pairs: .* pairs/s, \d+\.\d bytes a pair on the wire, `, out.String())
}
