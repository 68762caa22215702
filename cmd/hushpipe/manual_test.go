package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// allCommands returns the root command and those below it that people see.
func allCommands(t *testing.T) []*cobra.Command {
	t.Helper()
	say := newMessages(io.Discard)
	t.Cleanup(say.close)
	root := rootCommand(os.Stdin, os.Stdout, say)
	cmds := []*cobra.Command{root}
	for _, cmd := range root.Commands() {
		if cmd.IsAvailableCommand() {
			cmds = append(cmds, cmd)
		}
	}
	require.Greater(t, len(cmds), 6)
	return cmds
}

// addresses is the page that is written by hand.
const addresses = "hushpipe-addresses.7"

// TestManual holds the man pages equal to the commands; UPDATE=1 writes them.
func TestManual(t *testing.T) {
	const dir = "packaging/man"
	made := map[string]string{}
	for _, cmd := range allCommands(t) {
		name := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1"
		made[name] = manPage(t, cmd)
	}
	if os.Getenv("UPDATE") != "" {
		old, err := filepath.Glob(filepath.Join(dir, "*.1"))
		require.NoError(t, err)
		for _, path := range old {
			require.NoError(t, os.Remove(path))
		}
		for name, text := range made {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
		}
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		if e.Name() == addresses {
			continue
		}
		names = append(names, e.Name())
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		require.Equal(t, made[e.Name()], string(text), "%s: UPDATE=1 go test ./cmd/hushpipe -run TestManual writes it", e.Name())
		t.Run(e.Name(), func(t *testing.T) {
			require.Contains(t, readable(t, filepath.Join(dir, e.Name())), "SYNOPSIS\n       hushpipe")
		})
	}
	require.Len(t, names, len(made))
}

// TestManualOfAddresses: what the page says stays does.
func TestManualOfAddresses(t *testing.T) {
	path := filepath.Join("packaging/man", addresses)
	text := readable(t, path)
	for _, address := range []string{"3232235521", "0300.0250.0.1", "0xc0a80001", "MTkyLjE2OC4wLjE=", "20010db8000000000000000000000001"} {
		require.Contains(t, text, address)
		cmd := exec.Command(hushpipeBinary(t), "filter", "--stdout")
		cmd.Stdin = strings.NewReader(`192.0.2.1 - - [28/Nov/2026:02:00:00 +0000] "GET /?a=` + address + `&b=198.51.100.7 HTTP/1.1" 200 5 "-" "-"` + "\n")
		out, err := cmd.Output()
		require.NoError(t, err)
		require.Contains(t, string(out), "/?a="+address+"&b=")
		require.NotContains(t, string(out), "198.51.100.7")
	}
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	require.Contains(t, string(readme), path, "how it is installed")
}

// readable asks man whether it has something to say against a page, and returns the
// text.
func readable(t *testing.T, path string) string {
	t.Helper()
	man := tool(t, "man", "man-db")
	path, err := filepath.Abs(path)
	require.NoError(t, err)
	cmd := exec.Command(man, "--warnings", "-E", "UTF-8", "-l", path)
	cmd.Env = append(os.Environ(), "MANWIDTH=80", "LC_ALL=C.UTF-8", "MAN_KEEP_FORMATTING=")
	var said bytes.Buffer
	cmd.Stderr = &said
	text, err := cmd.Output()
	require.NoError(t, err, "%s", said.String())
	require.Empty(t, said.String())
	return string(text)
}

