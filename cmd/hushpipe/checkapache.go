package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"hushpipe/format"
	"hushpipe/format/serverconf"
)

// apache tests the configuration of httpd.
func (c *serverCheck) apache(given []string) error {
	command, err := serverCommand(given, "apache2ctl", "httpd", "apachectl")
	if err != nil {
		return err
	}
	dump, decided, refused := apacheDump(command)
	if dump == "" {
		return refused
	}
	if !decided {
		fmt.Fprintln(c.out, "cannot tell which sections, such as <IfModule>, are active: all are taken as active")
	}
	c.logs = serverconf.Apache(dump)
	c.verdicts, c.writers = map[int]verdict{}, map[string]writer{}
	for i, log := range c.logs {
		line, ok := hushpipeLine(log.Target)
		if !ok || log.Kind == serverconf.Other {
			continue
		}
		v := testApache(log, line)
		if v.err == nil {
			v.conflict = c.otherFlags(log, line.parsed())
		}
		c.verdicts[i] = v
		if v.good() && log.Kind == serverconf.Access && c.command == "" {
			c.command, c.dir = line.reusable()
		}
	}
	if c.command == "" {
		c.command, c.dir = ownPath()+" filter", "/var/log/hushpipe"
	}
	for i, log := range c.logs {
		switch v, ok := c.verdicts[i]; {
		case ok:
			c.printResult(log, v, "good")
		case log.Target == os.DevNull || log.Kind == serverconf.Access && !holdsClient(log.Format):
		case log.Kind == serverconf.Other:
			c.addBypass(log, log.Holds, "delete it, or see to it that its file does not outlive your promise")
		default:
			c.addBypass(log, writesTo(log.Target), "replace with: "+c.apacheLine(log))
			if other := c.instead(log); other != nil {
				c.linef("or delete it: %s:%d gets its lines if this <VirtualHost> has no %s left", other.File, other.Line, log.Directive)
			}
		}
	}
	return errors.Join(refused, c.summarize())
}

// writer is a directive that runs hushpipe on a DIR.
type writer struct {
	log   serverconf.Log
	flags map[string]string // those on its command line
}

// otherFlags names the flags in which this directive differs from an earlier one for
// the same DIR, "" for none.
func (c *serverCheck) otherFlags(log serverconf.Log, flags *pflag.FlagSet) string {
	given := map[string]string{}
	flags.Visit(func(f *pflag.Flag) { given[f.Name] = f.Value.String() })
	dir := filepath.Clean(flags.Arg(0))
	first, known := c.writers[dir]
	if !known {
		c.writers[dir] = writer{log, given}
		return ""
	}
	var names []string
	flags.VisitAll(func(f *pflag.Flag) {
		if a, in := first.flags[f.Name]; a != given[f.Name] || in != f.Changed {
			names = append(names, "--"+f.Name)
		}
	})
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("%s:%d writes to the same DIR with another %s; hint: give both lines the same flags, or a DIR each",
		first.log.File, first.log.Line, strings.Join(names, ", "))
}

// instead returns the directive of the main server that works and that httpd uses for a
// virtual host without one of its own (merge_config_log_state in mod_log_config.c), nil
// if there is none.
func (c *serverCheck) instead(log serverconf.Log) *serverconf.Log {
	if log.Host == (serverconf.Place{}) || strings.EqualFold(log.Directive, "GlobalLog") {
		return nil
	}
	for i, other := range c.logs {
		v, ok := c.verdicts[i]
		if ok && v.good() && other.Kind == log.Kind && other.Host == (serverconf.Place{}) {
			return &c.logs[i]
		}
	}
	return nil
}

// infoModules are the paths at which distributions install mod_info, which prints a
// configuration.
var infoModules = []string{"", "modules/mod_info.so", "/usr/lib/apache2/modules/mod_info.so", "/usr/lib/apache2/mod_info.so",
	"/usr/lib64/apache2/mod_info.so", "libexec/apache24/mod_info.so"}

// apacheDump returns the configuration in the form that serverconf.Apache reads, and
// whether it contains the active sections only. If httpd prints its configuration but
// would not start, apacheDump returns the reason as well.
func apacheDump(command []string) (dump string, decided bool, err error) {
	test := []string{"-t", "-D", "DUMP_CONFIG", "-D", "DUMP_RUN_CFG"}
	for _, module := range infoModules {
		args := test
		if module != "" {
			args = append([]string{"-C", "LoadModule info_module " + module}, test...)
		}
		out, err := runCommand(command, "", args...)
		if strings.Contains(out.stdout, "# In file: ") {
			return out.stdout, true, err
		}
	}
	out, err := runCommand(command, "", "-t", "-D", "DUMP_INCLUDES", "-D", "DUMP_RUN_CFG")
	if !strings.Contains(out.stdout, "(*)") {
		if err == nil {
			err = fmt.Errorf("%s does not list its files; hint: give the command that starts httpd after --apache", command[0])
		}
		return "", false, err
	}
	dump, unread := serverconf.FromFiles(out.stdout, func(name string) (string, error) {
		text, err := os.ReadFile(name)
		return string(text), err
	})
	return dump + out.stdout, false, errors.Join(err, unread)
}

// holdsClient reports whether lines of a LogFormat string contain the client. If the
// string cannot be compiled, they may.
func holdsClient(logFormat string) bool {
	f, err := format.Compile(logFormat, time.UTC)
	if err != nil {
		return strings.Contains(logFormat, "%")
	}
	return format.ContentsOf(f).Client
}

func writesTo(target string) string {
	if target, found := strings.CutPrefix(target, "|"); found {
		return "gives addresses to another program: " + target
	}
	return "writes addresses to " + target
}

// apacheLine returns a directive that sends the same lines through hushpipe.
func (c *serverCheck) apacheLine(log serverconf.Log) string {
	command := c.command
	if log.Kind == serverconf.Error {
		dir, _ := serverconf.Argument(c.dir + "-error")
		return fmt.Sprintf("%s %s", log.Directive, serverconf.Quote("|"+command+" --format error "+dir))
	}
	dir, _ := serverconf.Argument(c.dir)
	if !format.IsUsual(log.Format) {
		arg, ok := serverconf.Argument(log.Format)
		if _, err := format.Compile(log.Format, time.UTC); err != nil || !ok {
			return "none: hushpipe cannot read this format, use combined"
		}
		command += " --format " + arg
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %s %s", log.Directive, serverconf.Quote("|"+command+" "+dir), log.Nickname, log.Rest))
}

// testApache tests a directive of httpd that runs hushpipe.
func testApache(log serverconf.Log, line hushpipeArgs) verdict {
	sample := ""
	if line, ok := serverconf.Sample(log.Format); ok && log.Kind == serverconf.Access {
		sample = line
	}
	v := testCommand(line, sample)
	if v.err == nil && log.Kind == serverconf.Access && !strings.Contains(log.Format, "%") {
		v.err = fmt.Errorf("no LogFormat has the name %s, so each line would be that word; hint: use combined", log.Format)
	}
	return v
}
