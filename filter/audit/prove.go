package audit

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hushpipe/filter/dir"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/registry"
	"hushpipe/format/civil"
	"hushpipe/format/policy"
	"hushpipe/format/prose"
	"hushpipe/format/roomfile"
	"hushpipe/format/statement"
)

// provers has, for each kind of claim that a program can prove, the function that does, to
// be called after all lines were read. It returns nil for a claim that requires nothing.
var provers = map[statement.Kind]func(a *auditor, s *stream, c statement.Claim) *Row{
	statement.KindRunning:   (*auditor).running,
	statement.KindInput:     (*auditor).input,
	statement.KindLines:     (*auditor).conditions,
	statement.KindNothing:   (*auditor).nothing,
	statement.KindFields:    (*auditor).fields,
	statement.KindAddresses: (*auditor).addresses,
	statement.KindGroup:     (*auditor).group,
	statement.KindGate:      (*auditor).gate,
	statement.KindPeriod:    (*auditor).period,
	statement.KindKeys:      (*auditor).keys,
	statement.KindFigures:   (*auditor).figures,
	statement.KindJoining:   (*auditor).joining,
	statement.KindBackups:   (*auditor).backups,
}

// rows returns the claims with their verdicts.
func (a *auditor) rows() (rows []Row) {
	a.compareKeys()
	for _, c := range a.Claims {
		prove := provers[c.Kind()]
		if prove == nil {
			continue // for people
		}
		s := a.find(c.Of())
		if s == nil {
			s = a.streams[0]
		}
		if r := prove(a, s, c); r != nil {
			r.Claim, r.Stream = c.Kind().String(), c.Of()
			rows = append(rows, s.withVerdict(*r))
		}
	}
	for _, s := range a.streams {
		for _, of := range s.unclaimed(rows) {
			rows = append(rows, s.withVerdict(Row{Claim: string(of), Stream: s.Name, Text: "there is nothing else", Looked: "what no other claim is about"}))
		}
		if s.survey != nil {
			rows = append(rows, s.withVerdict(Row{Claim: string(access), Stream: s.Name,
				Text:   "nobody else has access to the files",
				Looked: "modes and owners of all files"}))
		}
	}
	return rows
}

// forPeople describes, for each kind of claim, what people have to answer for.
var forPeople = map[statement.Kind]string{
	statement.KindNotice:     "who is responsible, how to reach whom, where the log lies and whether it leaves the country",
	statement.KindPurpose:    "that the lines and figures are used for this purpose alone",
	statement.KindBasis:      "the legal basis",
	statement.KindDisclosure: "when pseudonyms are turned back and the lines of a person are looked for; acts.log records each use",
	statement.KindRecipients: "who gets the lines",
	statement.KindRights:     "that people get their rights",
}

// people returns the claims for people, each kind once.
func (a *auditor) people() (list []Answer) {
	for k := range statement.NumKinds {
		if k.Provable() {
			continue
		}
		one := Answer{Claim: k.String(), Text: forPeople[k], Streams: []string{}}
		made := false
		for _, c := range a.Claims {
			if c.Kind() != k {
				continue
			}
			made = true
			if of := c.Of(); of != "" && !slices.Contains(one.Streams, of) {
				one.Streams = append(one.Streams, of)
			}
		}
		if made {
			list = append(list, one)
		}
	}
	return list
}

// unclaimed returns rows without a claim that are broken or not provable, such as keys in a
// DIR whose lines are all in streams.
func (s *stream) unclaimed(rows []Row) (list []row) {
	found := slices.Concat(slices.Collect(maps.Keys(s.faults)), slices.Collect(maps.Keys(s.unsure)))
	if s.survey != nil {
		for _, f := range s.survey.Broken {
			found = append(found, f.of)
		}
	}
	slices.Sort(found)
	for _, of := range slices.Compact(found) {
		if of != access && !slices.ContainsFunc(rows, func(r Row) bool { return r.Claim == string(of) && r.Stream == s.Name }) {
			list = append(list, of)
		}
	}
	return list
}

