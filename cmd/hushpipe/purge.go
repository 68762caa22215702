package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hushpipe/filter/rooms"
	"hushpipe/filter/rotate"
	"hushpipe/filter/store"
)

func purgeCommand(say *messages) *cobra.Command {
	var keep, keys string
	var force bool
	cmd := &cobra.Command{
		Use:   "purge [flags] DIR",
		Short: "Delete what has outlived the retention, now",
		Long: `Delete the lines, keys and journals that have outlived the retention. A running
filter does this by itself; purge is for a server that is off or silent.`,
		Example: `  hushpipe purge /var/log/hushpipe`,
		Args:    arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg := store.Config{Path: args[0], Keys: keys, Limits: rooms.NoLimits, Now: time.Now, Say: say.about}
			if keep != "" {
				var err error
				if cfg.Keep, err = rotate.ParseKeep(keep); err != nil {
					return usage("--%w", err)
				}
			}
			confine(args[0], keys)
			if err := store.CheckUsed(args[0]); err != nil {
				return err
			}
			purged, err := store.Purge(cfg, force)
			for _, name := range purged.Deleted {
				fmt.Fprintln(cmd.OutOrStdout(), "deleted", strings.Map(printable, name))
			}
			if err != nil {
				return err
			}
			if until := purged.DoubtUntil; !until.IsZero() {
				return fmt.Errorf("%s: the clock is far ahead of the last time seen, nothing was deleted; wait until %s, or give --force if the clock is right", args[0], until.Format(time.RFC3339))
			}
			return nil
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVar(&keep, "keep", "", "`DAYS` that are kept (default what DIR records, else 14d)")
	cmd.Flags().StringVar(&keys, "keys", "", "`KEYDIR` of the day keys (default DIR/keys)")
	cmd.Flags().BoolVar(&force, "force", false, "believe a clock that is far ahead of the last time seen")
	return cmd
}
