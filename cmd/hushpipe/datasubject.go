package main

// The person whose lines find and erase look for: the flags that name them, and what a
// policy or --ip made of their address and name in the lines.

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"hushpipe/filter/dir"
	"hushpipe/filter/policies"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/registry"
	"hushpipe/filter/reread"
	"hushpipe/format"
	"hushpipe/format/civil"
	"hushpipe/format/policy"
)

// dataSubject is the person that find and erase look for, by address or by user name.
type dataSubject struct {
	addr pseudonym.Addr
	user string // "" to look for addr
}

// String returns the kind of search. It never identifies the person.
func (w dataSubject) String() string {
	if w.user != "" {
		return "user"
	}
	return "address"
}

// names returns the words that --reason must not contain because they identify the
// person: the user name, or spellings of the address that filter.Reason does not
// recognise, such as a decimal number or the digits without dots.
func (w dataSubject) names() []string {
	var octets []string
	switch {
	case w.user != "":
		return []string{w.user}
	case w.addr == pseudonym.Addr{}, w.addr.Is4() && w.addr[12] == 0:
		return nil // identifies nobody
	case !w.addr.Is4():
		return []string{hex.EncodeToString(w.addr[:])}
	}
	four := w.addr[len(w.addr)-4:]
	for _, octet := range four {
		octets = append(octets, strconv.Itoa(int(octet)))
	}
	return []string{strings.Join(octets, " "), hex.EncodeToString(four), strconv.FormatUint(uint64(binary.BigEndian.Uint32(four)), 10)}
}

// dataSubjectFlags are the flags that name the person.
type dataSubjectFlags struct{ address, user string }

func (w *dataSubjectFlags) define(flags *pflag.FlagSet, verb string) {
	flags.StringVar(&w.address, "address", "", verb+" lines of `ADDRESS`, such as 192.0.2.1; - reads it from stdin")
	flags.StringVar(&w.user, "user", "", verb+" lines of the user `NAME`, as the log has it; - reads it from stdin")
}

func (w *dataSubjectFlags) given(flags *pflag.FlagSet) bool {
	return flags.Changed("address") || flags.Changed("user")
}

// prompt reads answers from stdin.
type prompt struct {
	*bufio.Reader
	terminal bool
}

func newPrompt(stdin *os.File) *prompt {
	return &prompt{bufio.NewReaderSize(io.LimitReader(stdin, 4096), 4096), hasWidth(stdin)}
}

// line reads a line. what describes it in an error.
func (p *prompt) line(what string) (string, error) {
	line, err := p.ReadString('\n')
	if err != nil && err != io.EOF {
		return "", fmt.Errorf("read %s from stdin: %w", what, dir.Bare(err))
	}
	return strings.TrimSpace(line), nil
}

// read returns the person that the flags name. For "-" it reads the name from stdin,
// since every user of the machine can see the arguments of a process.
func (w *dataSubjectFlags) read(in *prompt) (who dataSubject, err error) {
	if w.address != "" && w.user != "" {
		return who, usage("--address and --user exclude each other; hint: give one of them")
	}
	if w.user != "" {
		if w.user == "-" {
			if w.user, err = in.line("the user"); err != nil {
				return who, err
			}
		}
		if w.user == "" || w.user == "-" {
			return who, usage("--user is empty; hint: give the name as the log has it")
		}
		return dataSubject{user: w.user}, nil
	}
	if w.address == "-" {
		if w.address, err = in.line("the address"); err != nil {
			return who, err
		}
	}
	var ok bool
	if who.addr, ok = pseudonym.ParseAddr([]byte(w.address)); !ok {
		return who, usage("--address is not an IP address; hint: give one as in 192.0.2.1 or 2001:db8::1, or - to read it from stdin; names, networks and ports cannot be found")
	}
	if !who.addr.IsClient() {
		return who, usage("--address: no client can have this address; hint: if it is a pseudonym, grep finds its lines")
	}
	return who, nil
}

// userTreatment returns the policy's treatment of user names. Without a policy they are
// kept whole.
func (p *findPlace) userTreatment() policy.Treatment {
	if p.terms == nil || p.terms.Stream.Fields == nil {
		return policy.Treatment{Kind: policy.Whole}
	}
	return p.terms.Stream.Treatment("user")
}

func (p *findPlace) hashesUsers() bool { return p.userTreatment().Kind == policy.Hash }

// userOf returns what the lines of a day have in place of the user's name, or nil if
// that does not identify anybody.
func (p *findPlace) userOf(c *pseudonym.Cipher) []byte {
	switch p.userTreatment().Kind {
	case policy.Whole:
		return []byte(p.subject.user)
	case policy.Hash:
		return c.AppendHash(nil, "user", []byte(p.subject.user))
	}
	return nil
}

// falsifier returns the Falsifier that recognises and changes the lines of a person on
// a day.
func (p *findPlace) falsifier(day civil.Day, ciphers []*pseudonym.Cipher, who reread.Person) (*reread.Falsifier, error) {
	f, err := reread.NewFalsifier(p.parsers(day), ciphers, who)
	if err != nil {
		return nil, err
	}
	f.Taken = func(a pseudonym.Addr) bool {
		held := map[pseudonym.Addr]bool{a: false}
		return p.keys.Find(day, held) == nil && held[a]
	}
	return f, nil
}

// parsers returns parsers for the lines of a day, newest first: one for each recorded
// format that this version can read.
func (p *findPlace) parsers(day civil.Day) (list []format.Parser) {
	add := func(spec string, opt format.Options) {
		if parser, err := format.NewWith(spec, time.Local, opt); err == nil {
			list = append(list, parser)
		}
	}
	if p.terms != nil {
		for _, of := range p.policiesOf(day) {
			s := of.Stream(p.terms.Stream.Name)
			opt := format.Options{JSONKeys: splitLists(of.JSONKeys), Client: of.Client, User: of.UserField}
			add(cmp.Or(s.Format, of.Format), opt)
		}
		return list
	}
	under := [][]string{nil}
	if log, err := registry.ReadFlagsLog(p.path); err == nil {
		under, _ = log.FlagsFor(day)
	}
	if s, err := registry.ReadSettings(p.path); err == nil {
		under = slices.Insert(under, 0, s.Flags)
	}
	for _, flags := range under {
		spec, opt := "auto", format.Options{}
		for _, flag := range flags {
			switch name, value, _ := strings.Cut(flag, "="); name {
			case "--format":
				spec = value
			case "--client":
				opt.Client = value
			case "--json-keys":
				opt.JSONKeys = append(opt.JSONKeys, splitLists([]string{value})...)
			}
		}
		add(spec, opt)
	}
	return list
}

// policiesOf returns the policies that may have written lines of a day to the stream,
// newest first.
func (p *findPlace) policiesOf(day civil.Day) []*policy.Policy {
	all := []*policy.Policy{p.terms.Policy}
	log, err := policies.ReadLogOf(p.terms.Home)
	if err != nil {
		return all
	}
	d, err := dir.Open(p.terms.Home, dir.Options{})
	if err != nil {
		return all
	}
	defer d.Close()
	for _, e := range log.For(p.terms.Stream.Name, day) {
		if of, err := e.Policy(d); err == nil && of.Stream(p.terms.Stream.Name) != nil {
			all = append(all, of)
		}
	}
	return all
}

// splitLists splits lists of names separated by commas.
func splitLists(lists []string) (names []string) {
	for _, list := range lists {
		names = append(names, strings.Split(list, ",")...)
	}
	return names
}