// find returns the stream with that name, or nil.
func (a *auditor) find(name string) *stream {
	for _, s := range a.streams {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// withVerdict adds the findings of a row and the resulting verdict.
func (s *stream) withVerdict(r Row) Row {
	of := row(r.Claim)
	if s.survey != nil {
		for _, f := range s.survey.Broken {
			if f.of == of {
				s.fault(of, Fault{File: f.File, What: f.What, Do: f.Do})
			}
		}
	}
	if r.Faults = slices.Concat(r.Faults, s.faults[of]); r.Faults == nil {
		r.Faults = []Fault{}
	}
	r.More = s.more[of]
	why := s.unsure[of]
	if r.Why != "" {
		why = append([]string{r.Why}, why...)
	}
	if more := len(why) - maxReasons + s.moreReasons[of]; more > 0 {
		why = append(why[:maxReasons:maxReasons], fmt.Sprintf("and %d more", more))
	}
	switch r.Why = strings.Join(why, "; "); {
	case len(r.Faults) > 0:
		r.Verdict = Broken
	case r.Why != "":
		r.Verdict = NotProvable
	case r.Verdict == "":
		r.Verdict = Holds
	}
	return r
}

func (a *auditor) period(s *stream, c statement.Claim) *Row {
	keep := c.(statement.Period).Keep
	r := &Row{Text: "no line is older than " + keep.String(), Looked: "there is no line yet"}
	switch {
	case s.survey == nil:
		return r
	case keep.None():
		r.Text = "no line is older than " + s.survey.Keep
	case len(keep) > 1 || keep[0].Kind != policy.Days:
		r.Text = "lines are deleted at the first of their bounds: " + keep.String()
	}
	r.Looked = fmt.Sprintf("the names of %s, the dates of %s", prose.Plural(len(s.keys.of), "day"), prose.Plural(s.lines, "line"))
	if s.copies > 0 {
		r.Looked += fmt.Sprintf(", with those of %d copies", s.copies)
	}
	return r
}

func (a *auditor) keys(s *stream, c statement.Claim) *Row {
	k := c.(statement.Keys)
	r := &Row{Text: "each day has a key of its own, which is deleted with its lines"}
	if k.Linked != "" {
		r.Text = "the keys are those of " + k.Linked + ", on purpose"
	}
	if s.survey == nil {
		r.Looked = "there is no key yet"
		return r
	}
	at := s.keysOf()
	entries, err := os.ReadDir(at)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.Why = at + " cannot be read"
		return r
	}
	erased := s.erased()
	n, unread := 0, 0
	for _, e := range entries {
		day, ok := dir.OwnDay(dir.Keys, e.Name())
		if !ok {
			continue
		}
		n++
		path := filepath.Join(at, e.Name())
		key, err := readKey(path)
		if errors.Is(err, errNoKey) {
			s.fault(keyRow, Fault{File: path, What: err.Error(), Do: "remove it: a new one is made"})
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			unread++
		}
		first := s.survey.first
		if day < first && day >= s.survey.firstOf(s.survey.keepKeys) && k.Linked == "" {
			s.fault(keyRow, Fault{File: path, What: "is older than any line", Do: "hushpipe purge " + s.Path})
		}
		if key != nil && slices.Contains(erased[day], fmt.Sprintf("%x", key.ID())) {
			s.fault(keyRow, Fault{File: path, What: "is the key of a day that was erased", Do: "remove it"})
		}
	}
	if unread > 0 {
		r.Why = fmt.Sprintf("%s cannot be read by this user", prose.Plural(unread, "key"))
	}
	r.Looked = fmt.Sprintf("%s: dates, modes, links, and that all differ", prose.Plural(n, "key"))
	return r
}

// erased returns the ids of the keys of days that were deleted on purpose. Later lines of
// such a day have another key.
func (s *stream) erased() map[civil.Day][]string {
	ids := map[civil.Day][]string{}
	entries, _ := os.ReadDir(filepath.Join(s.Path, dir.Erased)) // it may not exist
	for _, e := range entries {
		if day, ok := dir.OwnDay(dir.Erased, e.Name()); ok {
			f, err := openRegular(filepath.Join(s.Path, dir.Erased, e.Name()))
			if err != nil {
				continue
			}
			text, _ := io.ReadAll(io.LimitReader(f, 4096))
			f.Close()
			ids[day] = strings.Fields(string(text))
		}
	}
	return ids
}

// compareKeys finds equal keys of two days, or of two streams that are not linked.
func (a *auditor) compareKeys() {
	type place struct {
		path string
		info fs.FileInfo
	}
	seen := map[pseudonym.Key]place{}
	for _, s := range a.streams {
		if s.survey == nil {
			continue
		}
		at := s.keysOf()
		entries, _ := os.ReadDir(at) // keys reports the error
		for _, e := range entries {
			path := filepath.Join(at, e.Name())
			if _, ok := dir.OwnDay(dir.Keys, e.Name()); !ok {
				continue
			}
			key, err := readKey(path)
			info, err2 := os.Lstat(path)
			if err != nil || err2 != nil {
				continue
			}
			other, twice := seen[*key]
			if twice && !os.SameFile(info, other.info) {
				s.fault(keyRow, Fault{File: path, What: "is equal to " + other.path, Do: "remove both, unless one is a copy: their lines can be joined"})
			}
			if !twice {
				seen[*key] = place{path, info}
			}
		}
	}
}

func (a *auditor) fields(s *stream, c statement.Claim) *Row {
	f := c.(statement.Fields)
	r := &Row{Text: "each field is kept in the form that is stated, and no other field"}
	if f.Whole {
		r.Text = "secrets in URLs are struck out"
	}
	r.Looked = prose.Plural(s.lines, "line") + ", each treated once more"
	switch {
	case s.earlier && s.ByFlags:
		r.Looked += "; some were written under other flags, and fit those"
	case s.earlier:
		r.Looked += "; some are of an earlier policy, and fit that"
	}
	if f.Whole && s.malformed > 0 {
		r.Looked += fmt.Sprintf("; %s in an unknown format", prose.Commas(s.malformed))
	}
	return r
}

func (a *auditor) addresses(s *stream, c statement.Claim) *Row {
	var modes []pseudonym.Mode
	for _, d := range s.keys.of {
		for _, m := range d.modes {
			if !slices.Contains(modes, m) {
				modes = append(modes, m)
			}
		}
	}
	if len(modes) == 0 {
		modes = []pseudonym.Mode{s.Mode}
	}
	var names []string
	for _, m := range modes {
		names = append(names, m.String())
	}
	slices.Sort(names)
	mode := strings.Join(names, ", ")
	r := &Row{Text: fmt.Sprintf("no address is in clear (%s)", mode), Looked: prose.Plural(s.lines, "line") + ": "}
	if client := c.(statement.Addresses).Client; client.Kind == policy.OnlyNets {
		r.Text = "no address is in clear but those of " + strings.TrimPrefix(client.String(), "only=")
	}
	switch {
	case slices.ContainsFunc(modes, pseudonym.Mode.InClear):
		s.fault(addresses, Fault{File: s.Path, What: "addresses are kept in clear, by " + mode, Do: "choose another mode"})
		r.Looked += "nothing to look for"
	case slices.Contains(names, "pfx"):
		r.Looked += "IPv6 addresses turned back, IPv4 by their form alone"
		r.Why = "under pfx, a pseudonym of an IPv4 address looks as an address does"
	case slices.Contains(names, "ipcrypt"):
		r.Looked += "each address turned back"
	default:
		r.Looked += "by their form alone"
	}
	if s.survey != nil {
		for _, d := range s.survey.Doubts {
			s.notProvable(addresses, d.File+": "+d.What)
		}
	}
	return r
}

func (a *auditor) figures(s *stream, c statement.Claim) *Row {
	r := &Row{Text: "figures of a day are counts and hashes of rooms, and nothing else", Looked: "there is none yet"}
	if s.survey == nil {
		return r
	}
	f := c.(statement.Figures)
	least := 0
	if f.Traffic != nil {
		least = f.Traffic.Least
		r.Text = fmt.Sprintf("a day's figures are counts, and names that %d networks sent, and nothing else", least)
	}
	n, looked := a.traffic(s, least)
	at := filepath.Join(s.Path, dir.Rooms)
	entries, err := os.ReadDir(at)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.Why = at + " cannot be read"
		return r
	}
	for _, e := range entries {
		path := filepath.Join(at, e.Name())
		if _, _, ok := dir.DayOf(dir.Rooms, e.Name()); !ok {
			if !dir.IsTemp(e.Name()) {
				s.notProvable(rowFor(statement.KindFigures), path+" is another program's, and is not looked at")
			}
			continue
		}
		n++
		text, err := readFigures(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.notProvable(rowFor(statement.KindFigures), path+" cannot be read to its end")
		}
		if strings.HasSuffix(e.Name(), dir.DamagedSuffix) {
			continue // set aside because it is unreadable
		}
		if strings.HasSuffix(e.Name(), dir.HostsSuffix) {
			if _, err := roomfile.ParseRoster(text); err != nil {
				s.fault(rowFor(statement.KindFigures), Fault{File: path, What: err.Error()})
			}
			continue
		}
		_, err = roomfile.Parse(text)
		for _, line := range lineErrors(err) {
			s.fault(rowFor(statement.KindFigures), Fault{File: path, Line: line.Line, What: line.Reason})
		}
	}
	if n > 0 {
		r.Looked = fmt.Sprintf("each line of %s", prose.Plural(n, "file")) + looked
	}
	return r
}