// manPage returns the man page of a command, by cobra, with the names of values
// in place of defaults, and no date, so that it changes when the command does.
func manPage(t *testing.T, cmd *cobra.Command) string {
	t.Helper()
	cmd.DisableAutoGenTag = true
	cmd.InitDefaultVersionFlag()
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		value, text := pflag.UnquoteUsage(flag)
		if preset := strings.Trim(flag.DefValue, "[]"); preset != "" && flag.NoOptDefVal == "" {
			text += fmt.Sprintf(" (default %s)", preset)
		}
		flag.Usage, flag.DefValue = text, value
	})
	var page bytes.Buffer
	require.NoError(t, doc.GenMan(cmd, &doc.GenManHeader{Section: "1", Date: &time.Time{}, Source: "hushpipe", Manual: "hushpipe"}, &page))
	text := strings.Replace(page.String(), `"Jan 0001"`, `""`, 1)
	// .TP indents all of a text, and what is to be typed has no hyphens.
	option := regexp.MustCompile(`(?m)^(?:\.PP\n)?(\\fB-.*?)(?:\[=.*\]|="?([A-Z]+)"?)?\n\t`)
	text = option.ReplaceAllStringFunc(text, func(found string) string {
		parts := option.FindStringSubmatch(found)
		line := ".TP\n" + strings.ReplaceAll(parts[1], "-", `\-`)
		if parts[2] != "" {
			line += ` \fI` + parts[2] + `\fP`
		}
		return line + "\n"
	})
	before, example, found := strings.Cut(text, ".EX\n")
	if !found {
		return text
	}
	example, after, _ := strings.Cut(example, ".EE\n")
	example = strings.ReplaceAll(strings.ReplaceAll("\n"+example, "\n  ", "\n"), "-", `\-`) // it is indented already
	return before + ".EX" + example + ".EE\n" + after
}

// TestHelpFits: 80 columns are what a terminal has, and an example tells more
// than flags do.
func TestHelpFits(t *testing.T) {
	for _, cmd := range allCommands(t) {
		out, err := exec.Command(hushpipeBinary(t), append(strings.Fields(cmd.CommandPath())[1:], "--help")...).Output()
		require.NoError(t, err)
		help, err := exec.Command(hushpipeBinary(t), append([]string{"help"}, strings.Fields(cmd.CommandPath())[1:]...)...).Output()
		require.NoError(t, err)
		require.Equal(t, string(out), string(help), "%s: both ways to ask", cmd.Name())
		for line := range strings.Lines(string(out)) {
			assert.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), 80, "%s: %s", cmd.Name(), line)
		}
		if cmd.Name() != "version" {
			assert.Contains(t, string(out), "\nExamples:\n  ", cmd.Name())
		}
	}
}

// TestCompletion: what is offered is what is taken.
func TestCompletion(t *testing.T) {
	offered := func(args ...string) (values []string, directive string) {
		out, err := exec.Command(hushpipeBinary(t), append([]string{"__complete"}, args...)...).Output()
		require.NoError(t, err)
		lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
		return lines[:len(lines)-1], lines[len(lines)-1]
	}
	const files, none, dirs = ":0", ":4", ":16" // cobra.ShellCompDirective
	for args, want := range map[string]string{
		"filter ": dirs, "filter log ": none, "filter --keys ": dirs, "filter --metrics ": files, "filter --keep ": none,
		"replay ": dirs, "replay log ": files, "replay log one ": files,
		"rooms ": dirs, "rooms --day ": none, "reveal ": dirs, "reveal log ": none, "purge ": dirs, "status ": dirs, "version ": none,
		"help version ": none,
	} {
		values, directive := offered(strings.Split(args, " ")...)
		assert.Empty(t, values, args)
		assert.Equal(t, want, directive, args)
	}
	for _, flag := range []string{"--format", "--ip", "--room-hash", "--rooms"} {
		values, directive := offered("filter", flag, "")
		require.Equal(t, none, directive)
		require.Greater(t, len(values), 1, flag)
		for _, value := range values {
			cmd := exec.Command(hushpipeBinary(t), "filter", "--check", flag, value, t.TempDir())
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s %s: %s", flag, value, out)
		}
	}
	for _, value := range first(offered("reveal", "--ip", "")) {
		out, _ := exec.Command(hushpipeBinary(t), "reveal", "--ip", value, t.TempDir(), "::1").CombinedOutput()
		require.NotContains(t, string(out), "--ip", value)
	}
	require.Contains(t, first(offered("help", "ro")), "rooms\tPrint the room counts of a day, as they stand now")
	for _, shell := range []string{"bash", "zsh", "fish"} {
		t.Run(shell, func(t *testing.T) {
			script, err := exec.Command(hushpipeBinary(t), "completion", shell).Output()
			require.NoError(t, err)
			cmd := exec.Command(tool(t, shell, shell), "-n")
			cmd.Stdin = bytes.NewReader(script)
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", out)
		})
	}
}

func first(values []string, _ string) []string { return values }
