package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hushpipe/filter/dir"
	"hushpipe/filter/fleet"
	"hushpipe/format/civil"
)

func fleetCommand(log *messageLog) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fleet COMMAND",
		Short: "Count the rooms and the traffic of several web servers as one",
		Long:  manualText("fleet", "1"),
		Example: `  hushpipe fleet new /etc/hushpipe/meet
  hushpipe fleet merge /srv/fleet/all /srv/fleet/web1 /srv/fleet/web2`,
		DisableFlagsInUseLine: true,
		Args:                  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("unknown command %q; hint: %ssee 'hushpipe fleet --help'", "fleet "+args[0], didYouMean(commandNames(cmd), args[0], "fleet "))
			}
			return usage("no command given; hint: see 'hushpipe fleet --help'")
		},
	}
	cmd.AddCommand(fleetNewCommand(), fleetInviteCommand(), fleetShipCommand(log), fleetRekeyCommand(),
		fleetCollectCommand(log), fleetStatusCommand(), fleetMergeCommand(log))
	return cmd
}

func fleetMergeCommand(log *messageLog) *cobra.Command {
	var verify, keys string
	cmd := &cobra.Command{
		Use:   "merge [flags] OUT DIR…",
		Short: "Merge the journals of several hosts into daily files",
		Long:  manualText("fleet-merge", "1"),
		Example: `  hushpipe fleet merge /srv/fleet/all /srv/fleet/web1 /srv/fleet/web2
  hushpipe report /srv/fleet/all
  hushpipe fleet merge --verify /etc/hushpipe/meet \
    --keys /var/lib/hushpipe/meet/keys /srv/fleet/all /srv/fleet/*`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usage("give OUT, and the DIR of each host; hint: see '%s --help'", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			from, err := fleet.Name(args[1:])
			if err != nil {
				return usage("%w", err)
			}
			if keys != "" && !isDir(keys) {
				return usage("--keys %s: is not a directory", keys)
			}
			keys = fleet.FindKeys(from, keys)
			merge := fleet.Config{Out: args[0], From: from, Now: now(), Log: log.report}
			read := args[1:]
			for _, of := range from {
				read = append(read, dir.KeyPath(of.Path, of.Keys))
			}
			if verify == "" {
				confineMerge(args[0], read)
				return fleetMerge(merge, log)
			}
			v, err := newVerification(verify, keys)
			if err != nil {
				return err
			}
			confineToEngine(v.cfg, diskAccess{dir: args[0], read: read})
			merge.Counted = v.counted
			err = fleetMerge(merge, log)
			if next := v.run(args[0], log); err == nil {
				err = next
			} else if next != nil && next != errReported {
				log.errorf("%v", next)
			}
			return err
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVar(&verify, "verify", "", "compare with the engine of `FLEET` as well")
	cmd.Flags().StringVar(&keys, "keys", "", "the day keys of copies are in `KEYDIR`, for traffic figures and --verify (default those of the first DIR that has some)")
	return cmd
}

func fleetMerge(cfg fleet.Config, log *messageLog) error {
	out := cfg.Out
	r, err := fleet.Merge(cfg)
	for _, name := range r.Damaged {
		log.errorfWait("%s: damaged in part; its intact part is counted", name)
	}
	logDays(out, []daysFound{
		{r.Overflow, failure, "not all rooms and addresses are counted: past --max-rooms or --max-pairs of a host, or lines written into each other"},
		{r.LowerBound, failure, "journals of a host were deleted or away when others came: the counts are a lower bound"},
		{r.UpperBound, note, "counted under several keys: an address on two hosts is counted twice, the counts are an upper bound"},
		{r.Mixed, warning, "counted under several settings: the counts mix them; hint: give all hosts the same flags, and the same room-secret where there is one"},
	}, log)
	for _, s := range r.Silent {
		if s.Last.IsZero() {
			log.warnf("%s: there is no record of when its host ran; hint: copy its status directory as well", s.Path)
		} else {
			log.warnf("%s: nothing has come since %s; hint: is the host up, and does its copy run?", s.Path, s.Last.Format(time.RFC3339))
		}
	}
	traffic := logTraffic(out, r.Traffic, log)
	if err == nil && (len(r.Damaged)+len(r.Overflow)+len(r.LowerBound) > 0 || !traffic) {
		err = errReported
	}
	return err
}

// daysFound is a message about days.
type daysFound struct {
	days []civil.Day
	severity
	text string
}

func logDays(out string, all []daysFound, log *messageLog) {
	for _, found := range all {
		if len(found.days) > 0 {
			log.logf(found.severity, "%s: %s: %s", out, daysText(found.days), found.text)
		}
	}
}

// logTraffic logs what is wrong with the merged traffic figures, and reports whether
// they are complete.
func logTraffic(out string, t fleet.Traffic, log *messageLog) bool {
	for _, f := range t.Flawed {
		log.errorfWait("%s: not all traffic figures of %s can be read: its journals are damaged, or of another key or version", f.Path, f.Day)
	}
	logDays(out, []daysFound{
		{t.LowerBound, failure, "journals of a host were deleted or away when others came: the traffic figures are a lower bound"},
		{t.UpperBound, note, "traffic was counted under several keys: somebody who came to two hosts is two visitors; visits and visitors are an upper bound"},
		{t.Mixed, warning, "traffic was counted with several options: the figures mix them; hint: give all hosts the same flags"},
		{t.Sealed, warning, "no key opens the traffic journals of a host: its figures are not merged; hint: give --keys, see hushpipe-fleet-merge(1)"},
	}, log)
	for _, path := range t.Copied {
		log.warnf("%s: has traffic journals of another host, which are counted once; hint: is it a copy, or was a machine cloned?", path)
	}
	return len(t.LowerBound)+len(t.Flawed) == 0
}

// daysText lists days, with consecutive ones as a span.
func daysText(days []civil.Day) string {
	var spans []string
	for len(days) > 0 {
		n := 1
		for n < len(days) && days[n] == days[n-1]+1 {
			n++
		}
		span := days[0].String()
		if n > 1 {
			span += " to " + days[n-1].String()
		}
		spans, days = append(spans, span), days[n:]
	}
	return strings.Join(spans, ", ")
}
