package main

// Help for people who meet hushpipe for the first time: an introduction, and hints for
// wrong command lines.

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// introduction is printed to a terminal if the command line is hushpipe or hushpipe
// filter alone.
const introduction = `hushpipe takes a web server's log from a pipe, replaces the addresses, and
writes the lines to daily files in DIR, which it deletes after 14 days. The
server runs it:

  CustomLog "|/usr/bin/hushpipe filter /var/log/hushpipe" combined

To see what it makes of a log that you have, and leave nothing on the disk:

  hushpipe filter --stdout <access.log

'hushpipe check --apache' names the logs of a server. 'hushpipe --help' shows
the rest.

`

// introduce prints the introduction before the error, if the command line asks for
// nothing more.
func introduce(args []string, stdin *os.File, stderr io.Writer) {
	bare := len(args) == 0 || len(args) == 1 && args[0] == "filter"
	if out, ok := stderr.(*os.File); ok && bare && hasWidth(stdin) && hasWidth(out) {
		fmt.Fprint(out, introduction)
	}
}

// isFile reports whether path is a regular file, such as a log given in place of DIR.
func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
}

// commandHint is the hint for an unknown command: a similar one, or filter if the word
// looks like DIR.
func commandHint(cmd *cobra.Command, word string) string {
	if strings.Contains(word, "/") || isDir(word) {
		return fmt.Sprintf("write 'hushpipe filter %s'? ", word)
	}
	return didYouMean(commandNames(cmd), word, "")
}

// otherCommandHint names the command that has the flag, "" if none has.
func otherCommandHint(cmd *cobra.Command, name string) string {
	for _, other := range cmd.Root().Commands() {
		if other != cmd && other.IsAvailableCommand() && other.Flags().Lookup(name) != nil {
			return fmt.Sprintf("it is a flag of '%s', ", other.CommandPath())
		}
	}
	return ""
}

// dirAsValueHint is the hint for a flag that took DIR for its value, "" if none did.
func dirAsValueHint(flags *pflag.FlagSet) (hint string) {
	flags.Visit(func(f *pflag.Flag) {
		if isDir(f.Value.String()) {
			hint = takesValueHint(f, f.Value.String())
		}
	})
	return hint
}

// dirFirstHint is the hint that DIR comes first, "" if the first argument may be DIR.
func dirFirstHint(cmd *cobra.Command, args []string) string {
	if len(args) == 0 || isDir(args[0]) || filepath.IsAbs(args[0]) && !isFile(args[0]) {
		return ""
	}
	if len(args) > 1 && !isDir(args[len(args)-1]) && !isFile(args[0]) {
		return ""
	}
	return fmt.Sprintf("; hint: DIR comes first, as in '%s /var/log/hushpipe %s'", cmd.CommandPath(), args[0])
}
