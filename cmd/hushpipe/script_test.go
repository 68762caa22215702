package main

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	// Parallel tests mostly wait for other programs.
	if err := flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))); err != nil {
		panic(err)
	}
	commands := map[string]func(){"hushpipe": main, "locker": locker, "unpiped": unpiped, "locator": locator}
	maps.Copy(commands, confinedCommands)
	testscript.Main(m, commands)
}

// unpiped runs a command whose stdin is not the pipe of the script.
func unpiped() {
	cmd := exec.Command(os.Args[1], os.Args[2:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Run()
	os.Exit(cmd.ProcessState.ExitCode())
}

// TestScript runs the commands in testdata/script of the repository as people type
// them. UPDATE=1 rewrites the expected output.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "../../testdata/script",
		UpdateScripts: os.Getenv("UPDATE") != "",
		Setup: func(env *testscript.Env) error {
			today := time.Now()
			env.Setenv("TODAY", today.Format(time.DateOnly))
			env.Setenv("YESTERDAY", today.AddDate(0, 0, -1).Format(time.DateOnly))
			env.Setenv("TOMORROW", today.AddDate(0, 0, 1).Format(time.DateOnly))
			countries, err := filepath.Abs(countriesFile)
			env.Setenv("COUNTRIES", countries)
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"dated":   dated,
			"nowhere": nowhere,
		},
	})
}

// dated replaces {today} and {yesterday} in files by dates in the format of %t, and
// {day} by today's date as in a policy.
func dated(ts *testscript.TestScript, neg bool, args []string) {
	now := time.Now()
	dates := strings.NewReplacer(
		"{day}", now.Format(time.DateOnly),
		"{today}", now.Format("02/Jan/2006"),
		"{yesterday}", now.AddDate(0, 0, -1).Format("02/Jan/2006"))
	for _, name := range args {
		text := dates.Replace(ts.ReadFile(name))
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o644))
	}
}

// nowhere fails if a text is in any file below a directory, or in the last output.
func nowhere(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: nowhere DIR TEXT…")
	}
	texts := args[1:]
	check := func(where string, data []byte) {
		for _, text := range texts {
			if bytes.Contains(data, []byte(text)) {
				ts.Fatalf("%s holds %q", where, text)
			}
		}
	}
	files := 0
	ts.Check(filepath.WalkDir(ts.MkAbs(args[0]), func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		files++
		check(path, []byte(ts.ReadFile(path)))
		return nil
	}))
	if files == 0 {
		ts.Fatalf("there is no file in %s", args[0])
	}
	check("stderr", []byte(ts.ReadFile("stderr")))
}

// TestReadme runs the examples of the README and the manual: each line that begins with
// $ in a console block, in one directory with testdata, and compares the output with
// what follows.
func TestReadme(t *testing.T) {
	top, err := filepath.Abs("../..")
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.Symlink(filepath.Join(top, "testdata"), filepath.Join(dir, "testdata")))

	var examples []string
	for _, text := range manual(t) {
		for _, block := range codeBlocks(text, "console") {
			examples = append(examples, strings.Split(strings.TrimPrefix(block, "$ "), "\n$ ")...)
		}
	}
	require.GreaterOrEqual(t, len(examples), 5)
	for _, example := range examples {
		line, want, _ := strings.Cut(example, "\n")
		// The examples write below /tmp; the test uses its own directory.
		cmd := exec.Command("sh", "-c", strings.ReplaceAll(line, "/tmp/", dir+"/"))
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(hushpipeBinary(t))+":"+os.Getenv("PATH"))
		got, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s\n%s", line, got)
		require.Equal(t, strings.TrimSpace(want), strings.TrimSpace(string(got)), line)
	}
}

// TestDemo runs the README's first command.
func TestDemo(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command("sh", "../../testdata/demo.sh", dir)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	_, kept, found := strings.Cut(string(out), "What is on the disk")
	require.True(t, found, "%s", out)
	kept, counts, found := strings.Cut(kept, "How many addresses")
	require.True(t, found, "%s", out)
	require.Equal(t, 4, strings.Count(kept, "\n")-1, "three lines are shown:\n%s", kept)
	require.Regexp(t, `(?m)^20 a1df3771f8fd01c2fbdc44961911fb100af54231$`, counts)
	for _, addr := range []string{"192.0.2.", "198.51.100.", "203.0.113.", "2001:db8:"} {
		require.NotContains(t, kept, addr)
	}
}
