package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hushpipe/filter/audit"
	"hushpipe/filter/calendar"
	"hushpipe/filter/registry"
	"hushpipe/filter/store"
	"hushpipe/format/civil"
)

func purgeCommand(log *messageLog) *cobra.Command {
	var keep, keys, date string
	var force bool
	cmd := &cobra.Command{
		Use:   "purge [flags] DIR",
		Short: "Delete files past the retention, now",
		Long:  manualText("purge", "1"),
		Example: `  hushpipe purge /var/log/hushpipe
  hushpipe purge --day 2026-11-22 /var/log/hushpipe`,
		Args: arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var period calendar.Period
			if keep != "" {
				var err error
				if period, err = calendar.ParsePeriod(keep); err != nil {
					return usage("--%w", err)
				}
			}
			keys = cmp.Or(keys, registry.StreamKeys(args[0]))
			at := store.Directory{Path: args[0], Keys: keys, Now: now, Log: log.report}
			confine(args[0], keys)
			if err := audit.CheckUsed(args[0]); err != nil {
				return err
			}
			if date != "" {
				return purgeDay(at, date, cmd.OutOrStdout(), log)
			}
			purged, err := store.Purge(at, period, force)
			printDeleted(cmd.OutOrStdout(), purged.Deleted)
			if err != nil {
				return err
			}
			if until := purged.DoubtUntil; !until.IsZero() {
				return fmt.Errorf("%s: the clock is far ahead of the last time seen, nothing was deleted; hint: wait until %s, or give --force if the clock is right", args[0], until.Format(time.RFC3339))
			}
			return nil
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVar(&keep, "keep", "", "keep `DAYS` (default as recorded in DIR, else 14d)")
	cmd.Flags().StringVar(&keys, "keys", "", "look for the day keys in `KEYDIR` (default DIR/keys)")
	cmd.Flags().StringVar(&date, "day", "", "delete the day `DATE`, such as 2026-11-22, before it expires; never today")
	cmd.Flags().BoolVar(&force, "force", false, "trust a clock that is far ahead of the last time seen")
	cmd.MarkFlagsMutuallyExclusive("day", "keep")
	cmd.MarkFlagsMutuallyExclusive("day", "force")
	return cmd
}

// purgeDay is purge --day.
func purgeDay(at store.Directory, date string, stdout io.Writer, log *messageLog) error {
	day, ok := civil.ParseDay(date)
	if !ok {
		return usage("--day %q is not valid; hint: give a date, as in 2026-11-22", date)
	}
	purged, holders, err := store.PurgeDay(at, day)
	printDeleted(stdout, purged.Deleted)
	if err == nil {
		noteOtherHosts(at.Path, log)
	}
	for _, p := range holders {
		err = errors.Join(err, fmt.Errorf("process %d of hushpipe %s still holds the key of %s in memory, and may put it back; hint: restart the web server, then purge --day once more", p.PID, p.Version, day))
	}
	return err
}

func printDeleted(stdout io.Writer, names []string) {
	for _, name := range names {
		fmt.Fprintln(stdout, "deleted", strings.Map(printable, name))
	}
}
