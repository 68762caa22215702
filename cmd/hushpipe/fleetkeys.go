package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/filter/engine"
	"hushpipe/filter/fleet"
	"hushpipe/filter/fleet/ratchet"
	"hushpipe/filter/pairs"
	"hushpipe/filter/registry"
	"hushpipe/format/roomfile"
)

// fleetArguments requires one argument for each name.
func fleetArguments(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != len(names) {
			return usage("give %s; hint: see '%s --help'", strings.Join(names, " and "), cmd.CommandPath())
		}
		return nil
	}
}

func fleetNewCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "new [flags] FLEET",
		Short:   "Create the file of a new fleet, and print its seed",
		Long:    manualText("fleet-new", "1"),
		Example: `  (umask 077; hushpipe fleet new /etc/hushpipe/meet > seed)`,
		Args:    fleetArguments("FLEET"),
		RunE: func(cmd *cobra.Command, args []string) error {
			confineReader(nil, args[0])
			return fleetNew(args[0], cmd.OutOrStdout())
		},
	}
}

// fleetNew makes the fleet's file and prints the seed. If the seed cannot be printed,
// it removes the file, which is useless without one.
func fleetNew(path string, out io.Writer) error {
	name := filepath.Base(path)
	if err := ratchet.CheckName(name); err != nil {
		return usage("%s: %w", path, err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s: already exists; hint: add another host with hushpipe fleet invite", path)
	}
	if err != nil {
		return err
	}
	_, err = file.Write(fleet.File{Name: name}.AppendText(nil))
	// The umask that keeps others from reading the seed would keep the owner of DIR
	// from reading this file, which is not secret.
	err = errors.Join(err, file.Chmod(0o644), file.Sync(), file.Close())
	if err == nil {
		_, err = out.Write(fleet.NewSeed(name, now()).AppendText(nil))
	}
	if err != nil {
		os.Remove(path)
	}
	return err
}

func fleetInviteCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "invite [flags] FLEET DIR",
		Short:   "Print the seed that lets another host join",
		Long:    manualText("fleet-invite", "1"),
		Example: `  hushpipe fleet invite /etc/hushpipe/meet /var/log/hushpipe`,
		Args:    fleetArguments("FLEET", "DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := fleet.ReadFile(args[0])
			if err != nil {
				return err
			}
			confine(args[1], "")
			seed, err := fleet.Invite(args[1], file.Name, now())
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(seed.AppendText(nil))
			return err
		},
	}
}

func fleetRekeyCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "rekey [flags] FLEET",
		Short:   "Print a seed for new keys, after a host was lost",
		Long:    manualText("fleet-rekey", "1"),
		Example: `  (umask 077; hushpipe fleet rekey /etc/hushpipe/meet > seed)`,
		Args:    fleetArguments("FLEET"),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := fleet.ReadFile(args[0])
			if err != nil {
				return err
			}
			confineReader(nil, "")
			_, err = cmd.OutOrStdout().Write(fleet.Rekey(file.Name, now()).AppendText(nil))
			return err
		},
	}
}

func fleetShipCommand(log *messageLog) *cobra.Command {
	var keys, host string
	var check bool
	cmd := &cobra.Command{
		Use:   "ship [flags] FLEET DIR",
		Short: "Keep a fleet's keys in DIR, and send pairs to its engine",
		Long:  manualText("fleet-ship", "1"),
		Example: `  hushpipe fleet ship --check /etc/hushpipe/meet /var/log/hushpipe
  hushpipe fleet ship /etc/hushpipe/meet /var/log/hushpipe`,
		Args: fleetArguments("FLEET", "DIR"),
		RunE: func(_ *cobra.Command, args []string) error {
			file, err := fleet.ReadFile(args[0])
			if err != nil {
				return err
			}
			cfg, err := engineOf(file)
			if err != nil {
				return err
			}
			if host == "" {
				if host, err = os.Hostname(); err != nil {
					return err
				}
			}
			if err := roomfile.CheckHost(host); err != nil {
				return usage("--host %q: %w", host, err)
			}
			ready := notifier()
			keys = cmp.Or(keys, registry.StreamKeys(args[1]))
			shipper := fleet.NewShipper(fleet.ShipConfig{Path: args[1], Keys: keys, Fleet: file.Name, Now: now, Log: log.report})
			confined := confineToEngine(cfg, diskAccess{dir: args[1], keys: keys, renewed: secretsOf(file)})
			if check {
				return fleetCheck(shipper, file.Name, cfg, log)
			}
			send := func() {}
			if len(cfg.Addresses) > 0 {
				s := pairs.NewSender(pairs.SenderConfig{Path: args[1], Keys: keys, Fleet: file.Name, Host: host, Confined: confined, Now: now, Log: log.report,
					Open: func() (pairs.Engine, error) { return engine.Open(cfg) }})
				send = func() { sendPairs(s, log) }
			}
			return fleetServe(shipper, ready, log, send)
		},
	}
	cmd.Flags().StringVar(&keys, "keys", "", "the day keys are in `KEYDIR` (default DIR/keys)")
	cmd.Flags().BoolVar(&check, "check", false, "test FLEET, DIR and the engine, and exit")
	cmd.Flags().StringVar(&host, "host", "", "the name of this host in rosters (default that of the machine)")
	return cmd
}

// noteOtherHosts reminds whoever deletes keys in DIR that other hosts have the same
// keys.
func noteOtherHosts(path string, log *messageLog) {
	if _, err := os.Lstat(filepath.Join(path, dir.Fleet, dir.FleetName)); err == nil {
		log.notef("%s: the other hosts of its fleet have the same keys, which open copies of the lines; hint: delete the days there as well", path)
	}
}

// fleetServe keeps the keys of DIR up to date, and runs work at the same time so that
// keys never wait for an engine. It returns only if the first look fails.
func fleetServe(s *fleet.Shipper, ready func(), log *messageLog, work func()) error {
	if err := s.Step(); err != nil {
		return err
	}
	ready()
	go work()
	for {
		time.Sleep(calendar.UntilNextCheck(now()))
		if err := s.Step(); err != nil {
			log.limited(err.Error(), failure, err.Error())
		}
	}
}

// notifier returns the function that tells systemd that the service is ready, see
// sd_notify(3). It connects at once, since a confined process cannot.
func notifier() (ready func()) {
	conn, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET"))
	if err != nil {
		return func() {} // systemd does not ask for it
	}
	return func() { conn.Write([]byte("READY=1")) }
}
