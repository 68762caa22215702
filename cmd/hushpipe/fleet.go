package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hushpipe/filter/fleet"
	"hushpipe/format/civil"
)

func fleetCommand(say *messages) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fleet COMMAND",
		Short: "Count the rooms of several web servers as one",
		Long:  manualText("fleet", "1"),
		Example: `  hushpipe fleet new /etc/hushpipe/meet
  hushpipe fleet merge /srv/fleet/all /srv/fleet/web1 /srv/fleet/web2`,
		DisableFlagsInUseLine: true,
		Args:                  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("unknown command %q; hint: %ssee 'hushpipe fleet --help'", "fleet "+args[0], meant(commandNames(cmd), args[0], "fleet "))
			}
			return usage("no command given; hint: see 'hushpipe fleet --help'")
		},
	}
	cmd.AddCommand(fleetNewCommand(), fleetInviteCommand(), fleetShipCommand(say), fleetRekeyCommand(),
		fleetCollectCommand(say), fleetStatusCommand(), fleetMergeCommand(say))
	return cmd
}

func fleetMergeCommand(say *messages) *cobra.Command {
	return &cobra.Command{
		Use:   "merge [flags] OUT DIR…",
		Short: "Unite the journals of several hosts in room files",
		Long:  manualText("fleet-merge", "1"),
		Example: `  hushpipe fleet merge /srv/fleet/all /srv/fleet/web1 /srv/fleet/web2
  hushpipe report /srv/fleet/all`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usage("give OUT, and the DIR of each host; hint: see '%s --help'", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return fleetMerge(args[0], args[1:], say) },
	}
}

func fleetMerge(out string, dirs []string, say *messages) error {
	from, err := fleet.Name(dirs)
	if err != nil {
		return usage("%w", err)
	}
	confineMerge(out, dirs)
	r, err := fleet.Merge(fleet.Config{Out: out, From: from, Now: now(), Say: say.report})
	for _, name := range r.Damaged {
		say.list("%s: damaged in part; its intact part is counted", name)
	}
	for _, found := range []struct {
		days []civil.Day
		severity
		text string
	}{
		{r.Overflow, failure, "not all rooms and addresses are counted: past --max-rooms or --max-pairs of a host, or lines written into each other"},
		{r.LowerBound, failure, "journals of a host were deleted or away when others came: the counts are a lower bound"},
		{r.UpperBound, note, "counted under several keys: an address on two hosts is counted twice, the counts are an upper bound"},
		{r.Mixed, warning, "counted under several settings: the counts mix them; hint: give all hosts the same flags, and the same room-secret where there is one"},
	} {
		if len(found.days) > 0 {
			say.sayf(found.severity, "%s: %s: %s", out, daysText(found.days), found.text)
		}
	}
	for _, s := range r.Silent {
		if s.Last.IsZero() {
			say.sayf(warning, "%s: nothing is known of when its host ran; hint: copy its status directory as well", s.Path)
		} else {
			say.sayf(warning, "%s: nothing has come since %s; hint: is the host up, and does its copy run?", s.Path, s.Last.Format(time.RFC3339))
		}
	}
	if err == nil && len(r.Damaged)+len(r.Overflow)+len(r.LowerBound) > 0 {
		err = errSaid
	}
	return err
}

// daysText lists days, those that follow each other as a span.
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
