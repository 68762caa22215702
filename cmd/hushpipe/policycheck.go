package main

// filter --policy --check: the mistakes of a policy, and what it does in plain words.

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"hushpipe/filter/pseudonym"
	"hushpipe/format/civil"
	"hushpipe/format/policy"
	"hushpipe/format/prose"
)

// checkPolicy is filter --policy --check: it prints all mistakes of the policy, or
// explains it. wrong is the error of reading it.
func (o *filterFlags) checkPolicy(p *policy.Policy, text []byte, wrong error, cmd *cobra.Command, stdin *os.File, log *messageLog) error {
	if err := o.rejectMistakes(p, wrong, cmd.ErrOrStderr()); err != nil {
		return err
	}
	j, err := o.policyPipeline(p, text, log)
	if err == nil && o.dir != "" {
		err = errors.Join(j.check(log), j.checkLive(o, log))
	}
	if err != nil {
		return usageError{err}
	}
	explainPolicy(cmd.OutOrStdout(), o.policy, p)
	for _, what := range policyWarnings(p) {
		log.warnf("%s", what)
	}
	if !o.sample {
		fmt.Fprintln(cmd.OutOrStdout(), "hushpipe: configuration OK")
		return nil
	}
	if isClosed(stdin) {
		return errNoStdin
	}
	return samplePolicy(j, stdin, cmd.OutOrStdout())
}

// rejectMistakes prints the mistakes of a policy, and returns an error if there are
// any. wrong is the error of reading it.
func (o *filterFlags) rejectMistakes(p *policy.Policy, wrong error, stderr io.Writer) error {
	var mistakes policy.Errors
	if wrong != nil && !errors.As(wrong, &mistakes) {
		return usageError{wrong}
	}
	if wrong == nil {
		ran, err := policyLogOf(o.dir)
		if err != nil {
			return usageError{err}
		}
		mistakes = p.Gates(ran.Earlier)
	}
	if len(mistakes) == 0 {
		return nil
	}
	io.WriteString(stderr, mistakesIn(o.policy, mistakes))
	return usage("--policy %s: %s; hint: correct the file, and run this again", o.policy, prose.Plural(len(mistakes), "mistake"))
}

// mistakesIn formats mistakes, each with its line and a caret.
func mistakesIn(file string, mistakes policy.Errors) string {
	var out strings.Builder
	for i, m := range mistakes {
		if i > 0 {
			out.WriteByte('\n')
		}
		out.WriteString(file + ":")
		if m.Line > 0 {
			fmt.Fprintf(&out, "%d:%d:", m.Line, m.Column)
		}
		fmt.Fprintf(&out, " %s\n", m.What)
		if m.Line > 0 {
			fmt.Fprintf(&out, "    %s\n    %s^\n", m.Text, strings.Repeat(" ", m.Column-1))
		}
		if m.Hint != "" {
			fmt.Fprintf(&out, "  hint: %s\n", m.Hint)
		}
	}
	return out.String()
}

// explainPolicy explains in plain words what each stream does.
func explainPolicy(w io.Writer, file string, p *policy.Policy) {
	fmt.Fprintf(w, "%s: %s, sha256:%.8s\n", filepath.Base(file), prose.Plural(len(p.Streams), "stream"), p.Digest())
	for i := range p.Streams {
		s := &p.Streams[i]
		var out strings.Builder
		fold(&out, s.Name+": ", "  ", s.Purpose.In("en"))
		fold(&out, "  ", "  ", selectionInWords(s)+": "+contentInWords(p, s)+".")
		if s.Gate != nil {
			fold(&out, "  ", "  ", gateInWords(s, civil.DayOf(now()))+".")
		}
		io.WriteString(w, out.String())
	}
}

// policyWarnings returns what an operator should know about a policy without mistakes.
func policyWarnings(p *policy.Policy) (list []string) {
	for i := range p.Streams {
		if s := &p.Streams[i]; s.KeepsLines() && s.Figures.Any() {
			list = append(list, fmt.Sprintf("%s keeps lines and figures: a backup of the figures, which stay for good, contains the lines too; hint: give the figures a stream of their own, with keep = \"none\"", s.Name))
		}
	}
	for _, pair := range p.Pairs() {
		names := fmt.Sprintf("%s and %s", pair.A.Name, pair.B.Name)
		by := "the order of their lines"
		if len(pair.By) > 0 {
			by = and(fieldNames(pair.By))
		}
		if pair.Linked {
			list = append(list, fmt.Sprintf("%s share their keys: whoever reads both can join them by pseudonyms and hashes", names))
			continue
		}
		list = append(list, fmt.Sprintf("%s: one line can go to both, and whoever reads both can join them by %s", names, by))
	}
	return list
}

// selectionInWords explains which lines a stream takes.
func selectionInWords(s *policy.Stream) string {
	text := "every line"
	if !s.Where.IsZero() {
		text = "lines " + inWords(&s.Where)
	}
	if !s.Unless.IsZero() {
		text += ", but none " + inWords(&s.Unless)
	}
	return text
}

// inWords explains a condition.
func inWords(c *policy.Condition) string {
	var parts []string
	add := func(lead string, values []string) {
		if len(values) > 0 {
			parts = append(parts, lead+or(values))
		}
	}
	switch {
	case len(c.Events) == 1 && c.Events[0] == "*":
		parts = append(parts, "of an event")
	default:
		add("of the event ", c.Events)
	}
	add("with status ", words(c.Status))
	add("with method ", c.Methods)
	add("with path ", c.URLs)
	add("with parameter ", words(c.Queries))
	add("for host ", c.Hosts)
	if len(c.Users) == 1 && c.Users[0] == "*" {
		parts = append(parts, "of a user")
	} else {
		add("of user ", c.Users)
	}
	add("of clients in ", networks(c.Clients))
	return and(parts)
}

