package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
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
			used := audit.CheckUsed(args[0])
			if errors.Is(used, fs.ErrNotExist) {
				return used
			}
			defer f.close()
			if err := f.open(args[0], keyDir); err != nil {
				return err
			}
			if used != nil && len(f.places) == 1 {
				return used
			}
			f.searchAll(day, date != "")
			for _, p := range f.noted() {
				if err := noteUse(p.keys, login, p.days, fmt.Sprintf("found=%d", p.lines), reason); err != nil {
					return fmt.Errorf("this use cannot be noted, so nothing is printed: %w", err)
				}
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

// finder finds the lines of an address, in DIR and in those below it.
type finder struct {
	addr   pseudonym.Addr
	say    *messages
	places []*findPlace // DIR is the first
	failed bool         // some lines of the address may be missing
}

// findPlace is a directory that is searched.
type findPlace struct {
	*finder
	path, keyDir string

	keys  *reveal.Reader
	has   []civil.Day // days that have lines
	days  []civil.Day // that were searched
	found []*reveal.Found
	lines int
}

// open opens a directory and those below it, such as the streams of a policy.
func (f *finder) open(path, keyDir string) error {
	keys, err := reveal.Open(path, keyDir, f.say.report)
	if err != nil {
		return err
	}
	keys.Scan = filter.Pseudonyms
	f.places = append(f.places, &findPlace{finder: f, path: path, keyDir: keyDir, keys: keys})
	below, errs := keys.Below()
	for _, path := range below {
		if err := f.open(path, registry.KeysOf(path)); err != nil {
			errs = append(errs, err)
		}
	}
	for _, err := range errs {
		f.fail(fmt.Errorf("a directory was not searched: %w", err))
	}
	return nil
}

// searchAll looks through all days or one, which some directory has to have.
func (f *finder) searchAll(day civil.Day, one bool) {
	has := false
	for _, p := range f.places {
		var err error
		if p.has, err = p.keys.Days(); err != nil {
			p.fail(err)
		}
		if one && !slices.Contains(p.has, day) {
			continue
		}
		days := p.has
		if one {
			days = []civil.Day{day}
		}
		has = true
		for _, day := range days {
			p.search(day)
		}
	}
	if one && !has {
		f.places[0].search(day)
	}
	for _, p := range f.places {
		p.rotated()
	}
}

// noted returns the directories whose reveal.log notes the use: DIR where none was
// searched.
func (f *finder) noted() (noted []*findPlace) {
	for _, p := range f.places {
		if len(p.days) > 0 {
			noted = append(noted, p)
		}
	}
	if noted == nil {
		return f.places[:1]
	}
	return noted
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
func (p *findPlace) search(day civil.Day) {
	addrs, canonical, err := p.pseudonyms(day)
	if err == nil && len(addrs) > 0 {
		var found *reveal.Found
		if found, err = p.keys.Search(day, addrs, canonical); err == nil {
			p.days = append(p.days, day)
			p.found = append(p.found, found)
			p.lines += found.Lines
			if found.Long > 0 {
				err = fmt.Errorf("a line of %s that is longer than 1 MiB was not searched", day)
			}
		} else if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("no file of %s; hint: leave out --day to look through all days", day)
		}
	}
	if err != nil {
		p.fail(err)
	}
}

// rotated tells of the files that are not searched.
func (p *findPlace) rotated() {
	rotated, err := p.keys.Rotated()
	if err != nil {
		p.fail(err)
	}
	for _, name := range rotated {
		p.fail(fmt.Errorf("%s was not searched: another program made it; hint: its pseudonyms are those of the day's other lines", name))
	}
}

// fail tells why lines may be missing.
func (p *findPlace) fail(err error) {
	if len(p.places) > 1 {
		err = fmt.Errorf("%s: %w", p.path, err)
	}
	p.finder.fail(err)
}

func (f *finder) fail(err error) {
	f.say.list("%v", err)
	f.failed = true
}

// pseudonyms returns what the address became on a day, and whether it stands in the
// file only as hushpipe writes it. It has said what cannot be found.
func (p *findPlace) pseudonyms(day civil.Day) (addrs []pseudonym.Addr, canonical bool, err error) {
	key, err := p.keys.Key(day)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, noKey(day, p.path, p.keyDir)
	}
	if err != nil {
		return nil, false, err
	}
	recorded, sure, err := p.keys.Modes(day, key)
	if err != nil {
		return nil, false, err
	}
	if !sure {
		p.fail(fmt.Errorf("some lines of %s were written with another key, which is gone: they are not found", day))
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
			addrs, canonical = append(addrs, p.addr), false
		case mode.Reversible():
			a, _ := pseudonym.ParseAddr(cipher.AppendAddr(nil, p.addr))
			addrs = append(addrs, a)
		default:
			p.fail(fmt.Errorf("lines of %s were written with --ip %s, which leaves nothing to tell one address from another by: they are not found", day, mode))
		}
	}
	return addrs, canonical, nil
}

// print prints the lines, and says for each directory how many there are on which days.
func (f *finder) print(out io.Writer) error {
	some := slices.ContainsFunc(f.places, func(p *findPlace) bool { return len(p.has) > 0 })
	for i, p := range f.places {
		if len(p.has) == 0 && (some || i > 0) {
			continue // such as DIR of a policy, whose streams have the lines
		}
		if err := p.print(out); err != nil {
			return err
		}
	}
	if f.failed {
		return errSaid
	}
	return nil
}

func (p *findPlace) print(out io.Writer) error {
	var days []string
	for _, found := range p.found {
		if found.Lines == 0 {
			continue
		}
		days = append(days, fmt.Sprintf("%s (%d)", found.Day, found.Lines))
		if _, err := found.WriteTo(out); err != nil {
			return err
		}
	}
	where := ""
	if len(p.places) > 1 {
		where = p.path + ": "
	}
	searched := several(uint64(len(p.days)), "day") + " searched"
	if len(days) == 0 {
		p.say.sayf(note, "%sno line of the address found, %s", where, searched)
	} else {
		p.say.sayf(note, "%s%s of the address found, %s: %s", where, several(uint64(p.lines), "line"), searched, strings.Join(days, ", "))
	}
	return nil
}

func (f *finder) close() {
	for _, p := range f.places {
		for _, found := range p.found {
			found.Close()
		}
		p.keys.Close()
	}
}
