package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestApacheHostNames runs hushpipe behind a httpd that looks up its clients' names,
// with right and wrong --format: no name reaches the disk.
func TestApacheHostNames(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	logFormats := map[string]string{
		"io":    `LogFormat "%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\" %I %O" io`,
		"named": strings.Replace(jsonFormat, "%a", "%h", 1),
		"vhost": strings.Replace(vhostCombined, "%v:%p", "www.example.org:%p", 1), // the name of this server is its client's, too
		"ssl":   `LogFormat "%t %h %H \"%r\" %b" ssl`,
	}
	directives := []string{"HostnameLookups On", logFormats["io"], logFormats["named"], logFormats["vhost"], logFormats["ssl"], combined,
		"LoadModule rewrite_module /usr/lib/apache2/modules/mod_rewrite.so", "CustomLog raw.log combined"}
	n := 0
	for _, name := range []string{"io", "json", "vhost_combined", "ssl", "combined"} {
		for _, spec := range []string{"auto", "combined", "common", "json", "error", "%h %l %u %t \"%r\" %>s %b"} {
			n++
			directives = append(directives, fmt.Sprintf(`CustomLog "|%s filter --format '%s' %s" %s`,
				hushpipeBinary(t), strings.ReplaceAll(spec, `"`, `\"`), filepath.Join(base, fmt.Sprintf("%s-%d", name, n)), name))
		}
	}
	directives = append(directives, fmt.Sprintf("<VirtualHost *>\nServerName www.example.org\nUseCanonicalName On\nRewriteEngine On\nRewriteRule ^/x /y\nLogLevel info rewrite:trace3\nErrorLog \"|%s filter --format error %s\"\n</VirtualHost>",
		hushpipeBinary(t), filepath.Join(base, "error")))
	h := startHTTPD(t, directives...)
	for i := range 5 {
		h.raw("127.0.0.1", fmt.Sprintf("GET /denied/?id=n%d HTTP/1.0\r\nHost: www.example.org\r\n\r\n", i))
	}
	for _, r := range oddRequests {
		if !strings.Contains(r, "localhost") {
			h.raw("127.0.0.1", r)
		}
	}
	await(t, func() bool { return strings.Contains(written(filepath.Join(base, "error")), "client denied") }, "the error log is not written")
	h.Stop()

	raw, err := os.ReadFile(filepath.Join(h.Root, "raw.log"))
	require.NoError(t, err)
	require.Regexp(t, `(?m)^localhost - - \[`, string(raw), "127.0.0.1 has no name here")
	dirs := glob(t, filepath.Join(base, "*"))
	require.Len(t, dirs, n+1)
	for _, dir := range dirs {
		text := written(dir)
		require.NotEmpty(t, text, dir)
		assert.NotContains(t, text, "localhost", dir)
	}
	assert.Contains(t, written(filepath.Join(base, "error")), "init rewrite engine")
}
