// Package dirtest has helpers for the tests of packages that work on DIR: a DIR in a
// temporary directory, its contents, and processes that work on it side by side.
package dirtest

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hushpipe/filter/dir"
	"hushpipe/format/civil"
)

// jobEnv makes a test binary do one job on a directory and exit.
const jobEnv = "HUSHPIPE_TEST_JOB"

// Main runs the tests, or do in a process that Children started. It exits the process.
func Main(m *testing.M, do func(job string, args []string) error) {
	job := os.Getenv(jobEnv)
	if job == "" {
		os.Exit(m.Run())
	}
	if err := do(job, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Ready is called by a job when it can begin. It returns when all jobs have called it.
func Ready() {
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
}

// Children runs the job in one process for each of args, which start their work together,
// and returns what each printed.
func Children(t *testing.T, job, path string, args ...string) []string {
	t.Helper()
	var cmds []*exec.Cmd
	var outs []*bufio.Reader
	var shots []io.Closer
	for _, arg := range args {
		cmd := exec.Command(os.Args[0], path, arg)
		cmd.Env = append(os.Environ(), jobEnv+"="+job)
		cmd.Stderr = os.Stderr
		stdin, err := cmd.StdinPipe()
		require.NoError(t, err)
		stdout, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		out := bufio.NewReader(stdout)
		line, err := out.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "ready\n", line)
		cmds, outs, shots = append(cmds, cmd), append(outs, out), append(shots, stdin)
	}
	for _, shot := range shots {
		shot.Close()
	}
	var said []string
	for i, cmd := range cmds {
		out, err := io.ReadAll(outs[i])
		require.NoError(t, err)
		require.NoError(t, cmd.Wait())
		said = append(said, strings.TrimSpace(string(out)))
	}
	return said
}

// Notes collects the notifications of a dir.Dir.
type Notes []string

// Add is a dir.Options.Notify.
func (n *Notes) Add(msg string) { *n = append(*n, msg) }

// Path returns the path of a test's DIR, which does not exist yet.
func Path(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "log")
}

// Put writes a file below DIR and returns its path.
func Put(t *testing.T, path, name, content string) string {
	t.Helper()
	path = filepath.Join(path, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// Read returns the contents of a file below DIR.
func Read(t *testing.T, path, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path, name))
	require.NoError(t, err)
	return string(b)
}

// Tree returns the files below DIR, without those that are always there.
func Tree(t *testing.T, path string) (names []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(path, func(at string, e fs.DirEntry, err error) error {
		name, _ := filepath.Rel(path, at)
		if !e.IsDir() && name != dir.ClockName && e.Name() != "CACHEDIR.TAG" && filepath.Base(filepath.Dir(at)) != dir.Locks {
			names = append(names, name)
		}
		return err
	}))
	return names
}

// Day returns the day written as 2026-11-22.
func Day(s string) civil.Day {
	d, ok := civil.ParseDay(s)
	if !ok {
		panic(s)
	}
	return d
}

// At returns the time written as 2026-11-22 12:00, in UTC.
func At(s string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", s)
	if err != nil {
		panic(err)
	}
	return t
}
