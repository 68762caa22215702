package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
)

// CSV writes a row of column names, then one row for each step:
//
//	from,to                    dates as 2026-11-22, inclusive
//	known_days                 days with data
//	missing_days               days without data
//	partial_days               known days for which one of several sources has no data, or too low counts
//	conferences,participants
//	mean,median                participants of a conference
//	largest                    participants of the largest one
//	size_2,size_3_5,…,size_51  conferences by number of participants
//
// Numbers have a decimal point and no other separators. A step without any data has empty fields
// from conferences on. Later versions add columns at the end, and never rename or drop one.
func CSV(w io.Writer, r *Report) error {
	c := csv.NewWriter(w)
	head := []string{"from", "to", "known_days", "missing_days", "partial_days",
		"conferences", "participants", "mean", "median", "largest"}
	for _, class := range SizeClasses {
		name := fmt.Sprintf("size_%d", class.From)
		if class.To > class.From {
			name = fmt.Sprintf("size_%d_%d", class.From, class.To)
		}
		head = append(head, name)
	}
	c.Write(head) // Error returns a failure after Flush
	for _, s := range r.Steps {
		row := []string{s.From.String(), s.To.String(), strconv.Itoa(s.Known), strconv.Itoa(s.Missing), strconv.Itoa(s.Partial)}
		if s.Known > 0 {
			number := func(n uint64) string { return strconv.FormatUint(n, 10) }
			row = append(row, number(s.Conferences), number(s.Participants),
				strconv.FormatFloat(s.Mean, 'f', 2, 64), strconv.FormatFloat(s.Median, 'f', 1, 64), number(s.Largest))
			for _, n := range s.Sizes {
				row = append(row, number(n))
			}
		}
		c.Write(append(row, make([]string, len(head)-len(row))...))
	}
	c.Flush()
	return c.Error()
}