// maxFigures bounds the size of a file of figures.
const maxFigures = 256 << 20

// readFigures returns the contents of a file of figures, which may be compressed.
func readFigures(path string) ([]byte, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in, stop, err := decoded(f, f)
	if err != nil {
		return nil, err
	}
	defer stop()
	return io.ReadAll(io.LimitReader(in, maxFigures))
}

// lineErrors returns the line errors in an error of roomfile.Parse.
func lineErrors(err error) (list []*roomfile.LineError) {
	if line := (*roomfile.LineError)(nil); errors.As(err, &line) {
		list = append(list, line)
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		list = nil
		for _, err := range joined.Unwrap() {
			list = append(list, lineErrors(err)...)
		}
	}
	return list
}

func (a *auditor) backups(s *stream, c statement.Claim) *Row {
	b := c.(statement.Backups)
	r := &Row{Text: "backups that heed CACHEDIR.TAG leave keys and journals out"}
	places := []string{s.keysOf(), filepath.Join(s.Path, dir.Journal), filepath.Join(s.Path, dir.Fleet)}
	if b.Tagged {
		r.Text = "backups that heed CACHEDIR.TAG leave the directory out"
		places = []string{s.Path}
	}
	n := 0
	for _, at := range places {
		if _, err := os.Stat(at); err != nil {
			continue
		}
		n++
		if _, err := os.Stat(filepath.Join(at, dir.CacheTagName)); errors.Is(err, fs.ErrNotExist) {
			s.fault(rowFor(statement.KindBackups), Fault{File: at, What: "has no CACHEDIR.TAG", Do: "hushpipe makes it when it writes there next"})
		}
	}
	r.Looked = prose.Plural(n, "tag")
	return r
}

