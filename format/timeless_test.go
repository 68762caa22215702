package format_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/format"
)

func TestTimeless(t *testing.T) {
	for spec, want := range map[string][]string{
		"common":                {`%h %l %u - "%r" %>s %b`},
		"ssl_request_log":       {`- %h %{SSL_PROTOCOL}x %{SSL_CIPHER}x "%r" %b`},
		`%h [%{%F}t %{%T}t] %b`: {`%h [- -] %b`},
		`%%t\\ %t %b`:           {`%%t\\ - %b`},
		"json":                  nil,
		"error":                 nil,
		"error:[%t] %M":         nil,
	} {
		assert.Equal(t, want, format.Timeless(spec), spec)
	}
	auto := format.Timeless("auto")
	assert.Len(t, auto, 10)
	for _, logFormat := range auto {
		p, err := format.Compile(logFormat, time.UTC)
		require.NoError(t, err, logFormat)
		assert.NotContains(t, p.Roles(), format.RoleTime)
	}
}
