package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"hushpipe/filter/acts"
	"hushpipe/filter/counts"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/registry"
	"hushpipe/filter/reveal"
	"hushpipe/filter/store"
	"hushpipe/format/civil"
	"hushpipe/format/policy"
	"hushpipe/format/prose"
)

func eraseCommand(stdin *os.File, log *messageLog) *cobra.Command {
	e := &eraser{finder: finder{log: log, erasing: true}}
	var subject dataSubjectFlags
	var before, keyDir, reason string
	var all bool
	cmd := &cobra.Command{
		Use:   "erase [flags] DIR [STREAM…]",
		Short: "Falsify a person's lines in place, or delete days early",
		Long:  manualText("erase", "1"),
		Example: `  hushpipe erase /var/log/hushpipe --address - --reason "request 7"
  hushpipe erase /var/log/hushpipe web --before 2026-11-22 --reason "order 3"`,
		Args: arguments(1, math.MaxInt),
		RunE: func(cmd *cobra.Command, args []string) error {
			persons := subject.given(cmd.Flags())
			if what := len(given(cmd, "address", "user", "before", "all")); what != 1 {
				return usage("give one of --address, --user, --before and --all; hint: see 'hushpipe erase --help'")
			}
			if strings.TrimSpace(reason) == "" {
				return usage("no --reason given; hint: name the case by its number")
			}
			var until civil.Day = math.MaxInt32
			if before != "" {
				var ok bool
				if until, ok = civil.ParseDay(before); !ok {
					return usage("--before %q is not valid; hint: give a date, as in 2026-11-22", before)
				}
				if today := civil.DayOf(now()); until > today {
					return usage("--before %s: lines of %s still come; hint: give %s at most, or --all", before, today, today)
				}
			}
			e.in = newPrompt(stdin)
			keyDir = cmp.Or(keyDir, registry.StreamKeys(args[0]))
			confine(args[0], keyDir)
			if persons {
				var err error
				if e.subject, err = subject.read(e.in); err != nil {
					return err
				}
			}
			e.actor = newActor(acts.Erase, reason, e.subject.names(), log)
			e.out = cmd.OutOrStdout()
			defer e.close()
			if persons {
				return e.falsify(args[0], keyDir, args[1:])
			}
			return e.deleteDays(args[0], keyDir, args[1:], until)
		},
	}
	cmd.Flags().SortFlags = false
	subject.define(cmd.Flags(), "falsify")
	cmd.Flags().StringVar(&before, "before", "", "delete the days before `DATE`, such as 2026-11-22")
	cmd.Flags().BoolVar(&all, "all", false, "delete all days; for today only the lines")
	cmd.Flags().StringVar(&reason, "reason", "", "record `TEXT` in DIR/acts.log, such as the case's number")
	cmd.Flags().BoolVar(&e.yes, "yes", false, "do not ask; needed where stdin is not a terminal")
	cmd.Flags().StringVar(&keyDir, "keys", "", "look for the day keys in `KEYDIR` (default DIR/keys)")
	return cmd
}

// given returns those of the flags that are on the command line.
func given(cmd *cobra.Command, names ...string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return !cmd.Flags().Changed(name) })
}

// eraser is a finder that erases the lines it finds.
type eraser struct {
	finder
	in  *prompt
	out io.Writer
	yes bool
}

// confirm asks on the terminal whether to continue. Without a terminal, --yes is
// required.
func (e *eraser) confirm(question string) error {
	if e.yes {
		return nil
	}
	if !e.in.terminal {
		return errors.New("nothing was erased; hint: give --yes, since stdin is not a terminal")
	}
	e.log.lines <- question + " This cannot be undone. Type yes: "
	answer, err := e.in.line("the answer")
	if err != nil {
		return err
	}
	if answer != "yes" {
		return errors.New("nothing was erased")
	}
	return nil
}

