package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"hushpipe/filter"
	"hushpipe/filter/audit"
	"hushpipe/filter/calendar"
	"hushpipe/filter/claims"
	"hushpipe/filter/dir"
	"hushpipe/filter/policies"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/registry"
	"hushpipe/filter/treatment"
	"hushpipe/format"
	"hushpipe/format/civil"
	"hushpipe/format/policy"
	"hushpipe/format/prose"
	"hushpipe/format/statement"
)

func auditCommand(log *messageLog) *cobra.Command {
	var asJSON, apache, nginx bool
	var keys string
	cmd := &cobra.Command{
		Use:   "audit [flags] DIR",
		Short: "Read every line on disk, and check the promise claim by claim",
		Long:  manualText("audit", "1"),
		Example: `  hushpipe audit /var/log/hushpipe
  hushpipe audit --apache /var/log/hushpipe
  hushpipe audit --json /var/log/hushpipe | jq '.rows[].verdict'`,
		Args: arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			other := auditOther(apache, nginx) // runs the server's program, so before confinement
			s := &auditBuilder{Subject: audit.Subject{Path: args[0], Now: now(), Read: &atomic.Int64{}}, keys: keys}
			confineReader(s.places(), "")
			if err := audit.CheckUsed(args[0]); err != nil {
				return err
			}
			if err := s.findClaims(log); err != nil {
				return err
			}
			stop := func() {}
			s.Total = func(bytes int64) { stop = log.progressOf("looked at", bytes, s.Read.Load, nil) }
			a, err := audit.New(context.Background(), s.Subject)
			stop()
			if err != nil {
				return err
			}
			a.Rows = append(a.Rows, other...)
			out := cmd.OutOrStdout()
			if asJSON {
				writeJSON(out, a)
			} else {
				out.Write(appendAudit(nil, a))
			}
			if n := a.Broken(); n > 0 {
				return fmt.Errorf("%s: %s broken", args[0], claimsAre(n))
			}
			return nil
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON, for other programs")
	cmd.Flags().StringVar(&keys, "keys", "", "look for the day keys in `KEYDIR` (default DIR/keys)")
	cmd.Flags().BoolVar(&apache, "apache", false, "also check what Apache's httpd is configured to write past hushpipe, see hushpipe-check(1)")
	cmd.Flags().BoolVar(&nginx, "nginx", false, "the same for nginx")
	return cmd
}

func claimsAre(n int) string {
	if n == 1 {
		return "1 claim is"
	}
	return fmt.Sprintf("%d claims are", n)
}

// auditBuilder collects what audit.New needs.
type auditBuilder struct {
	audit.Subject
	keys string // --keys
}

// places returns the directories that the audit reads.
func (s *auditBuilder) places() []string {
	places := []string{s.Path, s.keys, registry.StreamKeys(s.Path)}
	if d, err := dir.Open(s.Path, dir.Options{}); err == nil {
		defer d.Close()
		earlier, _ := registry.KeyDirs(d) // the audit reports the error
		places = append(places, earlier...)
		below, _ := d.Nested()
		for _, name := range below {
			places = append(places, registry.StreamKeys(filepath.Join(s.Path, name)))
		}
	}
	return places
}

// findClaims derives the claims about DIR from what its processes recorded: a policy,
// or flags.
func (s *auditBuilder) findClaims(log *messageLog) error {
	_, text, err := policies.Last(s.Path)
	if err == nil {
		return s.claimByPolicy(text, log)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return s.claimByFlags(s.Path)
}

// auto proves lines whose format was not recorded.
func auto(cipher *pseudonym.Cipher, day civil.Day, isOpen func(pseudonym.Group) bool) (audit.Proof, error) {
	o := &filterFlags{formatFlags: formatFlags{format: "auto"}}
	return o.way(cipher, day, isOpen)
}

// way proves lines that were written with these flags. It is an audit.Way.
func (o *filterFlags) way(cipher *pseudonym.Cipher, day civil.Day, _ func(pseudonym.Group) bool) (audit.Proof, error) {
	var cfg filter.Config
	var err error
	if cfg.Parser, err = o.parser(); err != nil {
		return nil, err
	}
	late, err := o.parserIn(filter.LatestZone)
	if err != nil {
		return nil, err
	}
	if len(o.proxies) > 0 {
		if cfg.Proxies, err = pseudonym.ParseNetworks(o.proxies...); err != nil {
			return nil, err
		}
	}
	if cfg.Redact, err = treatment.NewRedact(o.redact...); err != nil {
		return nil, err
	}
	return filter.NewProof(cfg, late, cipher, day), nil
}

// claimByFlags adds the claims about a DIR that is written with flags.
func (s *auditBuilder) claimByFlags(path string) error {
	o := &filterFlags{ip: "ipcrypt", keep: calendar.DefaultPeriod.String(), formatFlags: formatFlags{format: "auto"},
		roomFlags: roomFlags{rooms: []string{"jitsi"}, roomHash: "sha1", countV6: 128}}
	settings, err := registry.ReadSettings(path)
	if err == nil {
		found := recordedSettings{dir: path, Settings: settings}
		o, err = found.flags()
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	mode, err := pseudonym.ParseMode(o.ip)
	if err != nil {
		return fmt.Errorf("%s: --ip: %w", registry.SettingsPath(path), err)
	}
	keep, err := calendar.ParsePeriod(o.keep)
	if err != nil {
		return fmt.Errorf("%s: --%w", registry.SettingsPath(path), err)
	}
	s.Claims = claims.OfFlags(o.asPolicy(keep), mode)
	ways := []audit.Way{o.way}
	if o.format != "auto" {
		ways = append(ways, auto)
	}
	home := audit.Stream{Path: path, Keys: s.keys, Ways: ways, Mode: mode}
	earlierFlags(&home)
	s.Streams = append(s.Streams, home)
	return nil
}

// earlierFlags lets the audit try all recorded flags on the lines of DIR itself.
func earlierFlags(st *audit.Stream) {
	log, unread := registry.ReadFlagsLog(st.Path)
	st.ByFlags = true
	st.Earlier = func(day civil.Day) (ways []audit.Way, known bool) {
		list, known := log.FlagsFor(day)
		known = known && unread == nil
		for _, flags := range list {
			r := recordedSettings{dir: st.Path, Settings: registry.Settings{Flags: flags}}
			o, err := r.flags()
			if err != nil { // a newer version recorded them
				known = false
				continue
			}
			ways = append(ways, o.way)
		}
		return ways, known
	}
}

// isLog reports whether a file holds lines, rotated or not.
func isLog(e fs.DirEntry) bool {
	_, _, ok := dir.ParseLog(e.Name())
	return ok
}

// claimByPolicy adds the claims about a DIR with a policy, and about the other
// directories in it: DIR itself, and streams that have left the policy, each by its own
// recorded rule.
func (s *auditBuilder) claimByPolicy(text []byte, log *messageLog) error {
	p, mistakes := policy.Parse(text)
	if len(mistakes) > 0 {
		return fmt.Errorf("the policy that %s records cannot be read: %w", s.Path, mistakes)
	}
	s.Claims = claims.OfPolicy(p)
	home := audit.Stream{Path: s.Path, Keys: s.keys, Ways: []audit.Way{auto}}
	entries, _ := os.ReadDir(s.Path)         // audit.New reports errors
	if slices.ContainsFunc(entries, isLog) { // lines from before the policy
		earlierFlags(&home)
		s.addFormer(home)
	} else {
		s.Streams = append(s.Streams, home)
	}
	o := &filterFlags{dir: s.Path, keys: s.keys, policy: "recorded", roomFlags: roomFlags{maxRooms: 1, maxPairs: 1}}
	d, err := dir.Open(s.Path, dir.Options{})
	if err != nil {
		return err
	}
	defer d.Close()
	earlier := o.earlier(d, p, log)
	for i := range p.Streams {
		of := &p.Streams[i]
		path := filepath.Join(s.Path, of.Name)
		st := audit.Stream{Name: of.Name, Path: path, Keys: registry.StreamKeys(path)}
		pipeline, err := o.streamPipeline(p, i, log)
		if err != nil {
			return err
		}
		if pipeline != nil {
			st.Mode = pipeline.filter.Mode
			st.Ways = append(st.Ways, o.waysOf(p, i, log)...)
		}
		if of.Fields == nil {
			st.Ways = append(st.Ways, auto)
		}
		st.Earlier = earlier(of.Name)
		_, st.Untold = claims.Conditions(p, of.Name)
		st.Hidden = claims.HiddenGroup(p, of)
		s.Streams = append(s.Streams, st)
	}
	below, err := d.Nested()
	if err != nil {
		return err
	}
	for _, name := range below {
		if path := filepath.Join(s.Path, name); p.Stream(name) == nil && audit.CheckUsed(path) == nil {
			s.addFormer(audit.Stream{Name: name, Path: path, Keys: registry.StreamKeys(path), Ways: []audit.Way{auto}, Earlier: earlier(name)})
		}
	}
	return nil
}

// earlier returns, for a stream's name, the function audit.Stream.Earlier: how the
// policies before p wrote the lines of a day.
func (o *filterFlags) earlier(d *dir.Dir, p *policy.Policy, log *messageLog) func(stream string) func(civil.Day) ([]audit.Way, bool) {
	history, err := policies.ReadLogOf(o.dir)
	texts := map[string]*policy.Policy{p.Digest(): p}
	for _, e := range history {
		if texts[e.Digest] == nil {
			texts[e.Digest], _ = e.Policy(d) // nil if its file is gone
		}
	}
	return func(stream string) func(civil.Day) ([]audit.Way, bool) {
		ways := map[string][]audit.Way{}
		for digest, of := range texts {
			if of == p || of == nil || of.Stream(stream) == nil {
				continue
			}
			i := slices.IndexFunc(of.Streams, func(s policy.Stream) bool { return s.Name == stream })
			if pipeline, err := o.streamPipeline(of, i, log); err == nil && pipeline != nil {
				if ways[digest] = o.waysOf(of, i, log); of.Streams[i].Fields == nil {
					ways[digest] = append(ways[digest], auto)
				}
			}
		}
		return func(day civil.Day) (list []audit.Way, known bool) {
			known = err == nil
			var seen []string
			for _, e := range history.For(stream, day) {
				if slices.Contains(seen, e.Digest) || e.Digest == p.Digest() {
					continue
				}
				seen = append(seen, e.Digest)
				known = known && texts[e.Digest] != nil
				list = append(list, ways[e.Digest]...)
			}
			return list, known
		}
	}
}

// addFormer adds the claims about a directory that no process writes to any more.
func (s *auditBuilder) addFormer(st audit.Stream) {
	in := statement.InStream(st.Name)
	s.Streams = append(s.Streams, st)
	s.Claims = append(s.Claims, statement.Period{InStream: in}, statement.Keys{InStream: in})
	s.Claims = append(s.Claims, statement.Addresses{InStream: in})
}

// waysOf returns how a stream treats its lines, as ways to look at them once more: in the
// format that they were written in, or one of several.
func (o *filterFlags) waysOf(p *policy.Policy, i int, log *messageLog) (ways []audit.Way) {
	of := &p.Streams[i]
	if of.Format == "" && of.Fields != nil && of.Treatment("time").Kind == policy.Drop {
		for _, written := range format.Timeless(p.Format) {
			ways = append(ways, o.wayOf(p, i, written, log))
		}
	}
	if ways == nil || p.Format == "auto" { // auto also reads JSON
		ways = append(ways, o.wayOf(p, i, of.Format, log))
	}
	return ways
}

// wayOf is waysOf for one format, "" for that of the input.
func (o *filterFlags) wayOf(p *policy.Policy, i int, as string, log *messageLog) audit.Way {
	of := &p.Streams[i]
	told, _ := claims.Conditions(p, of.Name)
	return func(cipher *pseudonym.Cipher, day civil.Day, isOpen func(pseudonym.Group) bool) (audit.Proof, error) {
		pipeline, err := o.streamPipeline(p, i, log)
		if err != nil {
			return nil, err
		}
		cfg := pipeline.filter
		var late format.Parser
		if as == "" {
			late, err = o.inputFlags(p).parserIn(filter.LatestZone)
		} else {
			var written *format.LogFormat
			if written, err = format.Compile(as, time.Local); err != nil {
				return nil, err
			}
			cfg.Parser, cfg.Plan, cfg.Proxies = written, treatment.Written(of, written), nil
			late, err = format.Compile(as, filter.LatestZone)
		}
		if err != nil {
			return nil, err
		}
		proof := filter.NewProof(cfg, late, cipher, day)
		if by := pipeline.filter.Groups; by != nil && len(claims.HiddenGroup(p, of)) == 0 {
			proof.Grouped(by, isOpen)
		}
		if s := &told.Streams[0]; !s.Where.IsZero() || !s.Unless.IsZero() {
			proof.Under(told)
		}
		return proof, nil
	}
}

// auditOther looks for what the servers write past hushpipe.
func auditOther(apache, nginx bool) (rows []audit.Row) {
	if apache {
		rows = append(rows, (&serverCheck{}).audit("httpd", (*serverCheck).apache, "/var/log/apache2", "/var/log/httpd"))
	}
	if nginx {
		rows = append(rows, (&serverCheck{}).audit("nginx", (*serverCheck).nginx, "/var/log/nginx"))
	}
	if rows == nil {
		rows = []audit.Row{{Claim: "other-logs", Text: noOtherLogs, Looked: "nothing", Verdict: audit.NotProvable,
			Why: "other logs: not looked at; give --apache or --nginx", Faults: []audit.Fault{}}}
	}
	return rows
}

const noOtherLogs = "nothing writes addresses past hushpipe"

// audit returns the check of a server as a row of an audit. It looks for old logs where
// the server writes logs now, and in the usual directories.
func (c *serverCheck) audit(server string, check func(*serverCheck, []string) error, usual ...string) audit.Row {
	c.out = io.Discard
	err := check(c, nil)
	row := audit.Row{Claim: "other-logs", Text: noOtherLogs, Looked: "the configuration of " + server, Verdict: audit.Holds, Faults: []audit.Fault{}}
	current := map[string]bool{}
	for _, p := range c.bypasses {
		row.Faults = append(row.Faults, audit.Fault{File: p.log.File, Line: p.log.Line, What: p.what, Do: p.instead})
	}
	places := usual
	for _, log := range c.logs {
		if current[log.Target] = filepath.IsAbs(log.Target); current[log.Target] {
			places = append(places, filepath.Dir(log.Target))
		}
	}
	slices.Sort(places)
	for _, at := range slices.Compact(places) {
		old := audit.RawLogs(at, current, auto)
		if len(old) > 0 {
			row.Looked += ", old logs in " + at
		}
		for _, path := range old {
			row.Faults = append(row.Faults, audit.Fault{File: path, What: "is an old log with addresses in clear", Do: "delete it"})
		}
	}
	switch {
	case len(row.Faults) > 0:
		row.Verdict = audit.Broken
	case err != nil:
		row.Verdict, row.Why = audit.NotProvable, oneLine(err.Error())
	}
	if more := len(row.Faults) - audit.MaxFaults; more > 0 {
		row.Faults, row.More = row.Faults[:audit.MaxFaults], more
	}
	return row
}

// appendAudit appends a as text for people: first the claims about DIR, then those
// about each stream.
func appendAudit(dst []byte, a *audit.Audit) []byte {
	d := &drawing{dst}
	d.linef("%s: %s read, %s", a.Dir, prose.Plural(a.Lines, "line"), size(a.Bytes))
	var streams []string
	for i := range a.Rows {
		if name := a.Rows[i].Stream; name == "" {
			d.claim(&a.Rows[i])
		} else if !slices.Contains(streams, name) {
			streams = append(streams, name)
		}
	}
	for _, name := range streams {
		d.linef("")
		d.linef("stream %s", name)
		for i := range a.Rows {
			if a.Rows[i].Stream == name {
				d.claim(&a.Rows[i])
			}
		}
	}
	if len(a.Notes) > 0 {
		d.linef("")
		d.linef("notes:")
	}
	for _, f := range a.Notes {
		d.finding("  ", f.File, f.What, f.Do)
	}
	d.linef("")
	d.linef("for people to answer:")
	for _, one := range a.People {
		of := ""
		if len(one.Streams) > 0 {
			of = " (" + strings.Join(one.Streams, ", ") + ")"
		}
		indent := strings.Repeat(" ", 14)
		d.linef("%s%s", fmt.Sprintf("  %-12s", one.Claim), indented(one.Text+of, indent)[len(indent):])
	}
	d.linef("")
	d.linef("no look at DIR can prove:")
	for _, what := range a.Unproven {
		d.wrapped(what)
	}
	return bytes.Map(printable, d.text)
}

// shownFaults is the number of faults that the text shows for each claim.
const shownFaults = 10

// claim draws a row: the claim's name, the verdict, and the text beside them.
func (d *drawing) claim(r *audit.Row) {
	d.linef("")
	indent := strings.Repeat(" ", 26)
	head := fmt.Sprintf("%-12s%-14s", r.Claim, r.Verdict)
	d.linef("%s%s", head, indented(r.Text, indent)[len(indent):])
	if r.Looked != "" {
		d.linef("%s", indented("looked at: "+r.Looked, indent))
	}
	if r.Why != "" {
		d.linef("%s", indented(r.Why, indent))
	}
	for _, f := range r.Faults[:min(len(r.Faults), shownFaults)] {
		place := f.File
		if f.Line > 0 {
			place = fmt.Sprintf("%s:%d", f.File, f.Line)
		}
		d.finding("    ", place, f.What, f.Do)
	}
	if more := len(r.Faults) - shownFaults + r.More; more > 0 {
		d.linef("    and %s more", prose.Commas(more))
	}
}
