package main

import (
	"crypto/fips140"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"hushpipe/format/agent"
	"hushpipe/format/referrer"
	"hushpipe/format/spelling"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"
)

// Exit codes.
const (
	exitDone    = 0
	exitFailure = 1 // something was lost, is wrong, or could not be done
	exitUsage   = 2
)

func main() {
	stderr, err := detachStderr(os.Stderr)
	if err != nil { // such as too many open files
		fmt.Fprintln(os.Stderr, "hushpipe: error: cannot keep crash reports off stderr:", err)
		os.Exit(exitFailure)
	}
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, stderr))
}

// run runs the command. All messages go through a messageLog.
func run(args []string, stdin, stdout *os.File, stderr io.Writer) int {
	// No core files: the memory holds keys and addresses.
	unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	hideMemory()
	log := newMessageLog(stderr)
	defer log.close()
	log.redacted = addressesIn(args)
	root := rootCommand(stdin, stdout, log)
	out := &output{file: stdout}
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(out)
	root.SetErr(stderr)
	cmd, err := root.ExecuteC()
	if wrong := (usageError{}); errors.As(err, &wrong) {
		introduce(args, stdin, stderr)
	}
	if wrong := (usageError{}); errors.As(err, &wrong) {
		src := &source{file: stdin}
		if held, ok := systemdFIFO(""); ok {
			src = &source{file: held, fifo: true}
		}
		if isPipe(src.file) {
			err = afterWrongFlags(cmd, args, wrong, src, log)
		}
	}
	return log.exitCode(errors.Join(withPermissionHint(err), out.err))
}

// coreFiles reports to status whether the kernel would write core files.
func coreFiles() string {
	var cores unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &cores); err != nil || cores.Max != 0 {
		return "core files are possible"
	}
	return "no core files"
}

// rootCommand returns the root command with all others below it.
func rootCommand(stdin, stdout *os.File, log *messageLog) *cobra.Command {
	cobra.EnableCommandSorting = false // the most used commands come first
	root := &cobra.Command{
		Use:                   "hushpipe COMMAND",
		Short:                 "Pseudonymise, rotate and count a web server's log as it is written",
		Long:                  manualText("hushpipe", "1"),
		Example:               rootExample,
		SilenceErrors:         true,
		DisableFlagsInUseLine: true,
		SilenceUsage:          true,
		Version:               version(),

		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("unknown command %q; hint: %ssee 'hushpipe --help'", args[0], commandHint(cmd, args[0]))
			}
			return usage("no command given; hint: see 'hushpipe --help'")
		},
	}
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		warnZone(log)
		return checkCrypto()
	}
	root.SetVersionTemplate("hushpipe {{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	root.SetUsageTemplate(strings.Replace(usageTemplate, "TOPICS", topicList(), 1))
	root.SetHelpFunc(showHelp)
	root.SetHelpCommand(helpCommand())
	root.AddCommand(
		filterCommand(stdin, stdout, log),
		replayCommand(stdin, log),
		roomsCommand(stdout, log),
		reportCommand(stdout, log),
		trafficCommand(stdout, log),
		revealCommand(stdin, log),
		findCommand(stdin, log),
		eraseCommand(stdin, log),
		purgeCommand(log),
		statusCommand(),
		auditCommand(log),
		fleetCommand(log),
		checkCommand(),
		statementCommand(stdout, log),
		versionCommand(),
		completionCommand(),
	)
	registerCompletions(root)
	return root
}

// flagError returns the error for a flag that is unknown or has a wrong value, with a hint.
func flagError(cmd *cobra.Command, err error) error {
	var bad *pflag.InvalidValueError
	if errors.As(err, &bad) {
		if looksLikeDir(bad.GetFlag(), bad.GetValue()) {
			return usage("--%s %q is not valid%s", bad.GetFlag().Name, bad.GetValue(), takesValueHint(bad.GetFlag(), bad.GetValue()))
		}
		return usage("--%s %q is not valid; hint: %w", bad.GetFlag().Name, bad.GetValue(), whyInvalid(errors.Unwrap(bad)))
	}
	hint := ""
	var unknown *pflag.NotExistError
	switch found := errors.As(err, &unknown); {
	case found && unknown.GetSpecifiedShortnames() != "": // Go's own flags take one dash
		if name, _, _ := strings.Cut(unknown.GetSpecifiedShortnames(), "="); cmd.Flags().Lookup(name) != nil {
			hint = fmt.Sprintf("write '--%s', ", name)
		}
	case found:
		var names []string
		cmd.Flags().VisitAll(func(flag *pflag.Flag) { names = append(names, flag.Name) })
		if hint = didYouMean(names, unknown.GetSpecifiedName(), "--"); hint == "" {
			hint = otherCommandHint(cmd, unknown.GetSpecifiedName())
		}
	}
	return usage("%v; hint: %ssee '%s --help'", err, hint, cmd.CommandPath())
}

