package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"hushpipe/filter"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/registry"
	"hushpipe/format"
	"hushpipe/format/civil"
	"hushpipe/format/policy"
)

// whom is the person that find and erase look for.
type whom struct {
	addr pseudonym.Addr
	user string // "": by address
}

// String says by what, and never who.
func (w whom) String() string {
	if w.user != "" {
		return "user"
	}
	return "address"
}

// whomFlags are the flags that name the person.
type whomFlags struct{ address, user string }

func (w *whomFlags) define(flags *pflag.FlagSet, verb string) {
	flags.StringVar(&w.address, "address", "", verb+" lines of `ADDRESS`, such as 192.0.2.1; - reads it from stdin")
	flags.StringVar(&w.user, "user", "", verb+" lines of the user `NAME`, as the log has it; - reads it from stdin")
}

func (w *whomFlags) given(flags *pflag.FlagSet) bool {
	return flags.Changed("address") || flags.Changed("user")
}

// prompt is stdin, for those who are asked there.
type prompt struct {
	*bufio.Reader
	terminal bool
}

func newPrompt(stdin *os.File) *prompt {
	return &prompt{bufio.NewReaderSize(io.LimitReader(stdin, 4096), 4096), hasWidth(stdin)}
}

// line returns the next line.
func (p *prompt) line(what string) (string, error) {
	line, err := p.ReadString('\n')
	if err != nil && err != io.EOF {
		return "", fmt.Errorf("read %s from stdin: %w", what, bare(err))
	}
	return strings.TrimSpace(line), nil
}

// read takes what the flags say, or what stdin does for "-": what is an argument, every
// user of the machine can see.
func (w *whomFlags) read(in *prompt) (who whom, err error) {
	if w.address != "" && w.user != "" {
		return who, usage("--address beside --user; hint: give one of them")
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
		return whom{user: w.user}, nil
	}
	if w.address == "-" {
		if w.address, err = in.line("the address"); err != nil {
			return who, err
		}
	}
	var ok bool
	if who.addr, ok = pseudonym.ParseAddr([]byte(w.address)); !ok {
		return who, usage("--address is no IP address; hint: give one as in 192.0.2.1 or 2001:db8::1, or - to read it from stdin; names, networks and ports cannot be found")
	}
	if !who.addr.IsClient() {
		return who, usage("--address: no client can have this address; hint: if it is a pseudonym, grep finds its lines")
	}
	return who, nil
}

// userTreatment is what the policy makes of the names of users; whole without one.
func (p *findPlace) userTreatment() policy.Treatment {
	if p.terms == nil || p.terms.Stream.Fields == nil {
		return policy.Treatment{Kind: policy.Whole}
	}
	return p.terms.Stream.Treatment("user")
}

func (p *findPlace) hashesUsers() bool { return p.userTreatment().Kind == policy.Hash }

// userOf returns what the user's name became on a day, nil where it tells nobody.
func (p *findPlace) userOf(c *pseudonym.Cipher) []byte {
	switch p.userTreatment().Kind {
	case policy.Whole:
		return []byte(p.whom.user)
	case policy.Hash:
		return c.AppendHash(nil, "user", []byte(p.whom.user))
	}
	return nil
}

// falsifier returns who finds and changes the lines of a person on a day.
func (p *findPlace) falsifier(day civil.Day, ciphers []*pseudonym.Cipher, who filter.Person) (*filter.Falsifier, error) {
	f, err := filter.NewFalsifier(p.parser(), ciphers, who)
	if err != nil {
		return nil, err
	}
	f.Taken = func(a pseudonym.Addr) bool {
		held := map[pseudonym.Addr]bool{a: false}
		return p.keys.Find(day, held) == nil && held[a]
	}
	return f, nil
}

// parser returns the parser of the lines: of the format that the policy or the filter's
// flags say, as far as they can be read.
func (p *findPlace) parser() format.Parser {
	spec, opt := "auto", format.Options{}
	lists := []string{}
	if p.terms != nil {
		of := p.terms.Policy
		spec, lists, opt.Client, opt.User = of.Format, of.JSONKeys, of.Client, of.UserField
		if p.terms.Stream.Format != "" {
			spec = p.terms.Stream.Format
		}
	} else if s, err := registry.ReadSettings(p.path); err == nil {
		for _, flag := range s.Flags {
			switch name, value, _ := strings.Cut(flag, "="); name {
			case "--format":
				spec = value
			case "--client":
				opt.Client = value
			case "--json-keys":
				lists = append(lists, value)
			}
		}
	}
	for _, list := range lists {
		opt.JSONKeys = append(opt.JSONKeys, strings.Split(list, ",")...)
	}
	if parser, err := format.NewWith(spec, time.Local, opt); err == nil {
		return parser
	}
	parser, err := format.New("auto", time.Local, nil)
	if err != nil {
		panic(err) // it has no settings that could be wrong
	}
	return parser
}
