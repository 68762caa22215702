package main

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const benchOutput = `goos: linux
BenchmarkFilter/clients=1000-2       	       3	 61234 ns/op	 374.93 MB/s	         1.500 heap-MiB	   1500000 lines/s	       650.0 ns/line	 5 B/op	 2 allocs/op
BenchmarkFilter/clients=10000000-2   	       3	 61234 ns/op	 374.93 MB/s	       300.0 heap-MiB	   1000000 lines/s	      1300 ns/line	 5 B/op	 2 allocs/op
BenchmarkFilter/ip=pfx               	       3	 61234 ns/op	 374.93 MB/s	        20.00 heap-MiB	   1000000 lines/s	       975.0 ns/line	 5 B/op	 2 allocs/op
PASS
`

func TestParseCosts(t *testing.T) {
	assert.Equal(t, []costs{
		{"clients", []costRow{{"1,000", 650, 1.5}, {"10,000,000", 1300, 300}}},
		{"ip", []costRow{{"pfx", 975, 20}}},
	}, parseCosts(benchOutput))
}

func TestChart(t *testing.T) {
	var b strings.Builder
	require.NoError(t, drawChart(&b, parseCosts(benchOutput), "A <CPU> & more"))
	svg := b.String()
	for _, want := range []string{
		`>clients, equally busy</text>`, `>10,000,000</text>`, `A &lt;CPU&gt; &amp; more`, `prefers-color-scheme: dark`,
		`class="time" x="120" y="52" width="125.0"`, `>650</text>`, `class="memory" x="450" y="52" width="1.2"`, `>1.5</text>`,
	} {
		assert.Contains(t, svg, want)
	}
	decoder := xml.NewDecoder(strings.NewReader(svg))
	for {
		if _, err := decoder.Token(); err == io.EOF {
			break
		} else {
			require.NoError(t, err)
		}
	}
}
