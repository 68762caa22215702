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

// ownPath is where this program lies.
func ownPath() string {
	if path, err := os.Executable(); err == nil {
		return path
	}
	return "/usr/bin/hushpipe"
}

// hushpipeArgs is the command of a piped log that runs hushpipe.
type hushpipeArgs struct {
	argv  []string
	at    int    // of hushpipe in argv
	shell string // the whole of it, where a shell runs it
}

// hushpipeLine tells whether the target of a log is hushpipe. httpd knows "|" and "||",
// which are the same, and "|$" for a shell (open_error_log in server/log.c,
// ap_open_piped_log_ex and config_log_open in mod_log_config.c).
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

// reusable returns the command without the flags of a format, up to DIR, for another line.
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

// parsed reads the flags as this program knows them.
func (l hushpipeArgs) parsed() *pflag.FlagSet {
	cmd := filterCommand(os.Stdin, os.Stdout, nil)
	cmd.Flags().Parse(l.argv[min(l.at+2, len(l.argv)):]) // what is wrong, test says
	return cmd.Flags()
}

var errUnread = errors.New("it cannot read lines of this format: each would be taken for malformed; hint: give this format with --format, or log as combined")

// test runs the command as it stands, but with --check: its own program, with its
// flags and its DIR. A sample is a line that must fit.
func (l hushpipeArgs) test(sample string) (warnings string, err error) {
	argv := slices.Clone(l.argv)
	check := []string{"--check"}
	if sample != "" {
		check = append(check, "--sample")
	}
	switch flags := l.parsed(); {
	case flags.Changed("check"):
		return "", errors.New("with --check it ends at once, and httpd starts it again and again; hint: leave --check out")
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
	out, err := ask(argv, sample)
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

// verdict is what a test of a hushpipe line has shown.
type verdict struct {
	err      error
	clear    string // the --ip by which it leaves addresses as they are, "" for none
	warnings string
	conflict string // what another line for the same DIR has otherwise
}

func (v verdict) good() bool { return v.err == nil && v.clear == "" }

// try tests a command of hushpipe. A sample is a line that must fit.
func try(line hushpipeArgs, sample string) verdict {
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
