package main

// What can be learnt from a wrong command line: which flags it has, and which argument
// was meant as DIR.

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

// commandLine is what can be read from a command line that is wrong.
type commandLine struct {
	help, check, stdout bool
	args                []string // neither flags nor values of flags
	values              []string // possible values of unknown flags
	taken               []string // values of flags that look like DIR
	keys                string   // the value of --keys
}

// scanArgs parses a command line as package pflag does, but continues after errors.
func scanArgs(cmd *cobra.Command, args []string) (line commandLine) {
	given := map[string]*bool{"help": &line.help, "check": &line.check, "stdout": &line.stdout}
	named := cmd.HasParent() // the command's name is not read yet
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
		case strings.Trim(name, "h") == "": // -h, -hh and so on
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

// looksLikeDir reports whether the value of a flag is a path of no use to that flag:
// probably its value was forgotten, and the flag took DIR.
func looksLikeDir(flag *pflag.Flag, value string) bool {
	if flag.Name == "policy" && !isDir(value) && filepath.Ext(value) != "" {
		return false
	}
	path := strings.HasPrefix(value, "/") || strings.HasPrefix(value, "./") || strings.HasPrefix(value, "../")
	return path && flag.Name != "keys" && !strings.ContainsAny(value, "{%") && filepath.Ext(value) != ".prom"
}

// missingDirHint is the hint for a command line without DIR, "" unless a flag took it.
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
		} else if f.Name == "input" { // PATH may be missing, although this is a valid one
			hint = fmt.Sprintf("; --input takes %s for its value; hint: give --input PATH DIR", value)
		}
	})
	return hint
}

func takesValueHint(flag *pflag.Flag, dir string) string {
	value, _ := pflag.UnquoteUsage(flag)
	return fmt.Sprintf("; --%s takes %s for its value; hint: give --%s %s %s", flag.Name, dir, flag.Name, value, dir)
}

// dir returns the argument that was meant as DIR: the last one. If another argument is
// a directory too, it returns an error. Without arguments, DIR may be the value of an
// unknown flag, which then is a flag without a value, or a directory that a flag took
// because its own value was forgotten.
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
