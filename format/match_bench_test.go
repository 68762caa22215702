package format

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var benchLines = map[string]string{
	"combined":       `83.149.9.216 - - [17/May/2015:10:05:43 +0000] "GET /presentations/logstash-monitorama-2013/images/kibana-dashboard3.png HTTP/1.1" 200 171717 "http://semicomplete.com/presentations/logstash-monitorama-2013/" "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/32.0.1700.77 Safari/537.36"`,
	"common":         `2001:db8::7 - - [22/Nov/2026:06:46:00 +0100] "GET /http-bind?room=talk HTTP/1.1" 200 4711`,
	"vhost_combined": `meet.example.org:443 2001:db8::7 - - [22/Nov/2026:06:46:00 +0100] "GET /http-bind?room=talk HTTP/1.1" 200 4711 "-" "curl/8.5.0"`,
	"error":          `[Sun Nov 22 06:46:00.123456 2026] [proxy:error] [pid 12:tid 140000000] (111)Connection refused: [client 2001:db8::7:54321] AH00957: HTTP: attempt to connect to 127.0.0.1:5280 failed, referer: https://meet.example.org/talk`,
}

// go test -run '^$' -bench Parse ./format
func BenchmarkParse(b *testing.B) {
	for _, format := range []string{"combined", "common", "vhost_combined", "error"} {
		for _, spec := range []string{format, "auto"} {
			line := []byte(benchLines[format])
			b.Run("format="+spec+"/line="+format, func(b *testing.B) {
				p, err := New(spec, time.UTC, nil)
				require.NoError(b, err)
				var out Line
				require.True(b, p.Parse(line, &out))
				require.True(b, out.HasDay)
				b.SetBytes(int64(len(line)))
				b.ReportAllocs()
				for b.Loop() {
					p.Parse(line, &out)
				}
			})
		}
	}
}
