// Package metrics implements the part of Prometheus' text exposition format that
// hushpipe writes for node_exporter's textfile collector,
// https://prometheus.io/docs/instrumenting/exposition_formats/.
//
//	# HELP hushpipe_lines_total Lines that were treated.
//	# TYPE hushpipe_lines_total counter
//	hushpipe_lines_total{dir="/var/log/hushpipe"} 1234
package metrics

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"strings"
)

// Type is the type of a metric.
type Type string

const (
	Counter Type = "counter" // its values only grow
	Gauge   Type = "gauge"
)

// Metric is one value of a metric: its only one, or the one of a class.
type Metric struct {
	Name   string
	Type   Type
	Help   string // one line
	Labels string // as function Labels returns them
	Class  string // value of the label class, "" for a metric with a single value
	Value  float64
}

// Key identifies a Metric in a file.
func (m *Metric) Key() string { return m.Name + m.label() }

func (m *Metric) label() string {
	if m.Class == "" {
		return ""
	}
	return classLabel + m.Class + `"`
}

const classLabel = `,class="`

// Labels formats labels from names and values in turn.
func Labels(pairs ...string) string {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
	var text strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		if i > 0 {
			text.WriteByte(',')
		}
		text.WriteString(pairs[i] + `="` + escape.Replace(strings.ToValidUTF8(pairs[i+1], "\uFFFD")) + `"`)
	}
	return text.String()
}

// Append appends metrics as text. Values of the same metric must be next to each other.
func Append(dst []byte, list []Metric) []byte {
	for i := range list {
		m := &list[i]
		if i == 0 || list[i-1].Name != m.Name {
			dst = append(dst, "# HELP "+m.Name+" "+m.Help+"\n# TYPE "+m.Name+" "+string(m.Type)+"\n"...)
		}
		dst = append(dst, m.Name+"{"+m.Labels+m.label()+"} "...)
		dst = strconv.AppendFloat(dst, m.Value, 'f', -1, 64) // exact up to 2^53
		dst = append(dst, '\n')
	}
	return dst
}

// errFormat is the error of Parse for text that Append did not write.
var errFormat = errors.New("is not hushpipe's")

// Parse parses what Append wrote, without types and helps. The result is by Key.
func Parse(text []byte) (map[string]Metric, error) {
	list := map[string]Metric{}
	for line := range bytes.Lines(text) {
		if line[0] == '#' {
			continue
		}
		name, rest, ok := strings.Cut(strings.TrimSuffix(string(line), "\n"), "{")
		end := strings.LastIndex(rest, "} ")
		if !ok || end < 0 || !strings.HasPrefix(name, "hushpipe_") {
			return nil, errFormat
		}
		value, err := strconv.ParseFloat(rest[end+len("} "):], 64)
		if err != nil || !(value >= 0 && value <= math.MaxFloat64) { // nor NaN
			return nil, errFormat
		}
		m := Metric{Name: name, Labels: rest[:end], Value: value}
		if at := strings.LastIndex(m.Labels, classLabel); at >= 0 && isClass(m.Labels[at+len(classLabel):]) {
			m.Labels, m.Class = m.Labels[:at], m.Labels[at+len(classLabel):len(m.Labels)-1]
		}
		list[m.Key()] = m
	}
	return list, nil
}

// isClass reports whether text is a class and the closing quote.
func isClass(text string) bool {
	name, ok := strings.CutSuffix(text, `"`)
	return ok && name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz-") == ""
}
