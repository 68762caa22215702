package main

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hushpipe/filter/audit"
	"hushpipe/filter/counts"
	"hushpipe/filter/dir"
	"hushpipe/format/civil"
	"hushpipe/format/prose"
	"hushpipe/format/roomfile"
)

func roomsCommand(stdout *os.File, log *messageLog) *cobra.Command {
	o := &roomsFlags{stdout: stdout, log: log}
	cmd := &cobra.Command{
		Use:   "rooms [flags] DIR",
		Short: "Print a day's current room counts",
		Long:  manualText("rooms", "1"),
		Example: `  hushpipe rooms /var/log/hushpipe
  hushpipe rooms --day 2026-11-21 /var/log/hushpipe
  hushpipe rooms --watch /var/log/hushpipe
  hushpipe rooms --json /var/log/hushpipe | jq .participants`,
		Args: arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.dir, o.out = args[0], cmd.OutOrStdout()
			return o.run()
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVar(&o.date, "day", "", "print the day `DATE`, such as 2026-11-22 (default today)")
	cmd.Flags().StringVar(&o.by, "by", "count", "sort by `ORDER`: count (the largest first), or hash, as room files")
	cmd.Flags().BoolVar(&o.watch, "watch", false, "draw the counts on the terminal every two seconds")
	cmd.Flags().BoolVar(&o.json, "json", false, "write JSON, one object a line, for other programs")
	return cmd
}

// roomsFlags is the command line of rooms.
type roomsFlags struct {
	dir   string
	date  string
	by    string
	watch bool
	json  bool

	stream string // the stream in dir, "" if dir is the argument
	out    io.Writer
	stdout *os.File // the file below out
	log    *messageLog
}

// roomDaysHint is a hint: the span of days for which a directory has room files.
func roomDaysHint(path string) string {
	var first, last string
	entries, _ := os.ReadDir(filepath.Join(path, dir.Rooms))
	for _, e := range entries { // sorted by name and therefore by day
		if day, ok := dir.OwnDay(dir.Rooms, e.Name()); ok {
			first, last = cmp.Or(first, day.String()), day.String()
		}
	}
	switch first {
	case "":
		return "nobody has used a room yet, or the logger runs with --rooms none"
	case last:
		return "there is " + last
	}
	return fmt.Sprintf("there are %s to %s", first, last)
}

func (o *roomsFlags) run() error {
	day, err := parseDayFlag(o.date)
	if err != nil {
		return err
	}
	if o.by != "count" && o.by != "hash" {
		return usage("--by %q is not valid; hint: give count or hash", o.by)
	}
	if o.watch && !o.json && (!hasWidth(o.stdout) || cmp.Or(os.Getenv("TERM"), "dumb") == "dumb") {
		return usage("--watch: stdout is not a terminal to draw on; hint: give --json as well, or leave --watch out")
	}
	confine(o.dir, "")
	if err := audit.CheckUsed(o.dir); err != nil {
		return err
	}
	streams := streamsOf(o.dir)
	if o.watch {
		if len(streams) > 0 {
			return usage("--watch: %s has streams; hint: give the directory of one, such as %s", o.dir, filepath.Join(o.dir, streams[0]))
		}
		return o.follow()
	}
	err = o.print(day)
	for _, name := range streams {
		of := *o
		of.dir, of.stream = filepath.Join(o.dir, name), name
		switch next := of.print(day); {
		case errors.Is(next, errNoRooms):
		case err == nil || errors.Is(err, errNoRooms):
			err = next
		case next != nil && next != errReported:
			o.log.errorf("%v", next)
		}
	}
	if errors.Is(err, errNoRooms) && len(streams) > 0 {
		return fmt.Errorf("%s: there is %w in any stream for %s; hint: see DIR/STREAM/rooms for the days that have", o.dir, errNoRooms, day)
	}
	return err
}

// errNoRooms means that no use of a room is recorded for the day.
var errNoRooms = errors.New("no data")

// print prints the counts of one directory.
func (o *roomsFlags) print(day civil.Day) error {
	counts, err := counts.Read(o.dir, day)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: there is %w for %s; hint: %s", o.dir, errNoRooms, day, roomDaysHint(o.dir))
	}
	if err != nil {
		return err
	}
	if o.json {
		o.writeJSON(roomCounts{Day: counts, day: day, time: now()}) // output keeps a write error
		return o.reportFlaws(day, counts)
	}
	if o.by == "count" {
		slices.SortStableFunc(counts.Rooms, func(a, b roomfile.Entry) int { return cmp.Compare(b.Count, a.Count) })
	}
	if o.stream != "" {
		fmt.Fprintf(o.out, "stream %s\n", o.stream)
	}
	o.out.Write(roomfile.Append(nil, counts.Rooms))
	return o.reportFlaws(day, counts)
}

