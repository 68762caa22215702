package prose_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"hushpipe/format/prose"
)

func TestLines(t *testing.T) {
	rows := [][]string{{"Größe", "n", "why"}, {"2", "1,000", "–"}, {"short"}}
	assert.Equal(t, []string{
		"Größe      n  why",
		"2      1,000    –",
		"short",
	}, prose.Lines("lr", rows))
	assert.Equal(t, []string{
		"Größe      n  why",
		"    2  1,000  –  ",
		"short",
	}, prose.Lines("rrl", rows))
	assert.Equal(t, "Größe", rows[0][0], "the rows are left alone")
	assert.Empty(t, prose.Lines("l", nil))
}

func TestWrap(t *testing.T) {
	text := "a word  that-is-longer fits nowhere"
	for width, want := range map[int]string{1: "a|word|that-is-longer|fits|nowhere", 6: "a word|that-is-longer|fits|nowhere", 12: "a word|that-is-longer|fits nowhere",
		80: "a word that-is-longer fits nowhere"} {
		assert.Equal(t, want, strings.Join(prose.Wrap(text, width), "|"))
	}
	assert.Equal(t, []string{""}, prose.Wrap("", 10))
}

func TestBar(t *testing.T) {
	for value, want := range map[uint64]string{0: "", 1: "▏", 125: "▎", 500: "█", 600: "█▎", 1000: "██"} {
		assert.Equal(t, want, prose.Bar(value, 1000, 2))
	}
	assert.Empty(t, prose.Bar(0, 0, 2))
}
