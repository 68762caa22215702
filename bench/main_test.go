package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestRun(t *testing.T) {
	for args, want := range map[string]struct {
		status         int
		stdout, stderr string
	}{
		"generate -lines 2 -date 2026-11-22": {0, "[22/Nov/2026:00:00:00 +0000]", ""},
		"generate -lines 2 -format json":     {0, `"remote_ip":"`, ""},
		"generate -date 22.11.2026":          {2, "", "bench: wrong date: write it as in 2026-11-22\n"},
		"generate -format clf":               {2, "", "bench: unknown format"},
		"generate -lines 0":                  {2, "", "bench: traffic is too small"},
		"generate -unknown":                  {2, "", "flag provided but not defined: -unknown"},
		"race":                               {2, "", "usage: go run ./bench"},
		"-unknown":                           {2, "", "usage: go run ./bench"},
		"-rounds 0":                          {1, "", "bench: at least 1 round\n"},
	} {
		var stdout, stderr strings.Builder
		assert.Equal(t, want.status, run(strings.Fields(args), &stdout, &stderr), args)
		assert.Contains(t, stdout.String(), want.stdout, args)
		assert.Contains(t, stderr.String(), want.stderr, args)
	}
}