// falsify is erase --address and --user.
func (e *eraser) falsify(path, keyDir string, streams []string) error {
	if err := e.openAll(path, keyDir, streams); err != nil {
		return err
	}
	for _, p := range e.places {
		if err := p.checkMerges(); err != nil {
			return err
		}
	}
	e.searchAll(0, false)
	total := 0
	for _, p := range e.shown() {
		p.sum("found")
		total += p.lines
	}
	if total > 0 {
		if err := e.confirm(fmt.Sprintf("Falsify %s in place?", prose.Plural(total, "line"))); err != nil {
			e.actor.what = acts.Find // the output has shown where the person was
			return errors.Join(err, e.actor.note(e.actions()))
		}
	} else {
		e.actor.what = acts.Find
	}
	if err := e.actor.note(e.actions()); err != nil {
		return fmt.Errorf("this use cannot be recorded, so nothing is erased: %w", err)
	}
	erased := 0
	for _, p := range e.places {
		erased += p.falsify(func(day civil.Day, lines int) error {
			return e.actor.note([]dirAction{{p.path, p.terms, []civil.Day{day}, lines}})
		})
	}
	fmt.Fprintf(e.out, "falsified %s\n", prose.Plural(erased, "line"))
	for _, p := range e.places {
		p.reportUnreached()
	}
	if total > 0 {
		e.noteCopies()
	}
	if e.failed {
		return errReported
	}
	return nil
}

// checkMerges returns an error if different people look the same in the lines, since
// other people's lines would be falsified too.
func (p *findPlace) checkMerges() error {
	if p.terms != nil && p.terms.Stream.Fields != nil {
		if t := p.terms.Stream.Treatment("client"); t.Kind == policy.OnlyNets {
			return fmt.Errorf("%s: the stream keeps %q of the client in clear, so a random address may be somebody's: lines would look like those of others; hint: leave the stream out, or delete its days with --before or --all", p.path, t)
		}
		for _, field := range []string{"client", "user"} {
			switch p.terms.Stream.Treatment(field).Kind {
			case policy.Mask:
				if p.subject.user != "" {
					continue // the name tells people apart
				}
			case policy.Words:
				if p.subject.user == "" {
					continue
				}
			default:
				continue
			}
			return fmt.Errorf("%s: the stream keeps only %q of the %s, which makes people look alike: lines of others would be falsified; hint: leave the stream out, or delete its days with --before or --all", p.path, p.terms.Stream.Treatment(field), field)
		}
		return nil
	}
	if p.subject.user != "" {
		return nil // a user's name stays as it is
	}
	merged := ""
	for _, day := range p.has {
		key, err := p.keys.Key(day)
		if err != nil {
			continue // reported by the search
		}
		modes, _, err := p.keys.Modes(day, key)
		if err != nil || len(modes) == 0 {
			return nil // reported by the search
		}
		for _, text := range modes {
			mode, err := pseudonym.ParseMode(text)
			if err != nil || mode.Reversible() || mode.InClear() {
				return nil
			}
			merged = text
		}
	}
	if strings.HasPrefix(merged, "mask") {
		return fmt.Errorf("%s: its lines were written with --ip %s, which makes people look alike: lines of others would be falsified; hint: delete days with --before or --all", p.path, merged)
	}
	return nil
}

// falsify changes the lines that were found and returns their number. It starts with
// lines that wait for their group, as they may be released at any moment; those
// released since the search are searched for again. If the new search finds more lines
// of the person, falsify passes their number to note before it changes them.
func (p *findPlace) falsify(note func(day civil.Day, lines int) error) (n int) {
	released := map[civil.Day]int{}
	for _, found := range p.found {
		if !found.Held() {
			continue
		}
		done, err := found.EraseHeld()
		n += done
		if errors.Is(err, reveal.ErrReleased) {
			released[found.Day] += found.Lines
		} else if err != nil {
			p.notFalsified(found, done, err)
		}
	}
	n += p.falsifyFiles(p.found)
	for _, day := range slices.Sorted(maps.Keys(released)) {
		from := len(p.found)
		p.search(day)
		again, lines := p.found[from:], 0
		for _, found := range again {
			switch {
			case found.Held() && found.Lines > 0:
				p.notFalsified(found, 0, reveal.ErrReleased)
			case !found.Held() && !found.Gzipped():
				lines += found.Lines
			}
		}
		if lines > released[day] {
			if err := note(day, lines-released[day]); err != nil {
				p.fail(fmt.Errorf("lines of %s arrived meanwhile and cannot be recorded, so nothing more of the day is erased: %w", day, err))
				continue
			}
		}
		n += p.falsifyFiles(again)
	}
	return n
}

