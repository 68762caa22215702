package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// commandLine is what can be told of a command line that is wrong.
type commandLine struct {
	help, check, stdout bool
	args                []string // which are no flags, nor the values of flags
	values              []string // which may be the values of unknown flags
	taken               []string // which flags took for their values, and which look like a DIR
	keys                string   // the value of --keys
}

// scanArgs reads a command line as package pflag does, but to its end.
func scanArgs(cmd *cobra.Command, args []string) (line commandLine) {
	given := map[string]*bool{"help": &line.help, "check": &line.check, "stdout": &line.stdout}
	named := cmd.HasParent() // its name is still to come
	for i := 0; i < len(args); i++ {
		arg := args[i]
		name, value, hasValue := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		var flag *pflag.Flag
		switch {
		case arg == "--":
			line.args = append(line.args, args[i+1:]...)
			return line
		case arg == "-" || !strings.HasPrefix(arg, "-"):
			if !named || arg != cmd.Name() {
				line.args = append(line.args, arg)
			}
			named = named && arg != cmd.Name()
			continue
		case strings.HasPrefix(arg, "--"):
			flag = cmd.Flags().Lookup(name)
		case strings.Trim(name, "h") == "": // -h, and -hh is the same twice
			flag = cmd.Flags().Lookup("help")
		}
		switch {
		case flag == nil && !hasValue && i+1 < len(args) && !strings.HasPrefix(args[i+1], "-"):
			i++
			line.values = append(line.values, args[i])
		case flag == nil:
		case flag.NoOptDefVal == "":
			if !hasValue {
				if i++; i == len(args) {
					break
				}
				value = args[i]
				if looksLikeDir(flag, value) {
					line.taken = append(line.taken, value)
				}
			}
			if flag.Name == "keys" {
				line.keys = value
			}
		case given[flag.Name] != nil:
			yes, err := strconv.ParseBool(value)
			*given[flag.Name] = !hasValue || yes && err == nil
		}
	}
	return line
}

// looksLikeDir reports whether the value of a flag is a path that this flag has no
// use for. So it is where the value was forgotten, and DIR follows.
func looksLikeDir(flag *pflag.Flag, value string) bool {
	if flag.Name == "policy" && !isDir(value) && filepath.Ext(value) != "" {
		return false
	}
	path := strings.HasPrefix(value, "/") || strings.HasPrefix(value, "./") || strings.HasPrefix(value, "../")
	return path && flag.Name != "keys" && !strings.ContainsAny(value, "{%") && filepath.Ext(value) != ".prom"
}

// missingDirHint is a hint for a command line without DIR, "" where a flag has not taken it.
func missingDirHint(flags *pflag.FlagSet) (hint string) {
	flags.Visit(func(f *pflag.Flag) {
		values := []string{f.Value.String()}
		if several, ok := f.Value.(pflag.SliceValue); ok {
			values = several.GetSlice()
		}
		for _, value := range values {
			if looksLikeDir(f, value) {
				hint = takesValueHint(f, value)
			}
		}
		if value := f.Value.String(); f.Name == "input" && isDir(value) {
			hint = takesValueHint(f, value)
		} else if f.Name == "input" { // a path that it has a use for
			hint = fmt.Sprintf("; --input takes %s for its value; hint: give --input PATH DIR", value)
		}
	})
	return hint
}

func takesValueHint(flag *pflag.Flag, dir string) string {
	value, _ := pflag.UnquoteUsage(flag)
	return fmt.Sprintf("; --%s takes %s for its value; hint: give --%s %s %s", flag.Name, dir, flag.Name, value, dir)
}

// dir returns the DIR that is meant, which is the last argument. It is not known where
// another one is a directory, too. The value of an unknown flag is taken for it
// only where there is nothing else: so it is for a flag that has no value. So is a
// directory that a flag has no use for: the flag's value was forgotten.
func (l commandLine) dir() (string, error) {
	args := l.args
	if len(args) == 0 && len(l.values) == 1 {
		args = l.values
	}
	if len(args) == 0 && len(l.values) == 0 {
		args = slices.DeleteFunc(l.taken, func(path string) bool { return !isDir(path) })
	}
	if len(args) == 0 {
		return "", errors.New("it is not clear which argument is DIR")
	}
	last := args[len(args)-1]
	for _, arg := range args[:len(args)-1] {
		if isDir(arg) {
			return "", fmt.Errorf("DIR could be %s or %s", arg, last)
		}
	}
	return last, nil
}

func isDir(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}
