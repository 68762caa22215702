package main

import (
	"bytes"
	"slices"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/calendar"
	"hushpipe/filter/claims"
	"hushpipe/filter/pseudonym"
	"hushpipe/format/report"
	"hushpipe/format/statement"
)

// TestNoticeOfFlags: each flag that changes what is kept changes the notice of a DIR
// made by flags, in its sentences and in its digest.
func TestNoticeOfFlags(t *testing.T) {
	values := map[string]string{"format": "combined", "ip": "mask", "keep": "8d", "rooms": "greenlight", "room-url": "/call/{room}", "room-hash": "hmac",
		"count-v6": "64", "redact": "q", "json-keys": "client=ip", "client": "X-Forwarded-For", "trusted-proxies": "10.0.0.0/8", "traffic": "true", "min-group": "7",
		"own": "www.example.org", "visit-timeout": "45m", "visitor": "address", "ignore": "10.0.0.0/8", "sitemap": "/srv/sitemap.xml", "max-visits": "9", "max-names": "9",
		"group": "/ows?layers={group}", "country": "/srv/country.mmdb"}
	// They change nothing that is kept for people.
	shapeless := []string{"keys", "max-rooms", "max-pairs", "policy"}
	notice := func(args ...string) (text, digest string) {
		o, flags := &filterFlags{}, pflag.NewFlagSet("filter", pflag.ContinueOnError)
		o.define(flags)
		require.NoError(t, flags.Parse(args))
		ip, err := pseudonym.ParseMode(o.ip)
		require.NoError(t, err)
		keep, err := calendar.ParsePeriod(o.keep)
		require.NoError(t, err)
		list := claims.OfFlags(o.asPolicy(keep), ip)
		l, err := report.NewLanguage("en")
		require.NoError(t, err)
		page := statement.New(list, l, 0)
		digest, page.Foot = page.Foot, ""
		var out bytes.Buffer
		require.NoError(t, page.Text(&out, screen))
		return out.String(), digest
	}
	usual, of := notice()
	flags := pflag.NewFlagSet("filter", pflag.ContinueOnError)
	new(filterFlags).define(flags)
	flags.VisitAll(func(f *pflag.Flag) {
		value, ok := values[f.Name]
		if !ok {
			assert.Contains(t, shapeless, f.Name, "does it change what is kept?")
			return
		}
		with, usual, of := "--"+f.Name+"="+value, usual, of
		text, digest := notice(with)
		if slices.Contains(trafficOnly, f.Name) {
			usual, of = notice("--traffic")
			text, digest = notice("--traffic", with)
		}
		assert.NotEqual(t, usual, text, f.Name)
		assert.NotEqual(t, of, digest, f.Name)
	})
}
