package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"hushpipe/filter/need"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestNeighbours runs the commands in hushpipe-beside(7) for goaccess, awstats, restic
// and borg.
func TestNeighbours(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	dir := base + "/log/hushpipe"
	lines, err := os.ReadFile("../../testdata/httpd/combined.log")
	require.NoError(t, err)
	today := regexp.MustCompile(`\[\d\d/\w{3}/\d{4}:`).ReplaceAllString(string(lines), "["+time.Now().UTC().Format("02/Jan/2006:"))
	filter := func(args ...string) {
		cmd := exec.Command(hushpipeBinary(t), append([]string{"filter"}, args...)...)
		cmd.Stdin = strings.NewReader(today)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	require.NoError(t, os.MkdirAll(base+"/log", 0o755))
	blocks := codeBlocks(manualText("beside", "7"), "")
	block := func(contains string) string {
		for _, b := range blocks {
			if strings.Contains(b, contains) {
				return strings.NewReplacer("/var/log/hushpipe", dir, "/var/log", base+"/log", "/tmp/", base+"/", "/backup", base+"/borg").Replace(b)
			}
		}
		require.Fail(t, "no block with "+contains)
		return ""
	}
	sh := func(t *testing.T, script string, env ...string) (string, error) {
		cmd := exec.Command("sh", "-c", script)
		cmd.Dir = base
		cmd.Env = append(append(os.Environ(), "HOME="+base), env...)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}

	t.Run("goaccess", func(t *testing.T) {
		need.Program(t, "goaccess", "goaccess")
		filter(dir)
		out, err := sh(t, block("COMBINED \\\n  -o"))
		require.NoError(t, err, out)
		require.FileExists(t, base+"/report.html")
		require.NoError(t, os.RemoveAll(dir))
		filter("--ip", "drop", dir)
		_, err = sh(t, block("COMBINED \\\n  -o"))
		assert.Error(t, err, "the flag is no longer needed")
		require.NoError(t, os.Remove(base+"/report.html"))
		out, err = sh(t, block("--no-ip-validation"))
		require.NoError(t, err, out)
		require.FileExists(t, base+"/report.html")
		require.NoError(t, os.RemoveAll(dir))
	})
	filter(dir)
	filter(dir + "/nginx")
	t.Run("awstats", func(t *testing.T) {
		const awstats = "/usr/lib/cgi-bin/awstats.pl"
		need.Program(t, awstats, "awstats")
		conf := block("LogFormat=1") + "SiteDomain=example\nDirData=" + base + "\n"
		require.NoError(t, os.WriteFile(base+"/awstats.example.conf", []byte(conf), 0o644))
		out, err := sh(t, awstats+" -configdir="+base+" -config=example -update")
		require.NoError(t, err, out)
		assert.Regexp(t, `Found 3\d\d new qualified records`, out)
	})
	kept := func(t *testing.T, list string) {
		assert.Contains(t, list, "hushpipe/rooms/rooms-")
		assert.Contains(t, list, "hushpipe/nginx/rooms/rooms-")
		for _, name := range []string{"access", ".key", ".journal"} {
			assert.NotContains(t, list, name)
		}
	}
	t.Run("restic", func(t *testing.T) {
		need.Program(t, "restic", "restic")
		env := []string{"RESTIC_REPOSITORY=" + base + "/restic", "RESTIC_PASSWORD=x", "RESTIC_CACHE_DIR=" + base + "/cache"}
		out, err := sh(t, "restic init && "+block("restic backup"), env...)
		require.NoError(t, err, out)
		out, err = sh(t, "restic ls latest", env...)
		require.NoError(t, err, out)
		kept(t, out)
	})
	t.Run("borg", func(t *testing.T) {
		need.Program(t, "borg", "borgbackup")
		out, err := sh(t, "borg init -e none borg && "+block("borg create"))
		require.NoError(t, err, out)
		out, err = sh(t, "borg list --short "+filepath.Join(base, "borg")+"::$(borg list --short "+base+"/borg)")
		require.NoError(t, err, out)
		kept(t, out)
	})
}
