package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"hushpipe/cmd/hushpipe/early"
	"hushpipe/filter"
	"hushpipe/filter/audit"
	"hushpipe/filter/dir"
	"hushpipe/filter/policies"
	"hushpipe/filter/registry"
	"hushpipe/filter/terms"
	"hushpipe/filter/treatment"
	"hushpipe/format/policy"
	"hushpipe/format/prose"
)

// policyReplaces lists the flags that cannot be given with a policy, which sets their
// values.
var policyReplaces = append([]string{"format", "ip", "keep", "rooms", "room-url", "room-hash", "count-v6", "redact", "json-keys", "client", "trusted-proxies",
	"traffic"}, trafficOnly...)

// policyError is the error of a policy that cannot run.
type policyError struct {
	error
	flags *filterFlags
}

func (e policyError) Unwrap() error { return e.error }

// policyPipeline is what a policy configures.
type policyPipeline struct {
	dir, keys string
	activePolicy
	input     filter.Config     // parses the lines for all streams
	streams   []*streamPipeline // in the order of the policy; nil if a stream writes nothing
	flags     []string          // to be recorded in DIR
	account   *account          // nil if the process keeps its user
	databases databases
	metrics   *metricsFile // of the input; nil without --metrics
	raw       bool         // the input is a file that a web server made in place of the FIFO
	policyFollowing
}

// activePolicy is the policy of a policyPipeline.
type activePolicy struct {
	policy   *policy.Policy
	text     []byte
	fallback bool // the recorded policy runs, since the given one is wrong
}

// policyFollowing is how a policyPipeline reacts to what DIR records while it runs.
type policyFollowing struct {
	path     string         // the policy's file
	gates    []*filter.Gate // in the order of the policy
	follower *policies.Follower
	noted    time.Time // when DIR last recorded that the policy runs
	reported bool      // decisions that break their gates have been logged
}

// streamPipeline is the pipeline of one stream.
type streamPipeline struct {
	*pipeline
	name string
	keys int // index of the stream whose keys it uses, -1 for its own
}

// checkPolicyConflicts returns an error for flags that cannot be given with a policy.
func checkPolicyConflicts(flags *pflag.FlagSet) error {
	for _, name := range policyReplaces {
		if flags.Changed(name) {
			return usage("--%s cannot be given with --policy; hint: set it in the policy", name)
		}
	}
	if f := flags.Lookup("stdout"); f != nil && f.Changed {
		return usage("--stdout cannot be given with --policy: streams write to directories; hint: leave one of them out")
	}
	return nil
}

// readPolicy reads the policy of --policy. The error is a policy.Errors if the file has
// mistakes.
func (o *filterFlags) readPolicy() (*policy.Policy, []byte, error) {
	f, err := os.OpenFile(o.policy, os.O_RDONLY|unix.O_NONBLOCK, 0) // opening a FIFO would wait for a writer
	if err == nil {
		defer f.Close()
		err = checkPolicyFile(f)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("--policy %s: %w", o.policy, dir.Bare(err))
	}
	text, err := io.ReadAll(io.LimitReader(f, policies.MaxText+1))
	if err != nil {
		return nil, nil, fmt.Errorf("--policy %s: %w", o.policy, dir.Bare(err))
	}
	if len(text) > policies.MaxText {
		return nil, nil, fmt.Errorf("--policy %s: is longer than %d bytes", o.policy, policies.MaxText)
	}
	p, mistakes := policy.Parse(text)
	if p != nil {
		mistakes = terms.Check(p)
	}
	if len(mistakes) > 0 {
		return nil, nil, mistakes
	}
	return p, text, nil
}

// withoutQuotes removes the quoted lines from an error of readPolicy. The file may be a
// log given by mistake, and the web server writes the error to disk.
func (o *filterFlags) withoutQuotes(err error) error {
	var mistakes policy.Errors
	if !errors.As(err, &mistakes) {
		return err
	}
	at := mistakes[0]
	return fmt.Errorf("--policy %s:%d:%d: %s; hint: 'hushpipe filter --policy %[1]s --check' shows what is wrong", o.policy, at.Line, at.Column, prose.Plural(len(mistakes), "mistake"))
}

// checkPolicyFile returns an error if anybody but root and the user of the process can
// write the file: they would decide what is kept.
func checkPolicyFile(f *os.File) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return err
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return errors.New("is not a regular file; hint: give the policy's path")
	case st.Uid != 0 && int(st.Uid) != os.Geteuid():
		return fmt.Errorf("belongs to another user (%d); hint: chown root %s", st.Uid, f.Name())
	case st.Mode&0o022 != 0:
		return fmt.Errorf("others can write it; hint: chmod go-w %s", f.Name())
	}
	return nil
}

