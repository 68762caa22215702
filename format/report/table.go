package report

import (
	"fmt"
)

// column is a column that text and Markdown show for each step.
type column struct {
	name string
	cell func(Figures) string
	// needless ranks the columns that a narrow terminal drops, the highest first; 0 is always
	// shown.
	needless int
}

// dash replaces an unknown figure.
const dash = "–"

// columns returns the columns of a report.
func columns(r *Report, l *Language) []column {
	known := func(cell func(Figures) string) func(Figures) string {
		return func(f Figures) string {
			if f.Known == 0 {
				return dash
			}
			return cell(f)
		}
	}
	list := []column{
		{l.Text("Conferences"), known(func(f Figures) string { return l.Number(f.Conferences) }), 0},
		{l.Text("Participants"), known(func(f Figures) string { return l.Number(f.Participants) }), 0},
		{l.Text("Mean"), known(func(f Figures) string { return l.Decimal(f.Mean) }), 2},
		{l.Text("Median"), known(func(f Figures) string { return l.Decimal(f.Median) }), 1},
		{l.Text("Largest"), known(func(f Figures) string { return l.Number(f.Largest) }), 3},
	}
	if r.Total.Missing > 0 && r.By != ByDay {
		list = append(list, column{l.Text("Days"), func(f Figures) string {
			return l.Number(uint64(f.Known)) + "/" + l.Number(uint64(f.Known+f.Missing))
		}, 0})
	}
	return list
}

// summary returns names and values for the whole period.
func summary(r *Report, l *Language) [][]string {
	rows := [][]string{{l.Text("Period"), l.Period(r.From, r.To)}}
	for _, c := range columns(r, l)[:5] {
		rows = append(rows, []string{c.name, c.cell(r.Total)})
	}
	rows = append(rows, []string{l.Text("Days with data"), l.Number(uint64(r.Total.Known))})
	if r.Total.Missing > 0 {
		rows = append(rows, []string{l.Text("Days without data"), l.Number(uint64(r.Total.Missing))})
	}
	if r.Total.Partial > 0 {
		rows = append(rows, []string{l.Text("Days with incomplete data"), l.Number(uint64(r.Total.Partial))})
	}
	return rows
}

// stepRows returns a row of heads and one for each step.
func stepRows(r *Report, l *Language, shown []column) [][]string {
	head := []string{stepHead(r.By, l)}
	for _, c := range shown {
		head = append(head, c.name)
	}
	rows := [][]string{head}
	for _, step := range r.Steps {
		row := []string{l.Step(step, r.By)}
		for _, c := range shown {
			row = append(row, c.cell(step.Figures))
		}
		rows = append(rows, row)
	}
	return rows
}

// stepHead returns the head of the column of steps.
func stepHead(by By, l *Language) string {
	switch by {
	case ByWeek:
		return l.Text("Week")
	case ByMonth:
		return l.Text("Month")
	case ByYear:
		return l.Text("Year")
	}
	return l.Text("Day")
}

// sizeRows returns a row of heads and one for each class of sizes.
func sizeRows(r *Report, l *Language) [][]string {
	return classRows(l.Text("Size of conferences"), l.Text("Conferences"), SizeClasses[:], r.Total.Sizes[:], l)
}

// recurrenceRows is sizeRows for the number of days that rooms were used on.
func recurrenceRows(r *Report, l *Language) [][]string {
	return classRows(l.Text("Days with a conference"), l.Text("Rooms"), recurrenceClasses, recurring(r), l)
}

func classRows(title, what string, classes []SizeClass, counts []uint64, l *Language) [][]string {
	rows := [][]string{{title, what}}
	for i, label := range classLabels(classes) {
		rows = append(rows, []string{label, l.Number(counts[i])})
	}
	return rows
}

// classLabels returns labels of classes such as 3–5 or 51+.
func classLabels(classes []SizeClass) []string {
	labels := make([]string, len(classes))
	for i, c := range classes {
		switch c.To {
		case 0:
			labels[i] = fmt.Sprintf("%d+", c.From)
		case c.From:
			labels[i] = fmt.Sprint(c.From)
		default:
			labels[i] = fmt.Sprintf("%d–%d", c.From, c.To)
		}
	}
	return labels
}

// recurrenceClasses are classes of numbers of days.
var recurrenceClasses = []SizeClass{{1, 1}, {2, 2}, {3, 5}, {6, 10}, {11, 20}, {21, 50}, {51, 0}}

// recurring returns the number of rooms in each of recurrenceClasses.
func recurring(r *Report) []uint64 {
	rooms := make([]uint64, len(recurrenceClasses))
	for _, again := range r.Recurring {
		for i, c := range recurrenceClasses {
			if n := uint64(again.Days); n >= c.From && (n <= c.To || c.To == 0) {
				rooms[i] += again.Rooms
			}
		}
	}
	return rooms
}
