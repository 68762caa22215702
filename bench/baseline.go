package main

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
)

//go:embed baseline.txt
var baselineText string

// baseline returns the values of baseline.txt by name.
func baseline() map[string]float64 {
	values := map[string]float64{}
	for line := range strings.Lines(baselineText) {
		line, _, _ = strings.Cut(line, "#")
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			panic(fmt.Sprintf("baseline.txt: %s: %v", name, err))
		}
		values[name] = v
	}
	return values
}
