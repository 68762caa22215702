package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"hushpipe/filter/audit"
	"hushpipe/filter/calendar"
	"hushpipe/filter/claims"
	"hushpipe/filter/dir"
	"hushpipe/filter/policies"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/registry"
	"hushpipe/filter/retention"
	"hushpipe/filter/terms"
	"hushpipe/format/civil"
	"hushpipe/format/policy"
	"hushpipe/format/prose"
	"hushpipe/format/report"
	"hushpipe/format/statement"
)

func statementCommand(stdout *os.File, log *messageLog) *cobra.Command {
	var lang, check string
	var markdown, html bool
	cmd := &cobra.Command{
		Use:   "statement [flags] POLICY|DIR",
		Short: "Write the privacy notice for a policy or for what runs",
		Long:  manualText("statement", "1"),
		Example: `  hushpipe statement --lang de /etc/hushpipe/policy.toml
  hushpipe statement --html /var/log/hushpipe >privacy.html
  hushpipe statement --check /var/www/html/privacy.html /var/log/hushpipe`,
		Args: arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, group := range [][]string{{"markdown", "html", "check"}, {"lang", "check"}} {
				if err := exclusive(cmd.Flags(), group); err != nil {
					return err
				}
			}
			if cmd.Flags().Changed("check") && check == "" {
				return usage("--check is empty; hint: give the published page")
			}
			language, err := report.NewLanguage(lang)
			if err != nil {
				return usage("--lang: %w", err)
			}
			confineReader(append(slices.Clone(args), check), "")
			of, err := newNotice(args[0], cmd.ErrOrStderr(), log)
			if err != nil {
				return err
			}
			if check != "" {
				err = of.checkPage(check, cmd.OutOrStdout(), log)
			} else {
				err = of.write(cmd.OutOrStdout(), language, markdown, html, stdout, log)
			}
			if err == nil && of.differs {
				err = errReported
			}
			return err
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&lang, "lang", "", "write in `LANGUAGE`: de, en or nb (default from the environment)")
	flags.BoolVar(&markdown, "markdown", false, "write Markdown")
	flags.BoolVar(&html, "html", false, "write an HTML page that loads nothing")
	flags.StringVar(&check, "check", "", "check whether the published notice `PAGE` still matches what runs; exit with 0 or 1")
	return cmd
}

// notice is a privacy notice: its claims, and what they are based on.
type notice struct {
	path    string
	claims  []statement.Claim
	since   civil.Day // 0 if nothing is recorded to run
	differs bool      // some process runs something else, which has been logged
}

// newNotice makes a notice from a policy, or from what DIR records. It prints mistakes
// in the policy to stderr.
func newNotice(path string, stderr io.Writer, log *messageLog) (*notice, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s does not exist; hint: give a policy, or the DIR that hushpipe filter writes to", path)
	}
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		text, err := policyText(path)
		if err != nil {
			return nil, err
		}
		// A file does not record which stages ran earlier.
		p, err := checkedPolicy(path, text, func(string, civil.Day) bool { return true }, stderr)
		if err != nil {
			return nil, err
		}
		return &notice{path: path, claims: claims.OfPolicy(p)}, nil
	}
	if err := audit.CheckUsed(path); err != nil {
		return nil, err
	}
	entry, text, err := policies.Last(path)
	if errors.Is(err, fs.ErrNotExist) {
		return noticeOfFlags(path, log)
	}
	if err != nil {
		return nil, err
	}
	return noticeOfRecord(path, entry, text, stderr, log)
}

// noticeOfRecord makes the notice of the policy that last began to run on a DIR.
func noticeOfRecord(path string, entry policies.Entry, text []byte, stderr io.Writer, log *messageLog) (*notice, error) {
	p, err := checkedPolicy(path, text, nil, stderr)
	if err != nil {
		return nil, err
	}
	open := make([]policy.Opening, len(p.Streams))
	others := map[int]string{} // digests of other policies, by process
	for i := range p.Streams {
		name := p.Streams[i].Name
		open[i].Span = entry.Stream(name).Active
		sum, err := liveProcesses(filepath.Join(path, name))
		if err != nil {
			return nil, err
		}
		for _, one := range sum {
			if one.Policy != entry.Digest {
				others[one.PID] = one.Policy
			}
		}
	}
	for _, pid := range slices.Sorted(maps.Keys(others)) {
		log.warnf("%s: process %d runs another policy, as far as the newest one allows; hint: it exits after its last requests, hours after a reload", path, pid)
	}
	return &notice{path: path, claims: claims.OfRun(p, open), since: civil.DayOf(entry.Began.Local()), differs: len(others) > 0}, nil
}

// liveProcesses returns the processes that write to a DIR now, none if there is no DIR.
func liveProcesses(path string) (live []registry.Process, err error) {
	d, err := dir.Open(path, dir.Options{})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer d.Close()
	sum, err := registry.Read(d, now())
	if err != nil && !errors.Is(err, registry.ErrRecord) {
		return nil, err
	}
	for _, p := range sum.Live {
		if p.Err == nil {
			live = append(live, p.Process)
		}
	}
	return live, nil
}