func (p *findPlace) notFalsified(found *foundDay, done int, err error) {
	p.fail(fmt.Errorf("%s of %s were not falsified: %w; hint: run it again", prose.Plural(found.Lines-done, "line"), found.Day, err))
}

// falsifyFiles falsifies lines in the files of days.
func (p *findPlace) falsifyFiles(all []*foundDay) (n int) {
	for _, found := range all {
		if found.Lines == 0 || found.Gzipped() || found.Held() {
			continue // a copy, see reportUnreached
		}
		done, part, err := found.Falsify(found.falsifier.Falsify)
		n += done
		if part > 0 {
			p.fail(fmt.Errorf("%s of %s: only the address was falsified, since the format is not known", prose.Plural(part, "line"), found.Day))
		}
		if err != nil {
			p.notFalsified(found, done, err)
		}
	}
	return n
}

// reportUnreached reports the files that still contain or count the person.
func (p *findPlace) reportUnreached() {
	copies, err := p.keys.Copies()
	if err != nil {
		p.fail(err)
	}
	var counted, grouped []string
	for _, found := range p.found {
		if found.Lines == 0 {
			copies = slices.DeleteFunc(copies, func(name string) bool { return name == found.Name() }) // it was searched, and has no line of the person
			continue
		}
		if day, err := counts.Read(p.path, found.Day); err == nil && len(day.Rooms) > 0 && !slices.Contains(counted, found.Day.String()) {
			counted = append(counted, found.Day.String())
		}
		if p.terms != nil && p.terms.Stream.Group != nil && !slices.Contains(grouped, found.Day.String()) {
			grouped = append(grouped, found.Day.String())
		}
	}
	for _, name := range copies {
		p.fail(fmt.Errorf("%s was not reached: another program made it from a day's lines; hint: delete it", filepath.Join(p.path, name)))
	}
	p.reportForeign("reached", "see whether the person is in it")
	if len(counted) > 0 {
		p.fail(fmt.Errorf("figures and journals of %s were not reached: they may count the %s in rooms, by fingerprints that are deleted with their day", strings.Join(counted, ", "), p.subject))
	}
	if len(grouped) > 0 {
		p.fail(fmt.Errorf("journals of %s were not reached: they count the %s among the people of groups, by fingerprints that are deleted with their day", strings.Join(grouped, ", "), p.subject))
	}
}

// noteCopies reminds of copies that hushpipe cannot reach.
func (e *eraser) noteCopies() {
	var recipients []string
	for _, p := range e.places {
		if p.terms != nil && p.lines > 0 {
			for _, r := range p.terms.Stream.Recipients {
				recipients = append(recipients, r.In("en"))
			}
		}
	}
	slices.Sort(recipients)
	who := "backups, and programs that passed lines on before, are not reached"
	if recipients = slices.Compact(recipients); len(recipients) > 0 {
		who += "; the policy names these recipients: " + strings.Join(recipients, ", ")
	}
	e.log.notef("%s", who)
}

