package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"hushpipe/filter"
	"hushpipe/filter/audit"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/registry"
	"hushpipe/filter/reveal"
	"hushpipe/format/civil"
)

func findCommand(stdin *os.File, say *messages) *cobra.Command {
	f := &finder{say: say}
	var address, date, keyDir, reason string
	cmd := &cobra.Command{
		Use:   "find [flags] DIR",
		Short: "Print the lines of an address, while the keys live",
		Long:  manualText("find", "1"),
		Example: `  hushpipe find /var/log/hushpipe --address 192.0.2.1 --reason "case 12"
  hushpipe find /var/log/hushpipe --address - --day 2026-11-22`,
		Args: arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("address") {
				return usage("no --address given; hint: see 'hushpipe find --help'")
			}
			login := loginUser()
			keyDir = cmp.Or(keyDir, registry.KeysOf(args[0]))
			confine(args[0], keyDir)
			if err := f.readAddress(address, stdin); err != nil {
				return err
			}
			if err := checkReason(reason); err != nil {
				return err
			}
			var day civil.Day
			if date != "" {
				var err error
				if day, err = dayFlag(date); err != nil {
					return err
				}
			}
			if err := audit.CheckUsed(args[0]); err != nil {
				return err
			}
			var err error
			if f.keys, err = reveal.Open(args[0], keyDir, say.report); err != nil {
				return err
			}
			defer f.keys.Close()
			f.keys.Scan = filter.Pseudonyms
			f.path, f.keyDir = args[0], keyDir

			days := []civil.Day{day}
			if date == "" {
				if days, err = f.keys.Days(); err != nil {
					return err
				}
			}
			defer f.close()
			for _, day := range days {
				f.search(day)
			}
			rotated, err := f.keys.Rotated()
			if err != nil {
				return err
			}
			for _, name := range rotated {
				f.fail(fmt.Errorf("%s was not searched: another program made it; hint: its pseudonyms are those of the day's other lines", name))
			}
			if err := noteUse(f.keys, login, f.days, fmt.Sprintf("found=%d", f.lines), reason); err != nil {
				return fmt.Errorf("this use cannot be noted, so nothing is printed: %w", err)
			}
			return f.print(cmd.OutOrStdout())
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVar(&address, "address", "", "find `ADDRESS`, such as 192.0.2.1; - reads it from stdin")
	cmd.Flags().StringVar(&date, "day", "", "look at the day `DATE` alone, such as 2026-11-22")
	cmd.Flags().StringVar(&keyDir, "keys", "", "look for the day keys in `KEYDIR` (default DIR/keys)")
	cmd.Flags().StringVar(&reason, "reason", "", "note `TEXT` in DIR/reveal.log, such as the number of the case")
	return cmd
}

// finder finds the lines of an address.
type finder struct {
	path, keyDir string
	addr         pseudonym.Addr

	say    *messages
	keys   *reveal.Reader
	days   []civil.Day // that were searched
	found  []*reveal.Found
	lines  int
	failed bool // some lines of the address may be missing
}

// readAddress takes the address of a flag, or of stdin for "-".
func (f *finder) readAddress(text string, stdin io.Reader) error {
	if text == "-" {
		line, err := bufio.NewReader(io.LimitReader(stdin, 1024)).ReadString('\n')
		if err != nil && err != io.EOF {
			return fmt.Errorf("read the address from stdin: %w", bare(err))
		}
		text = strings.TrimSpace(line)
	}
	var ok bool
	if f.addr, ok = pseudonym.ParseAddr([]byte(text)); !ok {
		return usage("--address is no IP address; hint: give one as in 192.0.2.1 or 2001:db8::1, or - to read it from stdin; names, networks and ports cannot be found")
	}
	if !f.addr.IsClient() {
		return usage("--address: no client can have this address; hint: if it is a pseudonym, grep finds its lines")
	}
	return nil
}

// search looks through a day.
func (f *finder) search(day civil.Day) {
	addrs, canonical, err := f.pseudonyms(day)
	if err == nil && len(addrs) > 0 {
		var found *reveal.Found
		if found, err = f.keys.Search(day, addrs, canonical); err == nil {
			f.days = append(f.days, day)
			f.found = append(f.found, found)
			f.lines += found.Lines
			if found.Long > 0 {
				err = fmt.Errorf("a line of %s that is longer than 1 MiB was not searched", day)
			}
		} else if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%s: no file of %s; hint: leave out --day to look through all days", f.path, day)
		}
	}
	if err != nil {
		f.fail(err)
	}
}

func (f *finder) fail(err error) {
	f.say.list("%v", err)
	f.failed = true
}

// pseudonyms returns what the address became on a day, and whether it stands in the
// file only as hushpipe writes it. It has said what cannot be found.
func (f *finder) pseudonyms(day civil.Day) (addrs []pseudonym.Addr, canonical bool, err error) {
	key, err := f.keys.Key(day)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, noKey(day, f.path, f.keyDir)
	}
	if err != nil {
		return nil, false, err
	}
	recorded, sure, err := f.keys.Modes(day, key)
	if err != nil {
		return nil, false, err
	}
	if !sure {
		f.fail(fmt.Errorf("some lines of %s were written with another key, which is gone: they are not found", day))
	}
	if len(recorded) == 0 {
		recorded = []string{pseudonym.Mode{}.String()}
	}
	canonical = true
	for _, text := range recorded {
		mode, err := pseudonym.ParseMode(text)
		if err != nil {
			return nil, false, err
		}
		cipher := pseudonym.New(key, mode)
		switch {
		case cipher.Keeps():
			addrs, canonical = append(addrs, f.addr), false
		case mode.Reversible():
			a, _ := pseudonym.ParseAddr(cipher.AppendAddr(nil, f.addr))
			addrs = append(addrs, a)
		default:
			f.fail(fmt.Errorf("lines of %s were written with --ip %s, which leaves nothing to tell one address from another by: they are not found", day, mode))
		}
	}
	return addrs, canonical, nil
}

// print prints the lines, and says how many there are on which days.
func (f *finder) print(out io.Writer) error {
	var days []string
	for _, found := range f.found {
		if found.Lines == 0 {
			continue
		}
		days = append(days, fmt.Sprintf("%s (%d)", found.Day, found.Lines))
		if _, err := found.WriteTo(out); err != nil {
			return err
		}
	}
	searched := plural(len(f.days), "day") + " searched"
	if len(days) == 0 {
		f.say.sayf(note, "no line of the address found, %s", searched)
	} else {
		f.say.sayf(note, "%s of the address found, %s: %s", plural(f.lines, "line"), searched, strings.Join(days, ", "))
	}
	if f.failed {
		return errSaid
	}
	return nil
}

func (f *finder) close() {
	for _, found := range f.found {
		found.Close()
	}
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
