package main

import (
	"fmt"
	"io"
	"text/template"
)

// The titles of BenchmarkFilter's axes.
var axes = map[string]string{
	"lines":   "lines in a log",
	"clients": "clients, equally busy",
	"rooms":   "rooms, equally busy, of many clients",
	"length":  "bytes a line",
	"format":  "format",
	"ip":      "treatment of addresses",
	"cores":   "cores",
}

// The chart uses the viewer's fonts and background.
var chartTemplate = template.Must(template.New("chart").Parse(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{.Width}} {{.Height}}" font-family="system-ui, sans-serif" font-size="12" role="img">
<title>Time and memory that hushpipe takes, along {{len .Axes}} axes</title>
<style>
text { fill: #1f2328 } .dim { fill: #59636e } .time { fill: #0969da } .memory { fill: #8250df }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .dim { fill: #9198a1 } .time { fill: #4493f8 } .memory { fill: #ab7df8 } }
</style>
<text x="{{.TimeX}}" y="16" font-weight="600">ns a line</text>
<text x="{{.MemoryX}}" y="16" font-weight="600">MiB of memory held at the end</text>
{{- range .Axes}}
<text x="0" y="{{.Y}}" font-weight="600">{{.Title}}</text>
{{- range .Rows}}
<text x="{{$.LabelX}}" y="{{.Y}}" text-anchor="end">{{.Value}}</text>
<rect class="time" x="{{$.TimeX}}" y="{{.Top}}" width="{{printf "%.1f" .Time}}" height="12" rx="2"/><text x="{{printf "%.1f" .TimeEnd}}" y="{{.Y}}">{{.NS}}</text>
<rect class="memory" x="{{$.MemoryX}}" y="{{.Top}}" width="{{printf "%.1f" .Memory}}" height="12" rx="2"/><text x="{{printf "%.1f" .MemoryEnd}}" y="{{.Y}}">{{.MiB}}</text>
{{- end}}
{{- end}}
{{- range .Notes}}
<text class="dim" x="0" y="{{.Y}}">{{html .Text}}</text>
{{- end}}
</svg>
`))

// drawChart writes a bar chart as SVG, with one scale for each axis: a cost that does not grow
// has bars of equal length.
func drawChart(w io.Writer, all []costs, machine string) error {
	const labelX, timeX, memoryX, bar, row = 112, 120, 450, 250, 18
	type bars struct {
		Value, NS, MiB                   string
		Y, Top                           int
		Time, TimeEnd, Memory, MemoryEnd float64
	}
	type group struct {
		Title string
		Y     int
		Rows  []bars
	}
	var groups []group
	y := 16
	for _, c := range all {
		y += row + 10
		g := group{Title: axes[c.axis], Y: y}
		var maxNS, maxMemory float64
		for _, r := range c.rows {
			maxNS, maxMemory = max(maxNS, r.ns), max(maxMemory, r.memory)
		}
		for _, r := range c.rows {
			y += row
			time, memory := bar*r.ns/maxNS, bar*r.memory/maxMemory
			g.Rows = append(g.Rows, bars{
				Value: r.value, NS: fmt.Sprintf("%.0f", r.ns), MiB: fmt.Sprintf("%.1f", r.memory), Y: y, Top: y - 10,
				Time: time, TimeEnd: timeX + time + 6, Memory: memory, MemoryEnd: memoryX + memory + 6,
			})
		}
		groups = append(groups, g)
	}
	type note struct {
		Y    int
		Text string
	}
	var notes []note
	y += 14
	for _, text := range []string{
		"Bars are to scale within a group. If not said otherwise: 1,000,000 combined lines of 250 bytes, 20,000 clients",
		"and 2,000 rooms by Zipf's law, format auto, ipcrypt, one core. Clients and rooms: 10,000,000 lines; rooms: 1,000,000 clients.",
		machine,
	} {
		y += row
		notes = append(notes, note{y, text})
	}
	return chartTemplate.Execute(w, map[string]any{
		"Width": 760, "Height": y + 10, "LabelX": labelX, "TimeX": timeX, "MemoryX": memoryX,
		"Axes": groups, "Notes": notes,
	})
}
