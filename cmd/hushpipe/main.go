// Command hushpipe reads a web server's access log as it is written, replaces
// the clients' addresses by pseudonyms before anything reaches a disk, keeps
// the lines for a number of days, and counts the users of conference rooms.
package main

import (
	"errors"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// Exit codes.
const (
	exitDone  = 0
	exitFault = 1 // something was lost, is wrong, or could not be done
	exitUsage = 2
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run is the whole program. Everything that it says goes through messages.
func run(args []string, stdin *os.File, stdout io.Writer, stderr io.Writer) int {
	unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) // keys and addresses are in memory
	say := newMessages(stderr)
	defer say.close()
	root := &cobra.Command{
		Use:           "hushpipe",
		Short:         "Pseudonymise, rotate and count a web server's log as it is written",
		Long:          rootHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usage("no command given; see 'hushpipe --help'")
		},
	}
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("%v; see '%s --help'", err, cmd.CommandPath())
	})
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages", ".FlagUsagesWrapped 80"))
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(
		filterCommand(stdin, say),
		roomsCommand(say),
		revealCommand(say),
		purgeCommand(say),
		versionCommand(),
	)
	return say.exitCode(root.Execute())
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

// usageArgs makes the errors of cobra's argument checks usage errors.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usage("%v; see '%s --help'", err, cmd.CommandPath())
		}
		return nil
	}
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			version := "unknown"
			if info, ok := debug.ReadBuildInfo(); ok {
				version = info.Main.Version
			}
			cmd.Println("hushpipe", version)
			return nil
		},
	}
}