func words[T fmt.Stringer](values []T) (list []string) {
	for _, v := range values {
		list = append(list, v.String())
	}
	return list
}

// networks formats networks, a single address without a prefix length.
func networks(nets []netip.Prefix) (list []string) {
	for _, n := range nets {
		if n.IsSingleIP() {
			list = append(list, n.Addr().String())
		} else {
			list = append(list, n.String())
		}
	}
	return list
}

func or(list []string) string  { return prose.List(list, "or") }
func and(list []string) string { return prose.List(list, "and") }

// contentInWords explains what a stream writes of its lines, how long it keeps them, and
// what it counts.
func contentInWords(p *policy.Policy, s *policy.Stream) string {
	var parts []string
	switch {
	case s.Keep.None():
		parts = append(parts, "no line is kept")
	case s.Fields == nil:
		parts = append(parts, "the whole line, with addresses as pseudonyms", "kept "+retentionInWords(p, s))
	default:
		var fields []string
		for _, f := range s.Fields {
			if text := fieldInWords(f); text != "" {
				fields = append(fields, text)
			}
		}
		if len(fields) == 0 {
			fields = []string{"that there was one"}
		}
		parts = append(parts, strings.Join(fields, ", ")+"; nothing else", "kept "+retentionInWords(p, s))
	}
	if len(s.Group) > 0 {
		parts = append(parts, fmt.Sprintf("released once %d people have the same %s that day, else deleted an hour after midnight", s.Least, and(s.Group)))
	}
	if f := &s.Figures; f.CountsRooms() {
		left := ""
		switch t := s.Treatment("client"); {
		case !s.CountsLeft():
		case t.Kind == policy.Drop:
			left = ", each as one, since nothing of the address is kept"
		default:
			left = fmt.Sprintf(", clients by what %q leaves of the address", t)
		}
		parts = append(parts, fmt.Sprintf("rooms are counted (%s), for good%s", strings.Join(append(append([]string{}, f.Rooms...), f.RoomURLs...), ", "), left))
	}
	if s.Figures.Traffic {
		text := "traffic is counted, for good"
		if len(s.Figures.TrafficOptions["country"]) > 0 {
			text = "traffic is counted, also by country, for good"
		}
		parts = append(parts, text)
	}
	if s.Keep.None() && !s.Figures.Any() {
		parts = []string{"nothing is written, and nothing counted"}
	}
	if s.Linked != "" {
		parts = append(parts, "with the keys of "+s.Linked)
	}
	return strings.Join(parts, "; ")
}

// retentionInWords explains how long lines are kept.
func retentionInWords(p *policy.Policy, s *policy.Stream) string {
	var parts []string
	for _, b := range s.Keep {
		n := prose.Plural(b.N, map[policy.BoundKind]string{
			policy.Days: "day", policy.Workdays: "hour", policy.Entries: "line", policy.Settling: "day"}[b.Kind])
		switch b.Kind {
		case policy.Days:
			parts = append(parts, "for "+n)
		case policy.Workdays:
			off := append([]string{"weekends", "the holidays of " + p.Workdays}, words(p.Holidays)...)
			parts = append(parts, "for "+n+" from the beginning of their hour ("+and(off)+" not counted)")
		case policy.Entries:
			parts = append(parts, "up to "+n)
		case policy.Settling:
			settled := "no date is given"
			if len(s.Settled) > 0 {
				settled = or(words(s.Settled))
			}
			parts = append(parts, "until "+n+" after settling ("+settled+")")
		}
	}
	text := strings.Join(parts, ", ")
	if len(parts) > 1 {
		text += ", whichever is first"
	}
	return text
}

// fieldTitles are the fields' names in a sentence, where they differ.
var fieldTitles = map[string]string{"url": "URL", "referer": "referrer", "agent": "user agent"}

func fieldTitle(name string) string {
	if title, ok := fieldTitles[name]; ok {
		return title
	}
	return name
}

func fieldNames(names []string) (list []string) {
	for _, n := range names {
		list = append(list, fieldTitle(n))
	}
	return list
}

// fieldInWords explains the treatment of a field, "" if it is dropped.
func fieldInWords(f policy.Field) string {
	name, t := fieldTitle(f.Name), f.Treatment
	switch t.Kind {
	case policy.Drop:
		return ""
	case policy.Whole:
		if f.Name == "client" && !f.Other {
			return "client in clear"
		}
		return name
	case policy.Ipcrypt:
		return name + " as a pseudonym"
	case policy.Pfx:
		return name + " as a pseudonym with its network's"
	case policy.Mask:
		if mode, err := pseudonym.ParseMode(t.String()); err == nil && mode.InClear() {
			return "client in clear"
		}
		return fmt.Sprintf("%s cut to %d bits, of IPv6 to %d", name, t.Bits4, t.Bits6)
	case policy.OnlyNets:
		return name + " if it is in " + or(networks(t.Nets))
	case policy.Words:
		if t.N == 1 {
			return "the first word of the " + name
		}
		return fmt.Sprintf("the first %d words of the %s", t.N, name)
	case policy.Hash:
		return name + " as a hash of the day"
	case policy.Hour:
		return name + " to the hour"
	case policy.Midnight:
		return "day"
	case policy.Path:
		return name + " without its query"
	case policy.Site:
		return "site of the " + name
	case policy.OnlyParams:
		return fmt.Sprintf("%s, of its query only %s", name, strings.Join(t.Params, ","))
	case policy.Round:
		return fmt.Sprintf("%s rounded up to %d", name, t.N)
	}
	panic("hushpipe: a treatment without words")
}