func (a *auditor) nothing(s *stream, c statement.Claim) *Row {
	r := &Row{Text: "nothing is written, and nothing counted", Looked: "there is no directory"}
	if s.survey == nil {
		return r
	}
	r.Looked = s.Path
	for _, d := range s.survey.Days {
		day, _ := civil.ParseDay(d.Day)
		s.fault(rowFor(statement.KindNothing), Fault{File: filepath.Join(s.Path, dir.LogFile(day)), What: "is there", Do: "it goes with its day, if an earlier policy wrote it"})
	}
	return r
}

func (a *auditor) conditions(s *stream, c statement.Claim) *Row {
	l := c.(statement.Lines)
	if l.Where.IsZero() && l.Unless.IsZero() {
		return nil
	}
	r := &Row{Text: "only lines that meet the stream's conditions are there", Looked: "there is no line yet"}
	if s.survey == nil {
		return r
	}
	r.Looked = prose.Plural(s.lines, "line") + ", by what is kept of each"
	if len(s.Untold) > 0 {
		r.Why = "lines do not tell enough of " + strings.Join(s.Untold, ", ")
	}
	return r
}

func (a *auditor) input(s *stream, c statement.Claim) *Row {
	in := c.(statement.Input)
	lines, malformed := 0, 0
	for _, s := range a.streams {
		lines += s.lines
		malformed += s.malformed
	}
	r := &Row{Text: "lines are read as " + in.Format, Looked: fmt.Sprintf("%s, %s in another form", prose.Plural(lines, "line"), prose.Commas(malformed))}
	if malformed > lines/2 {
		r.Why = "most lines have another form"
	}
	return r
}

