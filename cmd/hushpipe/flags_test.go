package main

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/journal"
	"hushpipe/filter/rooms"
)

// TestSettings: the settings of counts fit in the header of a journal, and contain
// repeated values once.
func TestSettings(t *testing.T) {
	settings := func(args ...string) string {
		var o filterFlags
		flags := pflag.NewFlagSet("", pflag.ContinueOnError)
		o.define(flags)
		require.NoError(t, flags.Parse(args))
		o.dir = "log"
		pipeline, err := o.pipeline(nil)
		require.NoError(t, err)
		return pipeline.store.Settings
	}
	assert.Equal(t, "ip=ipcrypt;rooms=jitsi;room-hash=sha1;count-v6=128;", settings())
	assert.Equal(t, settings("--rooms", "jitsi", "--rooms", "etherpad", "--room-url", "/a/{room}"),
		settings("--rooms", "jitsi", "--rooms", "etherpad", "--rooms", "jitsi", "--room-url", "/a/{room}", "--room-url", "/a/{room}"))
	assert.NotEqual(t, settings(), settings("--trusted-proxies", "10.0.0.0/8"))
	assert.NotEqual(t, settings("--trusted-proxies", "10.0.0.0/8"), settings("--trusted-proxies", "10.0.0.0/9"))
	all := []string{"--ip", "mask=20/44", "--room-hash", "hmac", "--room-url", "/a/{room}", "--trusted-proxies", "10.0.0.0/8", "--client", "X-Forwarded-For", "--format", "main"}
	for _, preset := range strings.Split(rooms.Presets(), ", ") {
		if preset != "none" {
			all = append(all, "--rooms", preset)
		}
	}
	assert.LessOrEqual(t, len(settings(all...)), journal.MaxSettings)
}
