package main

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"hushpipe/filter/acts"
	"hushpipe/filter/audit"
	"hushpipe/filter/policies"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/registry"
	"hushpipe/filter/reread"
	"hushpipe/filter/reveal"
	"hushpipe/format/civil"
	"hushpipe/format/prose"
)

func findCommand(stdin *os.File, log *messageLog) *cobra.Command {
	f := &finder{log: log}
	var subject dataSubjectFlags
	var date, keyDir, reason string
	cmd := &cobra.Command{
		Use:   "find [flags] DIR [STREAM…]",
		Short: "Print a person's lines, while the keys exist",
		Long:  manualText("find", "1"),
		Example: `  hushpipe find /var/log/hushpipe --address 192.0.2.1 --reason "case 12"
  hushpipe find /var/log/hushpipe web --user - --reason "case 13"`,
		Args: arguments(1, math.MaxInt),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !subject.given(cmd.Flags()) {
				if len(args) > 1 {
					return usage("no --address or --user given, and the argument after DIR is a stream; hint: give the address with --address, or the user with --user")
				}
				return usage("no --address or --user given; hint: see 'hushpipe find --help'")
			}
			keyDir = cmp.Or(keyDir, registry.StreamKeys(args[0]))
			confine(args[0], keyDir)
			var err error
			if f.subject, err = subject.read(newPrompt(stdin)); err != nil {
				return err
			}
			var day civil.Day
			if date != "" {
				if day, err = parseDayFlag(date); err != nil {
					return err
				}
			}
			f.actor = newActor(acts.Find, reason, f.subject.names(), log)
			defer f.close()
			if err := f.openAll(args[0], keyDir, args[1:]); err != nil {
				return err
			}
			f.searchAll(day, date != "")
			if err := f.actor.note(f.actions()); err != nil {
				return fmt.Errorf("this use cannot be recorded, so nothing is printed: %w", err)
			}
			return f.print(cmd.OutOrStdout())
		},
	}
	cmd.Flags().SortFlags = false
	subject.define(cmd.Flags(), "find")
	cmd.Flags().StringVar(&date, "day", "", "only search the day `DATE`, such as 2026-11-22")
	cmd.Flags().StringVar(&keyDir, "keys", "", "look for the day keys in `KEYDIR` (default DIR/keys)")
	cmd.Flags().StringVar(&reason, "reason", "", "record `TEXT` in DIR/acts.log, such as the case's number")
	return cmd
}

// finder finds the lines of a person in DIR and the directories below it.
type finder struct {
	subject dataSubject
	actor   actor
	erasing bool // skip the files that erase cannot change
	log     *messageLog
	places  []*findPlace // DIR first, unless streams are named
	failed  bool         // some lines of the person may be missing
}

// findPlace is a directory that is searched.
type findPlace struct {
	*finder
	path, keyDir string
	terms        *policies.Terms // nil if it is not a stream of a policy

	keys  *reveal.Reader
	has   []civil.Day // days with lines
	days  []civil.Day // days that were searched
	found []*foundDay
	lines int
}

// foundDay is what a search found in a file of a day, and the Falsifier for its lines.
type foundDay struct {
	*reveal.Found
	falsifier *reread.Falsifier
}

// openAll opens DIR and the directories below it, or the streams that are named.
func (f *finder) openAll(path, keyDir string, streams []string) error {
	used := audit.CheckUsed(path)
	if errors.Is(used, fs.ErrNotExist) {
		return used
	}
	if len(streams) > 0 {
		if err := f.openStreams(path, streams); err != nil {
			return err
		}
	} else {
		if err := f.open(path, keyDir); err != nil {
			return err
		}
		if used != nil && len(f.places) == 1 {
			return used
		}
	}
	for _, p := range f.places {
		if len(p.has) == 0 && (p.terms == nil || !p.terms.Stream.KeepsLines()) {
			continue // it has no lines of anybody
		}
		if err := f.actor.allows(p.path, p.terms); err != nil {
			return err
		}
	}
	return nil
}

// openStreams opens streams of DIR by name.
func (f *finder) openStreams(path string, names []string) error {
	keys, err := reveal.Open(path, "", f.log.report)
	if err != nil {
		return err
	}
	defer keys.Close()
	below, errs := keys.Below()
	for i, name := range names {
		at := slices.IndexFunc(below, func(path string) bool { return filepath.Base(path) == filepath.Clean(name) })
		if at < 0 {
			if err := errors.Join(errs...); err != nil {
				return err
			}
			var there []string
			for _, path := range below {
				there = append(there, filepath.Base(path))
			}
			// Do not print the name: it may be a person's.
			if len(there) == 0 {
				return usage("%s has no streams, and argument %d names one; hint: leave it out, or give an address with --address and a user with --user", path, i+2)
			}
			return usage("argument %d is not a stream of %s; hint: it has %s, and give an address with --address, a user with --user", i+2, path, strings.Join(there, ", "))
		}
		if err := f.openOne(below[at], registry.StreamKeys(below[at])); err != nil {
			return err
		}
	}
	return nil
}

