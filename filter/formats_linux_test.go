package filter

import (
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// alike returns the lines of an archive, and the same requests in other formats.
func alike(t testing.TB) (all []struct{ name, format, log string }) {
	combined := recordedLogs(t)["apache-combined-2015.log"]
	as := func(line string) string {
		return regexp.MustCompile(`(?m)^(\S+) \S+ (\S+) \[(\d+)/(\w+)/(\d+):([\d:]+) ([+-]\d+)\] "(.*?)" (\d+) (\S+) "(.*?)" "(.*)"$`).ReplaceAllString(combined, line)
	}
	return []struct{ name, format, log string }{
		{"combined", "combined", combined},
		{"vhost_combined", "vhost_combined", as(`www.example.org:443 $0`)},
		{"auto", "auto", combined},
		{"custom", `%h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i"`, combined},
		{"json", "json", as(`{"time":"$5-05-${3}T$6$7","remote_ip":"$1","request":"$8","status":"$9","bytes":"$10","referer":"$11","user_agent":"$12"}`)},
		{"json-nested", "json", as(`{"level":"info","ts":14319000$9.5241024,"logger":"http.log.access","msg":"handled request","request":{"remote_ip":"$1","remote_port":"41342","client_ip":"$1","proto":"HTTP/2.0","method":"GET","host":"localhost","uri":"$8","headers":{"User-Agent":["$12"],"Referer":["$11"],"Accept-Encoding":["gzip, deflate, br"]}},"bytes_read":0,"user_id":"","duration":0.000929675,"size":1$9,"status":$9}`)},
		{"malformed", "error", combined},
		{"malformed-cut", "combined", as(`$1 - $2 [$3/$4/$5:$6 $7] "$8" $9 $10 "$11" "$12`)},
		{"malformed-daemon", "combined", as(`$5-05-$3 $6 worker[$9]: request $8 took $9 ms, size $10, agent $12`)},
	}
}

// BenchmarkFormats treats the lines of each format in turn. For each format it reports the CPU
// time per line in the fastest round, absolutely and relative to combined.
//
//	go test ./filter -run xxx -bench Formats -benchtime 100x
func BenchmarkFormats(b *testing.B) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	type format struct {
		name  string
		treat func()
		lines int
		best  time.Duration
	}
	var all []*format
	for _, a := range alike(b) {
		f, batch, log := New(newConfig(b, a.format), everyDay()), &Batch{}, []byte(a.log)
		p := &format{name: a.name, lines: strings.Count(a.log, "\n"), best: time.Hour}
		p.treat = func() {
			batch.Reset()
			f.renew()
			f.treatLines(batch, log)
		}
		p.treat()
		treated := 0
		for _, part := range batch.Parts {
			treated += strings.Count(string(part.Lines), "\n")
		}
		require.Equal(b, p.lines, treated)
		malformed := float64(f.Stats().Malformed) / float64(p.lines)
		if strings.HasPrefix(a.name, "malformed") {
			require.Greater(b, malformed, 0.9, a.name)
		} else {
			require.Less(b, malformed, 0.02, a.name)
		}
		all = append(all, p)
	}
	for b.Loop() {
		for _, p := range all {
			start := threadTime()
			p.treat()
			p.best = min(p.best, threadTime()-start)
		}
	}
	b.ReportMetric(0, "ns/op")
	perLine := func(p *format) float64 { return float64(p.best.Nanoseconds()) / float64(p.lines) }
	for _, p := range all {
		b.ReportMetric(perLine(p), p.name+"-ns/line")
		b.ReportMetric(perLine(p)/perLine(all[0]), p.name+"/combined")
	}
}