// deleteDays is erase --before and --all.
func (e *eraser) deleteDays(path, keyDir string, streams []string, before civil.Day) error {
	e.actor.what = "" // the policy does not restrict deleting days
	if err := e.openAll(path, keyDir, streams); err != nil {
		return err
	}
	e.actor.what = acts.Erase
	found, err := e.findErasable(before)
	if err != nil {
		return err
	}
	var actions []dirAction
	total := 0
	for i, p := range e.places {
		if days := found[i].Days; len(days) > 0 {
			actions = append(actions, dirAction{p.path, p.terms, days, found[i].Lines})
			total += len(days)
		}
	}
	if total == 0 {
		e.log.notef("%s: there is no day to delete", path)
		actions = []dirAction{{e.places[0].path, e.places[0].terms, nil, 0}}
	} else if err := e.confirm("Delete these days?"); err != nil {
		return err
	}
	if err := e.actor.note(actions); err != nil {
		return fmt.Errorf("this use cannot be recorded, so nothing is erased: %w", err)
	}
	today, goesOn := civil.DayOf(now()), false
	for i, p := range e.places {
		days := found[i].Days
		if len(days) == 0 {
			continue
		}
		purged, err := store.EraseDays(e.directory(p), found[i], func(day civil.Day, lines int) error {
			if err := e.actor.note([]dirAction{{p.path, p.terms, []civil.Day{day}, lines}}); err != nil {
				return fmt.Errorf("%s arrived meanwhile and cannot be recorded: %w", prose.Plural(lines, "line"), err)
			}
			return nil
		})
		for k, name := range purged.Deleted {
			purged.Deleted[k] = filepath.Join(p.path, name)
		}
		printDeleted(e.out, purged.Deleted)
		if err != nil {
			p.finder.fail(err)
		}
		noteOtherHosts(p.path, e.log)
		goesOn = goesOn || days[len(days)-1] >= today
	}
	if goesOn {
		e.log.notef("key and journal of %s stay, as its lines go on", today)
	}
	if total > 0 {
		e.log.notef("figures stay, and backups and programs that passed lines on before are not reached")
	}
	if e.failed {
		return errReported
	}
	return nil
}

// directory returns the Directory of a place.
func (e *eraser) directory(p *findPlace) store.Directory {
	return store.Directory{Path: p.path, Keys: p.keyDir, Now: now, Log: e.log.report}
}

// findErasable returns what there is to delete in each place, and logs it. It returns an
// error if a place must not be changed now.
func (e *eraser) findErasable(before civil.Day) ([]store.Erasable, error) {
	found := make([]store.Erasable, len(e.places))
	for i, p := range e.places {
		if err := e.checkShared(p); err != nil {
			return nil, err
		}
		holders, err := store.Holders(p.path)
		if err != nil {
			return nil, err
		}
		for _, h := range holders {
			e.log.errorfWait("%s: process %d of hushpipe %s holds the keys of its days in memory, and would put them back; hint: restart the web server, then run it again", p.path, h.PID, h.Version)
			e.failed = true
		}
		if found[i], err = store.FindErasable(e.directory(p), before); err != nil {
			return nil, err
		}
		if days := found[i].Days; len(days) > 0 {
			e.log.notef("%s: %s, %s to %s, with %s", p.path, prose.Plural(len(days), "day"), days[0], days[len(days)-1], prose.Plural(found[i].Lines, "line"))
		}
	}
	if e.failed {
		return nil, errReported
	}
	return found, nil
}

// checkShared returns an error if the stream shares its keys with a stream that is not
// to be erased.
func (e *eraser) checkShared(p *findPlace) error {
	if p.terms == nil {
		return nil
	}
	owner := func(s *policy.Stream) string { return cmp.Or(s.Linked, s.Name) }
	for i := range p.terms.Policy.Streams {
		other := &p.terms.Policy.Streams[i]
		if owner(other) == owner(p.terms.Stream) && !slices.ContainsFunc(e.places, func(p2 *findPlace) bool {
			return p2.terms != nil && p2.terms.Home == p.terms.Home && p2.terms.Stream.Name == other.Name
		}) {
			if _, err := os.Lstat(filepath.Join(p.terms.Home, other.Name)); err == nil {
				return fmt.Errorf("%s: its keys are those of the stream %s as well; hint: name both", p.path, other.Name)
			}
		}
	}
	return nil
}
