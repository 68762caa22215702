// Package spelling finds the name that somebody meant who wrote another one.
package spelling

import "strings"

// most is how many slips of the hand a guess may be away. One that is far off does harm:
// --ip is no answer to --kep.
const most = 2

// Nearest returns the name that begins with the word, else the one with the fewest slips,
// "" where none is near. Names are in lower case.
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
			continue // also of a word of a megabyte
		}
		if n := slips(word, name); n < best && n <= min(len(word), len(name))/3 {
			near, best = name, n
		}
	}
	return near
}

func abs(n int) int { return max(n, -n) }

// slips is how many bytes have to be put in, left out, replaced, or swapped with their
// neighbour to make b of a (optimal string alignment).
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