func (a *auditor) running(_ *stream, c statement.Claim) *Row {
	r := &Row{Text: "all processes run the policy that DIR records"}
	digest := c.(statement.Running).Digest
	if !a.ruled() {
		r.Text, digest = "all processes have the --ip and --keep that DIR records", ""
	}
	seen := map[int]bool{}
	var how, other []string
	for _, s := range a.streams {
		if s.survey == nil {
			continue
		}
		for _, p := range s.survey.Processes {
			if seen[p.PID] {
				continue // it has a record in each stream
			}
			seen[p.PID] = true
			one := cmp.Or(p.Confined, "not confined") + ", as " + s.survey.users[p.PID]
			if !slices.Contains(how, one) {
				how = append(how, one)
			}
			if what := s.otherThan(digest, p); what != "" {
				other = append(other, fmt.Sprintf("process %d, started %s, runs %s", p.PID, p.Started.Format("2006-01-02 15:04"), what))
			}
		}
	}
	switch n := len(seen); n {
	case 0:
		r.Looked = "no process writes here now"
	case 1:
		r.Looked = "1 process: " + strings.Join(how, "; ")
	default:
		r.Looked = fmt.Sprintf("%d processes: %s", n, strings.Join(how, "; "))
	}
	r.Why = strings.Join(other, "; ")
	return r
}

// ruled reports whether DIR is run by a policy.
func (a *auditor) ruled() bool { return len(a.streams) > 1 || a.streams[0].Name != "" }

// otherThan describes what a process runs if that is not the policy with the given digest
// or, if digest is "", the flags that DIR records.
func (s *stream) otherThan(digest string, p registry.Process) string {
	switch {
	case p.Policy == "" && digest != "":
		return "no policy"
	case p.Policy != digest && digest == "":
		return "a policy"
	case p.Policy != digest:
		return fmt.Sprintf("another policy, sha256:%.8s, as far as the newest one allows", p.Policy)
	case digest == "" && (p.IP != s.Mode.String() || p.Keep != s.survey.Keep):
		return fmt.Sprintf("other flags: --ip %s, --keep %s", p.IP, p.Keep)
	}
	return ""
}

func (a *auditor) joining(s *stream, c statement.Claim) *Row {
	j := c.(statement.Joining)
	by := "the order of lines"
	if len(j.By) > 0 {
		by = strings.Join(j.By, ", ")
	}
	r := &Row{Text: fmt.Sprintf("%s and %s have keys of their own; their lines can be joined by %s", s.Name, j.With, by), Looked: "where their keys lie, and that all differ"}
	other := a.find(j.With)
	if j.Linked {
		r.Text = fmt.Sprintf("%s and %s share their keys, on purpose", s.Name, j.With)
	}
	if other == nil || other.survey == nil || s.survey == nil {
		r.Looked = "one of them has no directory yet"
		return r
	}
	mine, err := filepath.Abs(s.keysOf())
	its, err2 := filepath.Abs(other.keysOf())
	if same := mine == its; err == nil && err2 == nil && same != j.Linked {
		what := "are those of another stream that is not linked"
		if j.Linked {
			what = "are not those of the stream that it is linked with"
		}
		r.Faults = []Fault{{File: mine, What: what}} // other pairs of the stream have rows of their own
	}
	return r
}