// open opens a directory and those below it, such as the streams of a policy.
func (f *finder) open(path, keyDir string) error {
	if err := f.openOne(path, keyDir); err != nil {
		return err
	}
	below, errs := f.places[len(f.places)-1].keys.Below()
	for _, path := range below {
		if err := f.open(path, registry.StreamKeys(path)); err != nil {
			errs = append(errs, err)
		}
	}
	for _, err := range errs {
		f.fail(fmt.Errorf("a directory was not searched: %w", err))
	}
	return nil
}

func (f *finder) openOne(path, keyDir string) error {
	terms, err := policies.TermsOf(path)
	if err != nil {
		return err
	}
	keys, err := reveal.Open(path, keyDir, f.log.report)
	if err != nil {
		return err
	}
	keys.Scan = reread.Pseudonyms
	p := &findPlace{finder: f, path: path, keyDir: keyDir, keys: keys, terms: terms}
	f.places = append(f.places, p)
	if p.has, err = keys.Days(); err != nil {
		p.fail(err)
	}
	return nil
}

// searchAll searches all days, or if one is true that day only. It reports an error if
// no directory has the day.
func (f *finder) searchAll(day civil.Day, one bool) {
	has := false
	for _, p := range f.places {
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
		p.reportUnsearched()
	}
}

// actions returns one action for each directory that was searched, or for the first
// directory if none was.
func (f *finder) actions() (actions []dirAction) {
	for _, p := range f.places {
		if len(p.days) > 0 {
			actions = append(actions, dirAction{p.path, p.terms, p.days, p.lines})
		}
	}
	if actions == nil {
		p := f.places[0]
		return []dirAction{{p.path, p.terms, nil, 0}}
	}
	return actions
}

// search searches a day, and reports errors.
func (p *findPlace) search(day civil.Day) {
	err := p.searchDay(day)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("no file of %s; hint: leave out --day to search all days", day)
	}
	if err != nil {
		p.fail(err)
	}
}

func (p *findPlace) searchDay(day civil.Day) error {
	who, ciphers, canonical, err := p.person(day)
	if err != nil || len(who.Addrs) == 0 && who.User == nil {
		return err
	}
	falsifier, err := p.falsifier(day, ciphers, who)
	if err != nil {
		return err
	}
	wanted := reveal.Wanted{Addrs: who.Addrs, Canonical: canonical}
	untold := 0
	if who.User != nil {
		wanted = reveal.Wanted{Text: who.User, Is: func(line []byte) bool {
			is, known := falsifier.Is(line)
			if !known {
				untold++
			}
			return is
		}}
	}
	found, err := p.keys.Search(day, wanted)
	if err != nil {
		return err
	}
	p.days = append(p.days, day)
	long := false
	for _, f := range found {
		p.found = append(p.found, &foundDay{f, falsifier})
		p.lines += f.Lines
		long = long || f.Long > 0
	}
	if untold > 0 {
		p.fail(fmt.Errorf("%s of %s, from an error log or in an unknown format, may be the user's; hint: look for the name with grep", prose.Plural(untold, "line"), day))
	}
	if long {
		return fmt.Errorf("a line of %s that is longer than 1 MiB was not searched", day)
	}
	return nil
}

// reportUnsearched reports the files that find does not search.
func (p *findPlace) reportUnsearched() {
	if p.erasing {
		return // see reportUnreached
	}
	copies, err := p.keys.Copies()
	if err != nil {
		p.fail(err)
	}
	for _, name := range copies {
		if !slices.ContainsFunc(p.found, func(f *foundDay) bool { return f.Name() == name }) {
			p.fail(fmt.Errorf("%s was not searched: another program made it; hint: its pseudonyms are those of the day's other lines", name))
		}
	}
	p.reportForeign("searched", "look for the person there")
}

// reportForeign reports the files in DIR that hushpipe did not make.
func (p *findPlace) reportForeign(done, hint string) {
	foreign, err := p.keys.Foreign()
	if err != nil {
		p.fail(err)
	}
	for _, name := range foreign {
		p.fail(fmt.Errorf("%s was not %s: hushpipe did not make it; hint: %s, or keep it elsewhere", name, done, hint))
	}
}

