// Package spelling suggests the name that a misspelled word was meant to be.
package spelling

import "strings"

// most is the largest number of slips in a suggestion. A far-fetched one does harm: --ip is no
// answer to --kep.
const most = 2

// Nearest returns the first name that begins with the word, or else the one with the fewest
// slips, "" if none is near. Names must be in lower case.
func Nearest(word string, names []string) (near string) {
	if len(word) < 3 {
		return ""
	}
	word = strings.ToLower(word)
	best := most + 1
	for _, name := range names {
		if strings.HasPrefix(name, word) {
			return name
		}
		if abs(len(word)-len(name)) > most {
			continue // cheap even for a word of a megabyte
		}
		if n := slips(word, name); n < best && n <= min(len(word), len(name))/3 {
			near, best = name, n
		}
	}
	return near
}

func abs(n int) int { return max(n, -n) }

// slips returns how many bytes must be inserted, removed, replaced, or swapped with their
// neighbour to turn a into b (optimal string alignment).
func slips(a, b string) int {
	var before []int
	last, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			differs := 1
			if a[i-1] == b[j-1] {
				differs = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+differs)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, make([]int, len(b)+1)
	}
	return last[len(b)]
}
