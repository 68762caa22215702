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

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/need"
	"hushpipe/filter/terms"
	"hushpipe/format/agent"
	"hushpipe/format/policy"
	"hushpipe/format/referrer"
)

// allCommands returns the root command and all visible ones below it.
func allCommands(t *testing.T) []*cobra.Command {
	t.Helper()
	log := newMessageLog(io.Discard)
	t.Cleanup(log.close)
	cmds := []*cobra.Command{rootCommand(os.Stdin, os.Stdout, log)}
	for i := 0; i < len(cmds); i++ { // those below it as well
		for _, cmd := range cmds[i].Commands() {
			if cmd.IsAvailableCommand() {
				cmds = append(cmds, cmd)
			}
		}
	}
	require.Greater(t, len(cmds), 6)
	return cmds
}

// manPages is the directory of the man pages.
const manPages = "packaging/man"

// TestManual compares the man pages with the commands and topics; UPDATE=1 writes them.
func TestManual(t *testing.T) {
	made := map[string]string{}
	for _, cmd := range allCommands(t) {
		name := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1"
		made[name] = manPage(t, cmd)
	}
	for _, topic := range topics() {
		made["hushpipe-"+topic.name+"."+topic.section] = topicPage(topic)
	}
	if os.Getenv("UPDATE") != "" {
		old, err := filepath.Glob(filepath.Join(manPages, "*"))
		require.NoError(t, err)
		for _, path := range old {
			require.NoError(t, os.Remove(path))
		}
		for name, text := range made {
			require.NoError(t, os.WriteFile(filepath.Join(manPages, name), []byte(text), 0o644))
		}
	}
	entries, err := os.ReadDir(manPages)
	require.NoError(t, err)
	require.Len(t, entries, len(made))
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(manPages, e.Name()))
		require.NoError(t, err)
		require.Equal(t, made[e.Name()], string(text), "%s: UPDATE=1 go test ./cmd/hushpipe -run TestManual writes it", e.Name())
		t.Run(e.Name(), func(t *testing.T) {
			shown := readable(t, filepath.Join(manPages, e.Name()))
			if strings.HasSuffix(e.Name(), ".1") {
				require.Contains(t, shown, "SYNOPSIS\n       hushpipe")
			}
			for page, section := range pagesNamed(shown) {
				require.Contains(t, made, page+"."+section, "the page that it refers to")
			}
		})
	}
}

// pagesNamed returns the sections of the pages of hushpipe that a text refers to.
func pagesNamed(text string) map[string]string {
	pages := map[string]string{}
	for _, found := range regexp.MustCompile(`\b(hushpipe(?:-[a-z]+)?)\(([1-9])\)`).FindAllStringSubmatch(text, -1) {
		pages[found[1]] = found[2]
	}
	return pages
}

// TestTopics: help and man, with their different renderers, show the same text.
func TestTopics(t *testing.T) {
	t.Parallel()
	plain := func(text string) string {
		text = strings.NewReplacer("‐", "-", "−", "-", "•", "-", "·", "-", "—", "-").Replace(text)
		return strings.ToLower(regexp.MustCompile(`[\s:]`).ReplaceAllString(text, ""))
	}
	require.NotEmpty(t, topics())
	for _, topic := range topics() {
		t.Run(topic.name, func(t *testing.T) {
			out, err := exec.Command(hushpipeBinary(t), "help", topic.name).Output()
			require.NoError(t, err)
			exempt := codeBlocks(topic.text, "console") // what hushpipe answers
			if topic.name == "migrate" {
				exempt = codeBlocks(topic.text, "") // to move in takes five lines
			}
			assertFits(t, string(out), exempt...)
			_, help, found := strings.Cut(string(out), "\n\n")
			require.True(t, found)
			page := readable(t, filepath.Join(manPages, "hushpipe-"+topic.name+"."+topic.section), "--no-hyphenation")
			_, page, found = strings.Cut(page, "NAME\n")
			require.True(t, found)
			lines := strings.Split(strings.TrimSpace(page), "\n")
			page = strings.Join(lines[:len(lines)-1], "\n") // without its foot
			require.Equal(t, plain("hushpipe-"+topic.name+" - "+topic.short+help), plain(page))
		})
	}
}

