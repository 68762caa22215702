package main

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"hushpipe/filter/store"
	"hushpipe/format"
	"hushpipe/format/roomfile"
)

func roomsCommand(say *messages) *cobra.Command {
	var date string
	cmd := &cobra.Command{
		Use:   "rooms [flags] DIR",
		Short: "Print the room counts of a day, as they stand now",
		Long: `Print how many different addresses used each room on a day, one line
COUNT SHA1(ROOM) for each, as they stand now, also while a filter runs.`,
		Example: `  hushpipe rooms /var/log/hushpipe
  hushpipe rooms --day 2026-11-21 /var/log/hushpipe`,
		Args: arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			day, err := dayFlag(date)
			if err != nil {
				return err
			}
			confine(args[0], "")
			if err := store.CheckUsed(args[0]); err != nil {
				return err
			}
			counts, err := store.ReadCounts(args[0], day)
			if errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("%s: nothing is known of %s", args[0], day)
			}
			if err != nil {
				return err
			}
			cmd.OutOrStdout().Write(roomfile.Append(nil, counts.Rooms))
			for _, name := range counts.Damaged {
				say.sayf("%s: damaged in part; what is intact is counted", name)
			}
			if counts.UpperBound {
				say.sayf("%s was counted under several keys: an address may be counted more than once", day)
			}
			if counts.Overflow > 0 {
				say.sayf("%s: rooms not counted in at least %s: too many rooms or addresses; see --max-rooms and --max-pairs of filter", day, plural(counts.Overflow))
			}
			if len(counts.Damaged) > 0 || counts.UpperBound || counts.Overflow > 0 {
				return errSaid
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&date, "day", "", "`DATE` of the day, as 2026-11-22 (default today)")
	return cmd
}

// dayFlag reads --day; the default is today.
func dayFlag(date string) (format.Day, error) {
	if date == "" {
		return format.DayOf(time.Now()), nil
	}
	day, ok := format.ParseDay(date)
	if !ok {
		return 0, usage("--day %q: give a date as 2026-11-22", date)
	}
	return day, nil
}