func policyText(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) // a FIFO would wait for a writer
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, policies.MaxText+1))
	if err == nil && len(text) > policies.MaxText {
		err = fmt.Errorf("%s: is longer than %d bytes; hint: give the policy, or the DIR that it runs on", path, policies.MaxText)
	}
	return text, err
}

// checkedPolicy parses a policy and checks it. It checks decisions only if earlier is
// not nil: on a DIR, a decision that breaks its gate leaves the gate closed.
func checkedPolicy(path string, text []byte, earlier policy.Earlier, stderr io.Writer) (*policy.Policy, error) {
	p, mistakes := policy.Parse(text)
	if p != nil {
		if mistakes = terms.Check(p); len(mistakes) == 0 && earlier != nil {
			mistakes = p.Gates(earlier)
		}
	}
	if len(mistakes) > 0 {
		io.WriteString(stderr, mistakesIn(path, mistakes))
		return nil, usage("%s: %s; hint: correct the policy, and run this again", path, prose.Plural(len(mistakes), "mistake"))
	}
	return p, nil
}

// noticeOfFlags makes the notice of a DIR without a policy, from the flags that its
// last process recorded and from its retention.
func noticeOfFlags(path string, log *messageLog) (*notice, error) {
	settings, err := registry.ReadSettings(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: no process has recorded its flags here; hint: give the DIR that hushpipe filter writes to, or a policy", path)
	}
	if err != nil {
		return nil, err
	}
	r := recordedSettings{dir: path, Settings: settings}
	o, err := r.flags()
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be used: %w", registry.SettingsPath(path), err)
	}
	ip, err := pseudonym.ParseMode(o.ip)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be used: --ip: %w", registry.SettingsPath(path), err)
	}
	d, err := dir.Open(path, dir.Options{Keys: o.keys})
	if err != nil {
		return nil, err
	}
	defer d.Close()
	rule, err := retention.CurrentRule(d, retention.OfLines, registry.KeptByEarlier(d, now()))
	if err != nil {
		return nil, err
	}
	s := &notice{path: path, claims: claims.OfFlags(o.asPolicy(rule), ip), since: civil.DayOf(settings.Started.Local())}
	live, err := liveProcesses(path)
	if err != nil {
		return nil, err
	}
	for _, p := range live {
		if p.IP != ip.String() {
			log.warnf("%s: process %d runs with --ip %s, and %s is recorded; hint: reload the web server", path, p.PID, p.IP, ip)
			s.differs = true
		}
	}
	return s, nil
}

// asPolicy returns the flags, except --ip, as a policy of one stream.
func (o *filterFlags) asPolicy(keep calendar.Period) *policy.Policy {
	p := &policy.Policy{Format: o.format, Client: o.client, TrustedProxies: o.proxies, JSONKeys: o.jsonKeys, Redact: o.redact}
	s := policy.Stream{Keep: policy.Keep{{Kind: policy.Days, N: int(keep)}}}
	s.Figures.Rooms, s.Figures.RoomURLs = o.rooms, o.roomURL
	s.Figures.RoomHash, s.Figures.CountV6 = cmp.Or(o.roomHash, "sha1"), int(o.countV6)
	if s.Figures.Traffic = o.count; s.Figures.Traffic {
		s.Figures.TrafficOptions = o.trafficFlags.asPolicy()
	}
	p.Streams = []policy.Stream{s}
	return p
}

func (s *notice) write(out io.Writer, l *report.Language, markdown, html bool, stdout *os.File, log *messageLog) error {
	page := statement.New(s.claims, l, s.since)
	var b bytes.Buffer
	var err error
	switch {
	case markdown:
		err = page.Markdown(&b)
	case html:
		err = page.HTML(&b)
	default:
		err = page.Text(&b, min(screenOf(stdout).Width, screen))
	}
	if err != nil {
		return err
	}
	if page.Foreign > 0 {
		log.notef("%s of the policy: not given in %s; hint: add a translation, as in purpose = { en = … }", prose.Plural(page.Foreign, "text"), l.Tag())
	}
	_, err = out.Write(b.Bytes())
	return err
}

// maxPage bounds the size of a published page.
const maxPage = 64 << 20

// checkPage checks that a published page describes what runs.
func (s *notice) checkPage(path string, out io.Writer, log *messageLog) error {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	page, err := io.ReadAll(io.LimitReader(f, maxPage))
	if err != nil {
		return err
	}
	digest := ""
	for _, c := range s.claims {
		if running, ok := c.(statement.Running); ok {
			digest = running.Digest
		}
	}
	switch found := statement.Digests(page); {
	case len(found) == 0:
		return fmt.Errorf("%s: has no digest; hint: leave the last line of the notice in the page, with sha256:%.8s…", path, digest)
	case !slices.Contains(found, digest):
		return fmt.Errorf("%s: was made from sha256:%.8s, and %s is sha256:%.8s; hint: write it again with 'hushpipe statement %[3]s'", path, found[0], s.path, digest)
	}
	if statement.HasBlanks(page) {
		log.notef("%s: has blanks that are not filled in", path)
	}
	fmt.Fprintf(out, "%s: fits %s, sha256:%.8s\n", path, s.path, digest)
	return nil
}
