package main

import (
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/filter/reveal"
	"hushpipe/filter/rooms"
	"hushpipe/format"
	"hushpipe/format/civil"
	"hushpipe/format/trafficreport"
)

// flagValues lists the values of flags that take one of a few. A key is a flag's name, or
// a command's and a flag's where the same flag has other values there.
var flagValues = map[string][]string{
	"by":             {"day", "week", "month", "year"},
	"rooms by":       {"count", "hash"},
	"format":         strings.Split(format.Names, ", "),
	"ip":             {"ipcrypt", "pfx", "mask", "drop", "keep"},
	"lang":           {"en", "de", "no"},
	"statement lang": {"de", "en", "nb"},
	"reveal ip":      {"ipcrypt", "pfx"},
	"room-hash":      {"sha1", "hmac"},
	"rooms":          strings.Split(rooms.Presets(), ", "),
	"table":          trafficreport.TableNames(),
}

// shells maps the name of a shell to the function that writes its completion script.
var shells = map[string]func(root *cobra.Command, out io.Writer) error{
	"bash":       func(root *cobra.Command, out io.Writer) error { return root.GenBashCompletionV2(out, true) },
	"fish":       func(root *cobra.Command, out io.Writer) error { return root.GenFishCompletion(out, true) },
	"powershell": (*cobra.Command).GenPowerShellCompletionWithDesc,
	"zsh":        (*cobra.Command).GenZshCompletion,
}

func completionCommand() *cobra.Command {
	names := slices.Sorted(maps.Keys(shells))
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print a completion script for a shell",
		Long: `Print the script by which a shell completes commands, flags, and their values
such as formats, presets and days. SHELL is one of ` + strings.Join(names, ", ") + `.
The Debian package installs those of bash, fish and zsh.`,
		Example: `  source <(hushpipe completion bash)
  hushpipe completion bash >/etc/bash_completion.d/hushpipe
  hushpipe completion fish >~/.config/fish/completions/hushpipe.fish`,
		Hidden:                true,
		DisableFlagsInUseLine: true,
		ValidArgs:             names,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 && shells[args[0]] != nil {
				return nil
			}
			return usage("give the name of one shell; hint: choose %s", strings.Join(names, ", "))
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return shells[args[0]](cmd.Root(), cmd.OutOrStdout())
		},
	}
}

// registerCompletions sets up completion of arguments and flag values for all commands
// below root, derived from their usage lines.
func registerCompletions(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		registerCompletions(cmd)
		if cmd.HasSubCommands() {
			continue
		}
		if cmd.ValidArgsFunction == nil && cmd.ValidArgs == nil {
			cmd.ValidArgsFunction = completeArgs(cmd.Use)
		}
		cmd.Flags().VisitAll(func(flag *pflag.Flag) {
			if flag.NoOptDefVal == "" { // the flag takes a value
				cmd.RegisterFlagCompletionFunc(flag.Name, completeFlag(cmd, flag))
			}
		})
	}
}

func completeArgs(use string) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		switch _, behind, found := strings.Cut(use, "DIR"); {
		case strings.HasPrefix(behind, "…"):
			return nil, cobra.ShellCompDirectiveFilterDirs
		case found && len(args) == 0 && !strings.HasPrefix(behind, "|"):
			return nil, cobra.ShellCompDirectiveFilterDirs
		case strings.Contains(behind, "STREAM") && len(args) > 0:
			return streamsOf(args[0]), cobra.ShellCompDirectiveNoFileComp
		case strings.Contains(behind, "FILE"):
			return nil, cobra.ShellCompDirectiveDefault
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// streamsOf returns the names of the streams below DIR that find and erase can work on.
func streamsOf(path string) (names []cobra.Completion) {
	r, err := reveal.Open(path, "", func(_, _ string) {})
	if err != nil {
		return nil
	}
	defer r.Close()
	below, _ := r.Below()
	for _, path := range below {
		names = append(names, filepath.Base(path))
	}
	return names
}

// completeDay offers the days for which DIR has lines or rooms, newest first. Without a
// DIR on the command line yet, it offers the days of the default retention.
func completeDay(_ *cobra.Command, args []string, begun string) (days []cobra.Completion, _ cobra.ShellCompDirective) {
	found := map[civil.Day]bool{}
	if len(args) == 0 {
		for today, n := civil.DayOf(now()), civil.Day(0); n < civil.Day(calendar.DefaultPeriod); n++ {
			found[today-n] = true
		}
	} else {
		for _, sub := range []string{"", dir.Rooms} {
			entries, _ := os.ReadDir(filepath.Join(args[0], sub))
			for _, e := range entries {
				if day, ok := dir.OwnDay(sub, e.Name()); ok {
					found[day] = true
				}
			}
		}
	}
	for _, day := range slices.Backward(slices.Sorted(maps.Keys(found))) {
		if strings.HasPrefix(day.String(), begun) {
			days = append(days, day.String())
		}
	}
	return days, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

func completeFlag(cmd *cobra.Command, flag *pflag.Flag) cobra.CompletionFunc {
	values, ok := flagValues[cmd.Name()+" "+flag.Name]
	if !ok {
		values = flagValues[flag.Name]
	}
	kind, _ := pflag.UnquoteUsage(flag)
	directive := cobra.ShellCompDirectiveNoFileComp
	switch kind {
	case "DATE":
		return completeDay
	case "KEYDIR":
		directive = cobra.ShellCompDirectiveFilterDirs
	case "FILE", "PATH":
		directive = cobra.ShellCompDirectiveDefault
	}
	return cobra.FixedCompletions(values, directive)
}