// fail reports why lines may be missing.
func (p *findPlace) fail(err error) {
	if len(p.places) > 1 {
		err = fmt.Errorf("%s: %w", p.path, err)
	}
	p.finder.fail(err)
}

func (f *finder) fail(err error) {
	f.log.errorfWait("%v", err)
	f.failed = true
}

// person returns how the lines of a day show the person, the ciphers that were used,
// and whether the lines contain these pseudonyms only in the spelling that hushpipe
// writes. It reports what cannot be found.
func (p *findPlace) person(day civil.Day) (who reread.Person, ciphers []*pseudonym.Cipher, canonical bool, err error) {
	key, err := p.keys.Key(day)
	if errors.Is(err, fs.ErrNotExist) {
		if p.subject.user == "" || p.hashesUsers() {
			return who, nil, false, noKeyError(day, p.path, p.keyDir)
		}
		key = new(pseudonym.Key) // the name is in clear, and needs no key
		rand.Read(key[:])
	} else if err != nil {
		return who, nil, false, err
	}
	recorded, sure, err := p.keys.Modes(day, key)
	if err != nil {
		return who, nil, false, err
	}
	if len(recorded) == 0 {
		recorded = []string{pseudonym.Mode{}.String()}
	}
	canonical = true
	for _, text := range recorded {
		mode, err := pseudonym.ParseMode(text)
		if err != nil {
			return who, nil, false, err
		}
		cipher := pseudonym.New(key, mode)
		ciphers = append(ciphers, cipher)
		switch {
		case p.subject.user != "":
		case cipher.KeepsAddresses():
			who.Addrs, canonical = append(who.Addrs, p.subject.addr), false
		case mode.Reversible():
			a, _ := pseudonym.ParseAddr(cipher.AppendAddr(nil, p.subject.addr))
			who.Addrs = append(who.Addrs, a)
			if a, differs := cipher.Earlier(p.subject.addr); differs {
				who.Addrs = append(who.Addrs, a)
			}
		default:
			p.fail(fmt.Errorf("lines of %s were written with --ip %s, under which addresses cannot be told apart: they are not found", day, mode))
		}
	}
	if p.subject.user != "" {
		who.User = p.userOf(ciphers[0])
		if who.User == nil {
			p.fail(fmt.Errorf("lines of %s keep nothing that identifies a user: they are not found", day))
		}
	}
	if !sure && (p.subject.user == "" || p.hashesUsers()) {
		p.fail(fmt.Errorf("some lines of %s were written with another key, which is gone: they are not found", day))
	}
	return who, ciphers, canonical, nil
}

// print prints the lines, and logs for each directory their number by day.
func (f *finder) print(out io.Writer) error {
	for _, p := range f.shown() {
		for _, found := range p.found {
			if _, err := found.WriteTo(out); err != nil {
				return err
			}
		}
		p.sum("found")
	}
	if f.failed {
		return errReported
	}
	return nil
}

// shown returns the directories to report on: those with lines, or the first one if
// there are none. The DIR of a policy has none itself.
func (f *finder) shown() (shown []*findPlace) {
	some := slices.ContainsFunc(f.places, func(p *findPlace) bool { return len(p.has) > 0 })
	for i, p := range f.places {
		if len(p.has) > 0 || !some && i == 0 {
			shown = append(shown, p)
		}
	}
	return shown
}

// sum logs the number of lines by day.
func (p *findPlace) sum(done string) {
	var days []string
	for _, day := range p.days {
		lines := 0
		for _, found := range p.found {
			if found.Day == day {
				lines += found.Lines
			}
		}
		if lines > 0 {
			days = append(days, fmt.Sprintf("%s (%d)", day, lines))
		}
	}
	where := ""
	if len(p.places) > 1 {
		where = p.path + ": "
	}
	searched := prose.Plural(len(p.days), "day") + " searched"
	held := 0
	for _, found := range p.found {
		if found.Held() {
			held += found.Lines
		}
	}
	if len(days) == 0 {
		p.log.notef("%sno line of the %s %s, %s", where, p.subject, done, searched)
	} else {
		p.log.notef("%s%s of the %s %s, %s: %s", where, prose.Plural(p.lines, "line"), p.subject, done, searched, strings.Join(days, ", "))
		if held > 0 {
			p.log.notef("%sheld back of them: %s, until the group has enough people, or deletion", where, prose.Plural(held, "line"))
		}
	}
}

func (f *finder) close() {
	for _, p := range f.places {
		for _, found := range p.found {
			found.Close()
		}
		p.keys.Close()
	}
}