// manual returns the texts of the manual and the READMEs, whose instructions tests
// follow.
func manual(t *testing.T) (texts []string) {
	t.Helper()
	paths, err := filepath.Glob("manual/*.md")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range append([]string{"../../README.md", "packaging/README.md", "../../testdata/README.md"}, paths...) {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		texts = append(texts, string(text))
	}
	return texts
}

// codeBlocks returns the blocks of a kind in a text, such as ```console.
func codeBlocks(text, kind string) (blocks []string) {
	for _, found := range regexp.MustCompile("(?s)```"+kind+"\n(.*?)```").FindAllStringSubmatch(text, -1) {
		blocks = append(blocks, found[1])
	}
	return blocks
}

// TestReadmeLists: the README has the versions and licences of the lists in the
// program.
func TestReadmeLists(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	readme := strings.Join(strings.Fields(string(text)), " ")
	for _, list := range append(agent.Sources(), referrer.Source()) {
		assert.Contains(t, readme, list)
	}
}

// TestLinks: the links in the READMEs lead somewhere.
func TestLinks(t *testing.T) {
	links := 0
	for _, path := range []string{"../../README.md", "packaging/README.md", "../../testdata/README.md", "../../bench/README.md"} {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, found := range regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`).FindAllStringSubmatch(string(text), -1) {
			require.FileExists(t, filepath.Join(filepath.Dir(path), found[1]), path)
			links++
		}
	}
	require.Greater(t, links, 20)
}

// TestManualOfPolicies: the example in the page is the file that the commands beside it
// read, and the README's example is a policy.
func TestManualOfPolicies(t *testing.T) {
	example, err := os.ReadFile("../../testdata/policy.toml")
	require.NoError(t, err)
	pieces := codeBlocks(manualText("policy", "5"), "toml")
	require.Equal(t, string(example), pieces[0])
	for _, keys := range pieces[1:] { // of a stream
		const costs = "[[stream]]\nname = \"costs\"\npurpose = \"x\"\nkeep = \"30d\"\ngate = { longest = \"90d\" }\n"
		p, mistakes := policy.Parse([]byte(costs + "[[stream]]\nname = \"web\"\npurpose = \"x\"\nkeep = \"30d\"\n" + keys))
		require.Empty(t, mistakes, keys)
		require.Empty(t, terms.Check(p), keys)
	}
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	blocks := codeBlocks(string(readme), "toml")
	require.Len(t, blocks, 1)
	p, mistakes := policy.Parse([]byte(blocks[0]))
	require.Empty(t, mistakes)
	require.Empty(t, terms.Check(p))
}

// TestManualOfAddresses: what stays according to the page does stay.
func TestManualOfAddresses(t *testing.T) {
	text := readable(t, filepath.Join(manPages, "hushpipe-addresses.7"))
	for _, address := range []string{"3232235521", "0300.0250.0.1", "0xc0a80001", "MTkyLjE2OC4wLjE=", "20010db8000000000000000000000001"} {
		require.Contains(t, text, address)
		cmd := exec.Command(hushpipeBinary(t), "filter", "--stdout")
		cmd.Stdin = strings.NewReader(`192.0.2.1 - - [28/Nov/2026:02:00:00 +0000] "GET /?a=` + address + `&b=198.51.100.7 HTTP/1.1" 200 5 "-" "-"` + "\n")
		out, err := cmd.Output()
		require.NoError(t, err)
		require.Contains(t, string(out), "/?a="+address+"&b=")
		require.NotContains(t, string(out), "198.51.100.7")
	}
}

// readable lets man check a page for errors, and returns its text.
func readable(t *testing.T, path string, options ...string) string {
	t.Helper()
	man := need.Program(t, "man", "man-db")
	path, err := filepath.Abs(path)
	require.NoError(t, err)
	cmd := exec.Command(man, append(options, "--warnings", "-E", "UTF-8", "-l", path)...)
	cmd.Env = append(os.Environ(), "MANWIDTH=80", "LC_ALL=C.UTF-8", "MAN_KEEP_FORMATTING=")
	var said bytes.Buffer
	cmd.Stderr = &said
	text, err := cmd.Output()
	require.NoError(t, err, "%s", said.String())
	require.Empty(t, said.String())
	return string(text)
}

// manPage returns the man page of a command, made by cobra, with the names of values in
// place of defaults, and without a date, so that it changes only with the command.
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
	// .TP indents the whole text, and commands to type have no hyphens.
	option := regexp.MustCompile(`(?m)^(?:\.PP\n)?(\\fB-.*?)(?:\[=.*\]|="?([A-Z]+)"?)?\n\t`)
	text = option.ReplaceAllStringFunc(text, func(found string) string {
		parts := option.FindStringSubmatch(found)
		line := ".TP\n" + strings.ReplaceAll(parts[1], "-", `\-`)
		if parts[2] != "" {
			line += ` \fI` + parts[2] + `\fP`
		}
		return line + "\n"
	})
	// The sections of the text come after the options.
	description, rest, found := strings.Cut(text, ".SH OPTIONS\n")
	require.True(t, found)
	description, sections := cutSections(description)
	options, rest, _ := strings.Cut(rest, "\n.SH ")
	text = description + ".SH OPTIONS\n" + options + "\n" + sections + "\n.SH " + rest
	if before, rest, found := strings.Cut(text, ".SH EXAMPLE\n.EX\n"); found {
		example, after, _ := strings.Cut(rest, ".EE\n")
		example = strings.ReplaceAll("\n"+example, "\n  ", "\n") // it is indented already
		text = before + ".SH EXAMPLES\n.EX" + example + ".EE\n" + after
	}
	if !cmd.HasParent() {
		for _, topic := range topics() {
			text = strings.TrimRight(text, "\n") + fmt.Sprintf(", \\fBhushpipe-%s(%s)\\fP\n", topic.name, topic.section)
		}
	}
	return typed(text)
}

// cutSections cuts off what follows a description's own heading.
func cutSections(description string) (text, sections string) {
	head, text, _ := strings.Cut(description, ".SH DESCRIPTION\n")
	text, sections, found := strings.Cut(text, ".SH ")
	if found {
		sections = "\n.SH " + strings.TrimRight(sections, "\n") + "\n"
	}
	return head + ".SH DESCRIPTION\n" + text, sections
}

// topicPage returns the man page of a topic.
func topicPage(topic topic) string {
	name := "hushpipe-" + topic.name
	page := fmt.Sprintf(".TH %q %q \"\" \"hushpipe\" \"hushpipe\"\n.SH NAME\n%s \\- %s\n", strings.ToUpper(name), topic.section, name, topic.short)
	return typed(page + string(md2man.Render([]byte(topic.text))))
}

// typed writes headings in capitals, and in commands to type a minus for each hyphen,
// which man would show as another character.
func typed(page string) string {
	page = regexp.MustCompile(`(?m)^\.SH .*`).ReplaceAllStringFunc(page, func(line string) string {
		return ".SH " + strings.ReplaceAll(strings.ToUpper(line[4:]), "-", `\-`)
	})
	bold := regexp.MustCompile(`(?s)\\fB.*?\\f[RP]|\n\.EX\n.*?\n\.EE\n`)
	return bold.ReplaceAllStringFunc(page, func(code string) string {
		return strings.ReplaceAll(strings.ReplaceAll(code, `\-`, "-"), "-", `\-`)
	})
}

// assertFits checks that the text fits 80 columns, except what is exempt.
func assertFits(t *testing.T, text string, exempt ...string) {
	t.Helper()
	stays := map[string]bool{}
	for line := range strings.Lines(strings.Join(exempt, "")) {
		stays[strings.TrimLeft(line, " ")] = true
	}
	for line := range strings.Lines(text) {
		if stays[strings.TrimLeft(line, " ")] {
			continue
		}
		assert.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), helpWidth, line)
	}
}

// TestHelpFits: help fits a terminal, and each command has an example.
func TestHelpFits(t *testing.T) {
	assertFits(t, introduction)
	out, err := exec.Command(hushpipeBinary(t), "completion", "--help").Output()
	require.NoError(t, err)
	assertFits(t, string(out))
	require.NotContains(t, string(out), "TOPIC", "topics are of hushpipe alone")
	require.NotContains(t, string(out), "Topics:")
	for _, cmd := range allCommands(t) {
		out, err := exec.Command(hushpipeBinary(t), append(strings.Fields(cmd.CommandPath())[1:], "--help")...).Output()
		require.NoError(t, err)
		help, err := exec.Command(hushpipeBinary(t), append([]string{"help"}, strings.Fields(cmd.CommandPath())[1:]...)...).Output()
		require.NoError(t, err)
		require.Equal(t, string(out), string(help), "%s: both ways to ask", cmd.Name())
		assertFits(t, string(out))
		assert.Contains(t, string(out), "\nExamples:\n  ", cmd.Name())
	}
}

// TestExamples runs the examples of help that name another program, on its own log and
// DIR.
func TestExamples(t *testing.T) {
	dir := t.TempDir()
	script := func(text string) ([]byte, error) {
		cmd := exec.Command("bash", "-o", "pipefail", "-c", text)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(hushpipeBinary(t))+":"+os.Getenv("PATH"), "HOME="+dir)
		return cmd.CombinedOutput()
	}
	log := ""
	for i := range 20 {
		log += logLine(fmt.Sprintf("192.0.2.%d", i), "/wp-login.php")
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "log"), []byte(log), 0o644))
	out, err := script("gzip <log >access.log.1.gz; gzip <log >access.log.2.gz; hushpipe filter log.d <log && cp log.d/access.log access.log")
	require.NoError(t, err, "%s", out)
	programs := map[string]string{"goaccess": "goaccess", "jq": "jq", "zcat": "gzip", "tail": "coreutils", "grep": "grep"}
	ran := map[string]bool{}
	for _, cmd := range allCommands(t) {
		for example := range strings.SplitSeq(strings.ReplaceAll(cmd.Example, "|\n    ", "| "), "\n") {
			words := strings.Fields(example)
			if len(words) == 0 || strings.Contains(example, "CustomLog") || strings.Contains(example, "&&") || words[0] == "ssh" || !strings.Contains(example, " | ") {
				continue
			}
			for _, part := range strings.Split(example, " | ") {
				if name := strings.Fields(part)[0]; name != "hushpipe" {
					need.Program(t, name, programs[name])
					ran[name] = true
				}
			}
			out, err := script(strings.ReplaceAll(example, "/var/log/hushpipe", "log.d"))
			require.NoError(t, err, "%s\n%s", example, out)
		}
	}
	require.Equal(t, map[string]bool{"goaccess": true, "jq": true, "zcat": true, "tail": true, "grep": true}, ran)
	page, err := os.ReadFile(filepath.Join(dir, "page.html"))
	require.NoError(t, err)
	require.Contains(t, string(page), `"total_requests": 40`)
}

// TestCompletion: completion offers the values that are accepted.
func TestCompletion(t *testing.T) {
	t.Parallel()
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
		"rooms ": dirs, "reveal ": dirs, "reveal log ": none, "find ": dirs, "find log ": none, "erase ": dirs, "erase log ": none, "erase log web ": none, "purge ": dirs, "status ": dirs, "version ": none,
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
	// Days: those of DIR, newest first, or those of the retention.
	const kept = ":36"
	values, directive := offered("rooms", "--day", "")
	require.Equal(t, kept, directive)
	require.Len(t, values, 14)
	require.Equal(t, time.Now().Format(time.DateOnly), values[0])
	log := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(log, "rooms"), 0o755))
	for _, name := range []string{"access-2026-11-21.log", "access-2026-11-22.log", "access-2026-11-32.log", "rooms/rooms-2026-11-22.log", "rooms/rooms-2025-01-01.log", "x.log"} {
		require.NoError(t, os.WriteFile(filepath.Join(log, name), nil, 0o644))
	}
	require.Equal(t, []string{"2026-11-22", "2026-11-21", "2025-01-01"}, first(offered("rooms", log, "--day", "")))
	require.Equal(t, []string{"2025-01-01"}, first(offered("report", log, "--from", "2025")))
	for _, value := range first(offered("reveal", "--ip", "")) {
		out, _ := exec.Command(hushpipeBinary(t), "reveal", "--ip", value, t.TempDir(), "::1").CombinedOutput()
		require.NotContains(t, string(out), "--ip", value)
	}
	require.Contains(t, first(offered("help", "ro")), "rooms\tPrint a day's current room counts")
	require.Contains(t, first(offered("help", "op")), "operation\trunning hushpipe: days, clock, disk faults, wrong flags")
	for _, shell := range []string{"bash", "zsh", "fish"} {
		t.Run(shell, func(t *testing.T) {
			script, err := exec.Command(hushpipeBinary(t), "completion", shell).Output()
			require.NoError(t, err)
			cmd := exec.Command(need.Program(t, shell, shell), "-n")
			cmd.Stdin = bytes.NewReader(script)
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", out)
		})
	}
}

func first(values []string, _ string) []string { return values }
