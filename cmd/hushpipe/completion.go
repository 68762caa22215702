package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"hushpipe/filter/rooms"
	"hushpipe/format"
)

// choices are the values of flags that have a few, for a flag of one command by
// both names.
var choices = map[string][]string{
	"by":        {"day", "week", "month", "year"},
	"rooms by":  {"count", "hash"},
	"format":    strings.Split(format.Names, ", "),
	"ip":        {"ipcrypt", "pfx", "mask", "drop", "keep"},
	"lang":      {"en", "de", "no"},
	"reveal ip": {"ipcrypt", "pfx"},
	"room-hash": {"sha1", "hmac"},
	"rooms":     strings.Split(rooms.Presets(), ", "),
}

// completed lets shells complete the arguments and flags of all commands, by
// what their usage says.
func completed(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		if cmd.ValidArgsFunction == nil {
			cmd.ValidArgsFunction = completeArgs(cmd.Use)
		}
		cmd.Flags().VisitAll(func(flag *pflag.Flag) {
			if flag.NoOptDefVal == "" { // it takes a value
				cmd.RegisterFlagCompletionFunc(flag.Name, completeFlag(cmd, flag))
			}
		})
	}
}

func completeArgs(use string) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		switch _, behind, found := strings.Cut(use, "DIR"); {
		case found && len(args) == 0 && !strings.HasPrefix(behind, "|"):
			return nil, cobra.ShellCompDirectiveFilterDirs
		case strings.Contains(behind, "FILE"):
			return nil, cobra.ShellCompDirectiveDefault
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

func completeFlag(cmd *cobra.Command, flag *pflag.Flag) cobra.CompletionFunc {
	values, ok := choices[cmd.Name()+" "+flag.Name]
	if !ok {
		values = choices[flag.Name]
	}
	kind, _ := pflag.UnquoteUsage(flag)
	directive := cobra.ShellCompDirectiveNoFileComp
	switch kind {
	case "KEYDIR":
		directive = cobra.ShellCompDirectiveFilterDirs
	case "FILE", "PATH":
		directive = cobra.ShellCompDirectiveDefault
	}
	return cobra.FixedCompletions(values, directive)
}