// reportFlaws logs what is wrong with the counts.
func (o *roomsFlags) reportFlaws(day civil.Day, counts counts.Day) error {
	flaws := flawsOf(day, counts)
	for _, line := range flaws {
		o.log.errorf("%s", line)
	}
	if len(flaws) > 0 {
		return errReported
	}
	return nil
}

func flawsOf(day civil.Day, counts counts.Day) (flaws []string) {
	for _, name := range counts.Damaged {
		flaws = append(flaws, name+": damaged in part; its intact part is counted")
	}
	if counts.UpperBound {
		flaws = append(flaws, fmt.Sprintf("%s was counted under several keys: an address may be counted more than once", day))
	}
	if counts.LowerBound && counts.Overflow == 0 {
		flaws = append(flaws, fmt.Sprintf("%s: not all could be counted: the counts are a lower bound", day))
	}
	if names := counts.Hosts.Missing(); len(names) > 0 {
		flaws = append(flaws, fmt.Sprintf("%s: nothing is counted of %s", day, strings.Join(names, ", ")))
	}
	if counts.Overflow > 0 {
		flaws = append(flaws, fmt.Sprintf("%s: rooms not counted in at least %s: too many rooms or addresses (--max-rooms, --max-pairs), a room name that is too long, or lines written into each other", day, prose.Plural(counts.Overflow, "line")))
	}
	return flaws
}

// roomCounts are the counts of a day, as displayed.
type roomCounts struct {
	counts.Day
	day  civil.Day
	time time.Time // when it was read
}

// minParticipants is the number of addresses that makes a room a conference; a single one
// was only a test.
const minParticipants = 2

// totals returns the number of conferences and of their participants.
func (c roomCounts) totals() (conferences, participants uint64) {
	for _, room := range c.Rooms {
		if room.Count >= minParticipants {
			conferences++
			participants += room.Count
		}
	}
	return conferences, participants
}

// roomsJSON is the object that --json writes, see hushpipe-output(5).
type roomsJSON struct {
	Dir          string      `json:"dir"`
	Time         time.Time   `json:"time"`
	Day          string      `json:"day"`
	Rooms        int         `json:"rooms"`
	Conferences  uint64      `json:"conferences"`
	Participants uint64      `json:"participants"`
	Counts       []countJSON `json:"counts"` // sorted by hash
	UpperBound   bool        `json:"upper_bound"`
	LowerBound   bool        `json:"lower_bound"`
	Overflow     uint64      `json:"overflow"`
	Damaged      []string    `json:"damaged"`
	Missing      []string    `json:"missing"` // hosts
}

type countJSON struct {
	Hash  string `json:"hash"`
	Count uint64 `json:"count"`
}

func (o *roomsFlags) writeJSON(c roomCounts) error {
	conferences, participants := c.totals()
	object := roomsJSON{Dir: o.dir, Time: c.time.Truncate(time.Second), Day: c.day.String(), Rooms: len(c.Rooms),
		Conferences: conferences, Participants: participants, Counts: make([]countJSON, len(c.Rooms)),
		UpperBound: c.UpperBound, LowerBound: c.LowerBound, Overflow: c.Overflow, Damaged: append([]string{}, c.Damaged...),
		Missing: append([]string{}, c.Hosts.Missing()...)}
	for i, room := range c.Rooms {
		object.Counts[i] = countJSON{hex.EncodeToString(room.Hash[:]), room.Count}
	}
	enc := json.NewEncoder(o.out)
	enc.SetEscapeHTML(false)
	return enc.Encode(object)
}

// parseDayFlag parses --day; the default is today.
func parseDayFlag(date string) (civil.Day, error) {
	if date == "" {
		return civil.DayOf(now()), nil
	}
	day, ok := civil.ParseDay(date)
	if !ok {
		return 0, usage("--day %q is not valid; hint: give a date as 2026-11-22", date)
	}
	return day, nil
}
