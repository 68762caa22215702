package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"hushpipe/filter/pseudonym"
	"hushpipe/format/serverconf"
)

// ownPath returns the path of this program.
func ownPath() string {
	if path, err := os.Executable(); err == nil {
		return path
	}
	return "/usr/bin/hushpipe"
}

// hushpipeArgs is the command of a piped log that runs hushpipe.
type hushpipeArgs struct {
	argv  []string
	at    int    // index of hushpipe in argv
	shell string // the whole command if a shell runs it, else ""
}

// hushpipeLine reports whether the target of a log is hushpipe, and returns its
// command. httpd treats "|" and "||" alike, and runs what follows "|$" in a shell
// (open_error_log in server/log.c, ap_open_piped_log_ex and config_log_open in
// mod_log_config.c).
func hushpipeLine(target string) (line hushpipeArgs, ok bool) {
	command, piped := strings.CutPrefix(target, "|")
	if !piped {
		return line, false
	}
	if shell, ok := strings.CutPrefix(command, "$"); ok {
		line.shell, command = shell, shell
	}
	line.argv = serverconf.Split(strings.TrimPrefix(command, "|"))
	line.at = slices.IndexFunc(line.argv, func(arg string) bool { return filepath.Base(arg) == "hushpipe" })
	return line, line.at >= 0
}

// reusable returns the DIR, and the part of the command before it without the flags of
// a format, so that another directive can use it.
func (l hushpipeArgs) reusable() (command, dir string) {
	var kept []string
	cmd := filterCommand(os.Stdin, os.Stdout, nil)
	flags := cmd.Flags()
	if len(l.argv) < l.at+2 || l.argv[l.at+1] != "filter" || flags.Parse(l.argv[l.at+2:]) != nil || flags.NArg() != 1 {
		return "", ""
	}
	kept = append(kept, l.argv[:l.at+2]...)
	if user := flags.Lookup("user"); user.Changed {
		kept = append(kept, "--user", user.Value.String())
	}
	for i, arg := range kept {
		kept[i], _ = serverconf.Argument(arg)
	}
	return strings.Join(kept, " "), flags.Arg(0)
}

var shellFilter = regexp.MustCompile(`\bhushpipe["']?\s+filter\b`)

// parsed parses the flags as this program knows them.
func (l hushpipeArgs) parsed() *pflag.FlagSet {
	cmd := filterCommand(os.Stdin, os.Stdout, nil)
	cmd.Flags().Parse(l.argv[min(l.at+2, len(l.argv)):]) // test reports errors
	return cmd.Flags()
}

var errUnread = errors.New("it cannot read lines of this format: each would count as malformed; hint: give this format with --format, or log as combined")

// test runs the command with --check: the program that it names, with its flags and its
// DIR. If sample is not "", the program must be able to read this line.
func (l hushpipeArgs) test(sample string) (warnings string, err error) {
	argv := slices.Clone(l.argv)
	check := []string{"--check"}
	if sample != "" {
		check = append(check, "--sample")
	}
	switch flags := l.parsed(); {
	case flags.Changed("check"):
		return "", errors.New("with --check it exits at once, and httpd starts it again and again; hint: leave --check out")
	case flags.Changed("stdout"):
		return "", errors.New("with --stdout lines go nowhere: nobody reads the output of a logger; hint: leave --stdout out")
	case l.shell != "":
		at := shellFilter.FindStringIndex(l.shell)
		if at == nil {
			return "", errors.New("it does not run hushpipe filter; hint: write |/usr/bin/hushpipe filter DIR")
		}
		argv = []string{"/bin/sh", "-c", l.shell[:at[1]] + " " + strings.Join(check, " ") + l.shell[at[1]:]}
	case !filepath.IsAbs(argv[0]):
		return "", fmt.Errorf("httpd does not search PATH for %s; hint: give the whole path, as %s", argv[0], ownPath())
	case len(argv) < l.at+2 || argv[l.at+1] != "filter":
		return "", errors.New("filter does not follow hushpipe; hint: write |/usr/bin/hushpipe filter DIR")
	default:
		argv = slices.Insert(argv, l.at+2, check...)
	}
	out, err := runCommand(argv, sample)
	var exit *exec.ExitError
	switch {
	case err == nil && strings.Contains(out.stdout, "\nline 1 fits no format"):
		return "", errUnread
	case err == nil:
		return oneLine(strings.ReplaceAll(out.stderr, "hushpipe: warning: ", "hushpipe: ")), nil
	case errors.As(err, &exit) || out.stderr != "":
		return "", errors.New(oneLine(out.stderr))
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("%s: no such program", argv[0])
	}
	return "", err
}

// verdict is the result of testing a directive that runs hushpipe.
type verdict struct {
	err      error
	clear    string // the --ip that keeps addresses in clear, "" if none does
	warnings string
	conflict string // how it differs from another directive for the same DIR
}

func (v verdict) good() bool { return v.err == nil && v.clear == "" }

// testCommand tests a command; sample as in test.
func testCommand(line hushpipeArgs, sample string) verdict {
	warnings, err := line.test(sample)
	v := verdict{err: err, warnings: warnings}
	if err == nil {
		ip := line.parsed().Lookup("ip").Value.String()
		if mode, err := pseudonym.ParseMode(ip); err == nil && mode.InClear() {
			v.clear = ip
		}
	}
	return v
}
