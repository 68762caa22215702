// Command hushpipe reads a web server's access log as it is written, replaces
// the clients' addresses by pseudonyms before anything reaches a disk, keeps
// the lines for a number of days, and counts the users of conference rooms.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"
)

// Exit codes.
const (
	exitDone  = 0
	exitFault = 1 // something was lost, is wrong, or could not be done
	exitUsage = 2
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, messagesOnly(os.Stderr))) }

// run is the whole program. Everything that it says goes through messages.
func run(args []string, stdin, stdout *os.File, stderr io.Writer) int {
	// Keys and addresses are in memory.
	unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	hideMemory()
	say := newMessages(stderr)
	defer say.close()
	root := &cobra.Command{
		Use:           "hushpipe",
		Short:         "Pseudonymise, rotate and count a web server's log as it is written",
		Long:          rootHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version(),
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("unknown command %q; see 'hushpipe --help'", args[0])
			}
			return usage("no command given; see 'hushpipe --help'")
		},
	}
	root.SetVersionTemplate("hushpipe {{.Version}}\n")
	root.SetArgs(args)
	root.SetIn(stdin)
	out := &output{file: stdout}
	root.SetOut(out)
	root.SetErr(stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		var bad *pflag.InvalidValueError
		if errors.As(err, &bad) {
			return usage("--%s %q: %w", bad.GetFlag().Name, bad.GetValue(), reason(errors.Unwrap(bad)))
		}
		return usage("%v; see '%s --help'", err, cmd.CommandPath())
	})
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages", ".FlagUsagesWrapped 80"))
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(
		filterCommand(stdin, say),
		replayCommand(stdin, say),
		roomsCommand(say),
		reportCommand(stdout, say),
		revealCommand(stdin, say),
		purgeCommand(say),
		statusCommand(),
		versionCommand(),
	)
	err := root.Execute()
	return say.exitCode(errors.Join(err, out.err))
}

const rootHelp = `hushpipe stands behind Apache's CustomLog, replaces every client address by a
pseudonym before anything reaches a disk, keeps the lines in daily files that
are deleted after 14 days together with the day's key, and counts how many
different addresses used each conference room that day.

  CustomLog "|/usr/bin/hushpipe filter /var/log/hushpipe" combined`

// usageError is a command line that cannot be carried out.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// errSaid ends a command that has said already what was wrong.
var errSaid = errors.New("")

// reason is why a flag does not take a value; package strconv says it of true
// and false, the only other values that are no text.
func reason(err error) error {
	var syntax *strconv.NumError
	if errors.As(err, &syntax) {
		return errors.New("give true or false")
	}
	return err
}

// arguments checks how many there are; the first is DIR.
func arguments(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usage("no DIR given; see '%s --help'", cmd.CommandPath())
		case len(args) > most && most == 0:
			return usage("too many arguments: there is none; see '%s --help'", cmd.CommandPath())
		case len(args) > most:
			return usage("too many arguments: give one DIR; see '%s --help'", cmd.CommandPath())
		}
		return nil
	}
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  arguments(0, 0),
		Run:   func(cmd *cobra.Command, _ []string) { fmt.Fprintln(cmd.OutOrStdout(), "hushpipe", version()) },
	}
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return "unknown"
}
