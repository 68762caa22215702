package main

import (
	"bytes"
	"cmp"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"hushpipe/filter/engine"
	"hushpipe/filter/fleet"
	"hushpipe/filter/pairs"
	"hushpipe/filter/registry"
	"hushpipe/format/prose"
)

func fleetStatusCommand() *cobra.Command {
	var keys string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status [flags] FLEET [DIR]",
		Short: "Show the hosts of a fleet, how late they are, and what is missing",
		Long:  manualText("fleet-status", "1"),
		Example: `  hushpipe fleet status /etc/hushpipe/meet /var/log/hushpipe
  hushpipe fleet status --json /etc/hushpipe/meet /var/log/hushpipe`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 && len(args) != 2 {
				return usage("give FLEET, and the DIR of a host; hint: see '%s --help'", cmd.CommandPath())
			}
			if len(args) == 1 && keys != "" {
				return usage("--keys needs DIR; hint: give the DIR of a host")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			file, cfg, err := fleetWithEngine(args[0])
			if err != nil {
				return err
			}
			path := ""
			if len(args) == 2 {
				path = args[1]
				keys = cmp.Or(keys, registry.StreamKeys(path))
			}
			confineToEngine(cfg, diskAccess{dir: path, keys: keys})
			s, err := pairs.ReadStatus(pairs.CollectorConfig{Path: path, Keys: keys, Fleet: file.Name, Hosts: file.Hosts, Now: now,
				Open: func() (pairs.Counter, error) { return engine.Open(cfg) }})
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if asJSON {
				writeJSON(out, s)
			} else {
				out.Write(appendFleetStatus(nil, s))
			}
			if n := len(s.Behind); n > 0 {
				return fmt.Errorf("%s: behind in %s", args[0], prose.Plural(n, "place"))
			}
			return nil
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON, for other programs")
	cmd.Flags().StringVar(&keys, "keys", "", "the day keys are in `KEYDIR` (default DIR/keys)")
	return cmd
}

// fleetWithEngine reads the file of a fleet, which must have an engine.
func fleetWithEngine(path string) (file fleet.File, cfg engine.Config, err error) {
	if file, err = fleet.ReadFile(path); err != nil {
		return file, cfg, err
	}
	if cfg, err = engineOf(file); err != nil {
		return file, cfg, err
	}
	if len(cfg.Addresses) == 0 {
		err = fmt.Errorf("%s: names no engine; hint: add a line 'engine redis://HOST:PORT', or use hushpipe fleet merge", path)
	}
	return file, cfg, err
}

// appendFleetStatus appends s as text for people.
func appendFleetStatus(dst []byte, s pairs.Status) []byte {
	d := &drawing{dst}
	if s.Hosts == nil {
		d.linef("%s: its hosts are named where a DIR with the keys is given", s.Fleet)
		rows := [][]string{{"DAY", "HOSTS"}}
		for _, day := range s.Days {
			rows = append(rows, []string{day.Day, strconv.Itoa(day.Records)})
		}
		d.linef("")
		d.table("lr", rows)
	} else {
		d.fleetHosts(s)
		d.fleetDays(s)
	}
	d.linef("")
	if len(s.Behind) == 0 {
		d.linef("nothing is behind")
	} else {
		d.linef("behind:")
		for _, b := range s.Behind {
			d.finding("  ", b.Of, b.What, b.Do)
		}
	}
	return bytes.Map(printable, d.text)
}

func (d *drawing) fleetHosts(s pairs.Status) {
	d.linef("%s: %s", s.Fleet, prose.Plural(len(s.Hosts), "host"))
	if len(s.Hosts) == 0 {
		return
	}
	rows := [][]string{{"HOST", "LAST HEARD", "OLDEST KEY", "SENT AGAIN"}}
	var confined []string
	for _, h := range s.Hosts {
		if h.Lag == nil {
			rows = append(rows, []string{h.Name, "never", "", ""})
			continue
		}
		lag := max(0, time.Duration(*h.Lag)*time.Second) // a host's clock may be ahead
		rows = append(rows, []string{h.Name, timeAgo(lag), h.Oldest, strconv.Itoa(h.Resends)})
		confined = append(confined, cmp.Or(h.Confined, "not known how they are confined"))
	}
	d.linef("")
	d.table("lllr", rows)
	if confined != nil {
		d.linef("")
		d.wrapped(joinUnique(confined))
	}
}

func (d *drawing) fleetDays(s pairs.Status) {
	rows := [][]string{{"DAY", "CLOSED", "OPEN", "MISSING", "ROOMS", "PAIRS"}}
	for _, day := range s.Days {
		rows = append(rows, []string{day.Day, strconv.Itoa(len(day.Closed)), strconv.Itoa(len(day.Open)), strconv.Itoa(len(day.Missing)),
			prose.Commas(day.Rooms), prose.Commas(day.Pairs)})
	}
	d.linef("")
	d.table("lr", rows)
}