// policyPipeline prepares a policy to run.
func (o *filterFlags) policyPipeline(p *policy.Policy, text []byte, log *messageLog) (*policyPipeline, error) {
	if o.databases == nil {
		o.databases = databases{}
	}
	j := &policyPipeline{dir: o.dir, keys: o.keys, activePolicy: activePolicy{policy: p, text: text}, policyFollowing: policyFollowing{path: o.policy, gates: closedGates(p)}, databases: o.databases}
	if o.dir == "" && !o.check {
		return nil, usage("no DIR given; hint: name the directory for the streams")
	}
	var errs []error
	for i := range p.Streams {
		s, err := o.streamPipeline(p, i, log)
		if err != nil {
			errs = append(errs, fmt.Errorf("stream %s: %w", p.Streams[i].Name, unwrapUsage(err)))
		}
		j.streams = append(j.streams, s)
	}
	in, err := o.inputFlags(p).pipeline(log)
	if err != nil {
		errs = append(errs, unwrapUsage(err))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	j.input = in.filter
	return j, j.applyLiveFlags(o, log)
}

// unwrapUsage unwraps a usageError.
func unwrapUsage(err error) error {
	if wrong := (usageError{}); errors.As(err, &wrong) {
		return wrong.error
	}
	return err
}

// inputFlags returns flags with the policy's settings for the input, and without any
// counting.
func (o *filterFlags) inputFlags(p *policy.Policy) *filterFlags {
	return &filterFlags{dir: cmp.Or(o.dir, "."), ip: "drop", keep: "1d", redact: p.Redact,
		formatFlags:  formatFlags{format: p.Format, jsonKeys: p.JSONKeys, client: p.Client, proxies: p.TrustedProxies, userField: p.UserField},
		roomFlags:    roomFlags{rooms: []string{"none"}, roomHash: "sha1", countV6: 128, maxRooms: o.maxRooms, maxPairs: o.maxPairs},
		trafficFlags: trafficFlags{strict: o.strict, countryFlags: countryFlags{checks: o.checks, databases: o.databases}}}
}

// streamPipeline returns the pipeline of stream i, or nil if it writes nothing.
func (o *filterFlags) streamPipeline(p *policy.Policy, i int, log *messageLog) (*streamPipeline, error) {
	s := &p.Streams[i]
	if s.Keep.None() && !s.Figures.Any() {
		return nil, nil
	}
	of := o.inputFlags(p)
	parser, err := of.parser()
	if err != nil {
		return nil, err
	}
	plan, err := treatment.Compile(s, parser)
	if err != nil {
		return nil, err
	}
	of.ip = "ipcrypt"
	if plan != nil {
		of.ip = plan.Mode.String()
	}
	of.dir = filepath.Join(o.dir, s.Name)
	keep, bounds := terms.Keep(p, s)
	of.keep = keep.String()
	if s.Figures.CountsRooms() {
		of.rooms, of.roomURL = s.Figures.Rooms, s.Figures.RoomURLs
		of.roomHash = cmp.Or(s.Figures.RoomHash, "sha1")
		of.countV6 = prefixLen(cmp.Or(s.Figures.CountV6, 128))
		if s.CountsLeft() {
			of.left = s.Treatment("client").String()
		}
		if len(of.rooms) == 0 {
			of.rooms = []string{"none"}
		}
	}
	if err := of.trafficFlags.ofPolicy(&s.Figures); err != nil {
		return nil, err
	}
	made, err := of.pipeline(log)
	if err != nil {
		return nil, err
	}
	j := &streamPipeline{pipeline: made, name: s.Name, keys: -1}
	j.filter.Plan, j.filter.NoLines = plan, s.Keep.None()
	j.filter.ByLeft = s.CountsLeft()
	if len(s.Group) > 0 {
		j.store.Least = s.Least
		j.filter.Groups = &filter.Groups{Rule: s.GroupRule(), Least: s.Least,
			Client: slices.Contains(s.Group, "client"), User: slices.Contains(s.Group, "user")}
	}
	onlyLines := s.KeepsLines() && !s.Figures.Any()
	j.store.CacheTag = &onlyLines
	j.store.Bounds, j.filter.Hours = &bounds, bounds.Hours > 0
	j.store.NoFollow = true // a link would let whoever can write to DIR redirect the lines
	j.store.Log = func(topic, line string) { log.report(s.Name+"/"+topic, line) }
	home := s.Name
	for k := range p.Streams {
		if p.Streams[k].Name == s.Linked {
			j.keys, home = k, s.Linked
		}
	}
	switch {
	case o.keys != "":
		j.store.Keys = filepath.Join(o.keys, home)
	case j.keys >= 0:
		j.store.Keys = filepath.Join(o.dir, home, dir.Keys)
	}
	if j.store.Keys != "" { // recorded for status, reveal and purge
		path, err := filepath.Abs(o.policy)
		if err == nil {
			j.store.Keys, err = filepath.Abs(j.store.Keys)
		}
		if err != nil {
			return nil, err
		}
		j.store.Flags = []string{"--policy=" + path, "--keys=" + j.store.Keys}
	}
	return j, nil
}

// record records in DIR the policy that runs and its flags, and opens the gates.
func (j *policyPipeline) record(log *messageLog) error {
	d, err := dir.Open(j.dir, dir.Options{Keys: j.keys, Create: true, Notify: func(msg string) { log.report(msg, msg) }})
	if err != nil {
		return err
	}
	defer d.Close()
	if j.keys != "" {
		if err := os.Mkdir(j.keys, 0o750); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	if err := j.openGates(d, log); err != nil || j.fallback || j.raw {
		return err
	}
	open := make([]policy.Opening, len(j.gates))
	for i, gate := range j.gates {
		open[i] = gate.Opening()
	}
	at := now().Round(0)
	err = policies.Record(d, policies.NewEntry(at, j.policy, open), j.text)
	registry.New(registry.Config{Path: j.dir, Flags: j.flags, Now: now, Report: dir.NewReporter(log.report, now)}).RecordSettings(d, at)
	return err
}

// check checks the directories of the streams.
func (j *policyPipeline) check(log *messageLog) error {
	var errs []error
	if _, err := os.Stat(j.dir); errors.Is(err, os.ErrNotExist) {
		errs = append(errs, audit.Check(audit.Config{Path: j.dir, Keys: j.keys, Now: now, Log: log.report}))
	} else {
		for _, s := range j.streams {
			if s == nil {
				continue
			}
			c := *s.pipeline
			if _, err := os.Stat(j.keys); j.keys != "" && errors.Is(err, os.ErrNotExist) {
				c.store.Keys = j.keys // the stream's key directory is made in it
			} else if s.keys >= 0 {
				c.store.Keys = "" // checked with the other stream, and perhaps not made yet
			}
			errs = append(errs, c.check())
		}
	}
	return errors.Join(errs...)
}

// afterWrongPolicy runs the policy that DIR recorded last. If it cannot, ran is false
// and why is the reason.
func afterWrongPolicy(o *filterFlags, wrong error, src *source, signals <-chan os.Signal, minute <-chan time.Time, log *messageLog) (ran bool, why, err error) {
	type found struct {
		entry policies.Entry
		text  []byte
		err   error
	}
	if o.user != "" { // the record belongs to that user
		to, err := findAccount(o.user)
		if err == nil && to != nil {
			err = to.become()
		}
		if err != nil {
			return false, err, nil
		}
	}
	answer := make(chan found, 1)
	go func() {
		var f found
		f.entry, f.text, f.err = policies.Last(o.dir)
		answer <- f
	}()
	var last found
	select {
	case last = <-answer:
	case <-time.After(diskTimeout):
		return false, errors.New("the disk with the recorded policy does not answer"), nil
	}
	if errors.Is(last.err, os.ErrNotExist) {
		last.err = fmt.Errorf("%s records no policy yet", o.dir)
	}
	if last.err != nil {
		return false, last.err, nil
	}
	p, mistakes := policy.Parse(last.text)
	if len(mistakes) > 0 {
		return false, fmt.Errorf("the policy that %s records cannot run: %w", o.dir, mistakes), nil
	}
	if p.Digest() != last.entry.Digest {
		return false, fmt.Errorf("%s: the text of the last recorded policy does not match its digest", o.dir), nil
	}
	if mistakes := terms.Check(p); len(mistakes) > 0 { // a newer version may have recorded it
		return false, fmt.Errorf("the policy that %s records cannot run: %w", o.dir, mistakes), nil
	}
	j, why := o.policyPipeline(p, last.text, log)
	if why != nil {
		return false, fmt.Errorf("the policy that %s records cannot run: %w", o.dir, why), nil
	}
	j.fallback, j.path = true, filepath.Join(o.dir, dir.Policies, dir.PolicyFile(p.Digest()))
	stop := logEveryMinute(minute, log, func() string {
		return fmt.Sprintf("%s; running on the policy that %s recorded at %s instead", joinLines(wrong), o.dir, last.entry.Began.Local().Format(time.DateTime))
	})
	defer stop()
	return true, nil, errors.Join(j.run(src, signals, log), errReported)
}

// joinLines returns the error's text on one line.
func joinLines(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// filterByPolicy runs filter --policy.
func (o *filterFlags) filterByPolicy(cmd *cobra.Command, stdin *os.File, log *messageLog) error {
	if err := checkPolicyConflicts(cmd.Flags()); err != nil {
		return err
	}
	p, text, err := o.readPolicy()
	if o.check {
		return o.checkPolicy(p, text, err, cmd, stdin, log)
	}
	var j *policyPipeline
	if err == nil {
		j, err = o.policyPipeline(p, text, log)
	}
	if err != nil {
		return usageError{policyError{o.withoutQuotes(err), o}}
	}
	src, err := o.openSource(stdin, cmd.Flags(), log)
	if err != nil {
		return err
	}
	j.flags = recordable(cmd.Flags())
	return j.run(src, early.Signals(), log)
}