// commandNames returns the names of the commands that help lists.
func commandNames(root *cobra.Command) (names []string) {
	for _, cmd := range root.Commands() {
		if cmd.IsAvailableCommand() {
			names = append(names, cmd.Name())
		}
	}
	return names
}

// didYouMean is a hint with the name most similar to a wrong one, "" if none is
// similar.
func didYouMean(names []string, wrong, before string) string {
	near := spelling.Nearest(wrong, names)
	if near == "" {
		return ""
	}
	return fmt.Sprintf("did you mean '%s%s'? ", before, near)
}

// warnZone warns of a TZ that is not a time zone. Package time silently uses UTC then,
// and days would begin at another hour than the operator expects.
func warnZone(log *messageLog) {
	zone := strings.TrimPrefix(os.Getenv("TZ"), ":")
	if zone != "" && zone != "UTC" && time.Local.String() == "UTC" {
		log.warnf("TZ=%q is not a time zone, so UTC is used; hint: give a name below /usr/share/zoneinfo, as in Europe/Berlin", zone)
	}
}

// checkCrypto returns an error if the system or the environment forbids the functions
// that keys and room files need.
func checkCrypto() error {
	if fips140.Enforced() {
		return errors.New("GODEBUG=fips140=only forbids SHA-1, which names rooms; hint: set fips140=on")
	}
	return checkRandom()
}

const rootExample = `  CustomLog "|/usr/bin/hushpipe filter /var/log/hushpipe" combined
  hushpipe status /var/log/hushpipe`

// usageTemplate is cobra's template, shortened and in 80 columns.
const usageTemplate = `Usage:
  {{if .HasAvailableSubCommands}}{{.CommandPath}} COMMAND{{else}}{{.UseLine}}{{end}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}

Commands:{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{if not .HasParent}}

Topics:TOPICS{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsagesWrapped 80 | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableSubCommands}}

'{{.CommandPath}} COMMAND --help'{{if .HasParent}} shows{{else}} and '{{.CommandPath}} help TOPIC' show{{end}} more.{{end}}
`

// helpCommand replaces cobra's help command: it also knows topics, and returns an error
// for an unknown name.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:                   "help [COMMAND|TOPIC]",
		Short:                 "Explain a command or a topic",
		DisableFlagsInUseLine: true,
		ValidArgsFunction: func(cmd *cobra.Command, args []string, begun string) (names []cobra.Completion, _ cobra.ShellCompDirective) {
			offer := func(name, short string) {
				if len(args) == 0 && strings.HasPrefix(name, begun) {
					names = append(names, cobra.CompletionWithDesc(name, short))
				}
			}
			for _, c := range cmd.Root().Commands() {
				if c.IsAvailableCommand() {
					offer(c.Name(), c.Short)
				}
			}
			for _, t := range topics() {
				offer(t.name, t.short)
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, t := range topics() {
				if len(args) == 1 && args[0] == t.name {
					fmt.Fprint(cmd.OutOrStdout(), t.help())
					return nil // output keeps a write error
				}
			}
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return usage("no help on %q: no such command or topic; hint: %ssee 'hushpipe --help'", strings.Join(args, " "), didYouMean(commandNames(cmd.Root()), strings.Join(args, " "), "help "))
			}
			about.InitDefaultHelpFlag() // which cobra does when it runs a command
			about.InitDefaultVersionFlag()
			return about.Help()
		},
	}
}

// usageError is an error in the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// errReported makes a command fail after it has logged the reason itself.
var errReported = errors.New("")

// whyInvalid returns the reason why a flag rejected its value. Only errors for booleans
// come from package strconv.
func whyInvalid(err error) error {
	var syntax *strconv.NumError
	if errors.As(err, &syntax) {
		return errors.New("give true or false")
	}
	return err
}

// arguments checks the number of arguments, the first of which is DIR.
func arguments(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			if hint := missingDirHint(cmd.Flags()); hint != "" {
				return usage("no DIR given%s", hint)
			}
			return usage("no DIR given; hint: see '%s --help'", cmd.CommandPath())
		case len(args) > most && most == 0:
			return usage("too many arguments: it takes none; hint: see '%s --help'", cmd.CommandPath())
		case len(args) > most:
			return usage("too many arguments; hint: give one DIR, see '%s --help'", cmd.CommandPath())
		}
		return nil
	}
}

func versionCommand() *cobra.Command {
	verbose := false
	cmd := &cobra.Command{
		Use:     "version [flags]",
		Short:   "Print the version",
		Example: `  hushpipe version --verbose`,
		Args:    arguments(0, 0),
		Run: func(cmd *cobra.Command, _ []string) {
			out := cmd.OutOrStdout()
			fmt.Fprintln(out, "hushpipe", version())
			if verbose {
				for _, list := range append(agent.Sources(), referrer.Source()) {
					fmt.Fprintln(out, list)
				}
			}
		},
	}
	cmd.Flags().BoolVar(&verbose, "verbose", false, "also print the built-in lists, with version and licence")
	return cmd
}

// release is the version that packaging/build.sh gets from git.
var release string

func version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return "unknown"
}
