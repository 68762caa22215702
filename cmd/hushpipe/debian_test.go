package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"hushpipe/filter/need"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPackage builds the packages and examines them.
func TestPackage(t *testing.T) {
	need.Program(t, "dpkg-deb", "dpkg")
	dir := t.TempDir()
	buildPackages(t, "../..", dir)
	t.Run("reproducible", func(t *testing.T) { packagesAreReproducible(t, dir) })
	t.Run("contents", func(t *testing.T) { packagesAreWhole(t, dir) })
	t.Run("lintian", func(t *testing.T) { packagesAreLegal(t, dir) })
	t.Run("licences", func(t *testing.T) { packagesNameLicences(t, dir) })
	t.Run("life", func(t *testing.T) { packageLives(t, dir) })
}

// buildPackages runs build.sh in the source tree of src.
func buildPackages(t *testing.T, src, dir string, env ...string) {
	t.Helper()
	build := exec.Command("bash", "cmd/hushpipe/packaging/build.sh", dir)
	build.Dir = src
	build.Env = append(os.Environ(), env...)
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// packagesAreReproducible builds them again from a copy of the source at another path,
// in another time zone and locale.
func packagesAreReproducible(t *testing.T, first string) {
	second := t.TempDir()
	src := filepath.Join(t.TempDir(), "elsewhere")
	out, err := exec.Command("git", "clone", "-q", "../..", src).CombinedOutput()
	require.NoError(t, err, "%s", out)
	if changes, err := exec.Command("git", "status", "--porcelain").Output(); err != nil || len(changes) > 0 {
		src = "../.." // the copy would be another version
	}
	buildPackages(t, src, second, "TZ=Pacific/Auckland", "LC_ALL=C.UTF-8")
	names := func(dir string) (names []string) {
		for _, path := range glob(t, filepath.Join(dir, "*")) {
			names = append(names, filepath.Base(path))
		}
		return names
	}
	require.Equal(t, names(first), names(second))
	require.Len(t, names(first), 4)
	for _, name := range names(first) {
		assert.Regexp(t, `^hushpipe_[0-9][^_]*_(amd64|arm64)\.(deb|tar\.gz)$`, name)
		a, err := os.ReadFile(filepath.Join(first, name))
		require.NoError(t, err)
		b, err := os.ReadFile(filepath.Join(second, name))
		require.NoError(t, err)
		assert.Equal(t, len(a), len(b), name)
		assert.True(t, string(a) == string(b), "%s: other bytes the second time", name)
	}
}

// packagesAreWhole checks the list of files.
func packagesAreWhole(t *testing.T, dir string) {
	for _, arch := range []string{"amd64", "arm64"} {
		deb := glob(t, filepath.Join(dir, "*_"+arch+".deb"))[0]
		list, err := exec.Command("dpkg-deb", "--contents", deb).Output()
		require.NoError(t, err)
		archive, err := exec.Command("tar", "tzf", strings.TrimSuffix(deb, ".deb")+".tar.gz").Output()
		require.NoError(t, err)
		pages, err := filepath.Glob(manPages + "/*")
		require.NoError(t, err)
		files := []string{"usr/bin/hushpipe", "usr/share/doc/hushpipe/copyright", "usr/share/doc/hushpipe/licences.gz", "usr/share/doc/hushpipe/modules",
			"usr/share/bash-completion/completions/hushpipe", "usr/share/zsh/vendor-completions/_hushpipe", "usr/share/fish/vendor_completions.d/hushpipe.fish",
			"lib/systemd/system/hushpipe-purge@.timer", "lib/systemd/system/hushpipe-purge@.service",
			"lib/systemd/system/hushpipe-report@.timer", "lib/systemd/system/hushpipe-report@.service",
			"lib/systemd/system/hushpipe-copy@.timer", "lib/systemd/system/hushpipe-copy@.service",
			"lib/systemd/system/hushpipe-merge.timer", "lib/systemd/system/hushpipe-merge.service", "etc/hushpipe/rsync", "etc/hushpipe/redis",
			"lib/systemd/system/hushpipe-ship@.service", "lib/systemd/system/hushpipe-collect@.service",
			"lib/systemd/system/hushpipe@.socket", "lib/systemd/system/hushpipe@.service",
			"lib/systemd/system/timers.target.wants/hushpipe-purge@var-log-hushpipe.timer",
			"lib/systemd/system/apache2.service.d/hushpipe.conf", "etc/apache2/conf-available/hushpipe.conf",
			"etc/fail2ban/action.d/hushpipe.conf", "etc/fail2ban/filter.d/hushpipe.conf", "usr/libexec/hushpipe/fail2ban",
			"usr/share/doc/hushpipe/examples/fail2ban-jail.conf", "usr/share/doc/hushpipe/examples/rsyslog.conf",
			"usr/lib/sysusers.d/hushpipe.conf", "usr/lib/tmpfiles.d/hushpipe.conf"}
		for _, page := range pages {
			files = append(files, "usr/share/man/man"+page[len(page)-1:]+"/"+filepath.Base(page)+".gz")
		}
		for _, file := range files {
			assert.Regexp(t, `(?m) root/root .* \./`+regexp.QuoteMeta(file)+`( ->.*)?$`, string(list))
			assert.Contains(t, string(archive), "./"+file+"\n")
		}
	}
}

// packagesAreLegal runs lintian.
func packagesAreLegal(t *testing.T, dir string) {
	lintian := need.Program(t, "lintian", "lintian")
	for _, deb := range glob(t, filepath.Join(dir, "*.deb")) {
		out, err := exec.Command(lintian, "--no-cfg", "--allow-root", "--fail-on", "error,warning", deb).CombinedOutput()
		assert.NoError(t, err)
		assert.Empty(t, string(out))
	}
}

// packagesNameLicences: the licence file names all modules in the program.
func packagesNameLicences(t *testing.T, dir string) {
	deb := glob(t, filepath.Join(dir, "*_"+runtime.GOARCH+".deb"))[0]
	tree := t.TempDir()
	require.NoError(t, exec.Command("dpkg-deb", "-x", deb, tree).Run())
	doc := filepath.Join(tree, "usr/share/doc/hushpipe")
	read := func(command ...string) string {
		out, err := exec.Command(command[0], command[1:]...).Output()
		require.NoError(t, err)
		return string(out)
	}
	licences, copyright := read("zcat", doc+"/licences.gz"), read("cat", doc+"/copyright")
	modules := read("go", "version", "-m", tree+"/usr/bin/hushpipe")
	n := 0
	for _, dep := range regexp.MustCompile(`(?m)^\tdep\t(\S+)\t(\S+)`).FindAllStringSubmatch(modules, -1) {
		name := regexp.QuoteMeta(dep[1] + " " + dep[2])
		assert.Regexp(t, `\n=== `+name+` ===\n\n(?s:.){500}`, licences)
		assert.Regexp(t, `\n`+name+`\n`, copyright)
		n++
	}
	require.Greater(t, n, 10)
	require.Contains(t, licences, "=== uPlot")
	require.Equal(t, modules[strings.Index(modules, "\n"):], read("sed", "1s/.*//", doc+"/modules"))
	version := strings.Split(filepath.Base(deb), "_")[1]
	require.Equal(t, "hushpipe "+version+"\n", read(tree+"/usr/bin/hushpipe", "version"))
}

// TestMaintainerScripts runs the maintainer scripts on a tree that stands in for the
// machine: after removal no keys of a fleet are made any more, and purge overwrites the
// files they derive from.
func TestMaintainerScripts(t *testing.T) {
	need.Root(t)
	root := t.TempDir()
	put := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), mode))
		return path
	}
	for _, name := range []string{"deb-systemd-invoke", "systemctl", "systemd-sysusers", "systemd-tmpfiles"} {
		put("bin/"+name, "#!/bin/sh\nset -f\necho \"${0##*/}\" \"$@\" >>"+root+"/did\n", 0o755)
	}
	require.NoError(t, os.MkdirAll(root+"/run/systemd/system", 0o755))
	run := func(script, action string) string {
		text, err := os.ReadFile("packaging/debian/" + script)
		require.NoError(t, err)
		there := regexp.MustCompile(`/(etc|run|usr|var)/`).ReplaceAllString(string(text), root+"$0")
		cmd := exec.Command("sh", "-c", there, script, action)
		cmd.Env = append(os.Environ(), "PATH="+root+"/bin:"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		did, err := os.ReadFile(root + "/did")
		require.NoError(t, err)
		require.NoError(t, os.Remove(root+"/did"))
		return string(did)
	}
	assert.Regexp(t, `deb-systemd-invoke try-restart .*hushpipe-ship@\*\.service`, run("postinst", "configure"))

	var secrets []string
	dirs := []string{"var/log/hushpipe/", "var/lib/hushpipe/meet/", "var/lib/hushpipe/unused/"} // of a host, and of collectors
	for _, dir := range dirs {
		names := []string{"keys/2026-11-22.key", "fleet/2026-11-22.state", "fleet/2026-11-22.state.bak", "fleet/.hushpipe-0123456789abcdef"}
		switch dir {
		case dirs[0]:
			names = append(names, "fleet-seed")
			put(dir+"keep", "30d\n", 0o640)
		case dirs[2]: // no collector has run there yet
			names = []string{"fleet-seed"}
		}
		if dir != dirs[2] {
			put(dir+"fleet/name", "meet\n", 0o600)
			put(dir+"rooms/rooms-2026-11-22.log", "", 0o640)
		}
		for _, name := range names {
			other := filepath.Join(root, "other-"+filepath.Base(dir)+filepath.Base(name))
			require.NoError(t, os.Link(put(dir+name, "a secret", 0o600), other))
			secrets = append(secrets, other)
		}
	}
	const copied = "var/lib/hushpipe/fleet/web1.example.org/"
	put(copied+"keep", "14d\n", 0o640)
	put(copied+"journal/2026-11-22.1.journal", "", 0o600)
	put("var/lib/hushpipe/www/var-log-hushpipe/index.html", "", 0o644)
	enabled := put("etc/systemd/system/multi-user.target.wants/hushpipe-ship@var-log-hushpipe.service", "", 0o644)
	assert.Regexp(t, `deb-systemd-invoke stop .*hushpipe-ship@\*\.service`, run("prerm", "remove"))
	run("postrm", "remove")
	expiry := read(t, root+"/etc/tmpfiles.d/hushpipe-removed.conf")
	for dir, days := range map[string]int{dirs[0]: 29, dirs[1]: 13, copied: 13} {
		assert.Contains(t, expiry, fmt.Sprintf("e %s - - - m:%dd\n", root+"/"+strings.TrimSuffix(dir, "/"), days))
		assert.Contains(t, expiry, "x "+root+"/"+dir+"rooms\n")
	}
	run("postrm", "purge")
	assert.NoFileExists(t, enabled)
	for _, dir := range dirs[:2] {
		left, err := filepath.Glob(root + "/" + dir + "*")
		require.NoError(t, err)
		assert.Equal(t, []string{root + "/" + dir + "rooms"}, left)
	}
	left, err := filepath.Glob(root + "/var/lib/hushpipe/*")
	require.NoError(t, err)
	assert.Equal(t, []string{root + "/var/lib/hushpipe/meet"}, left)
	for _, other := range secrets {
		text, err := os.ReadFile(other)
		require.NoError(t, err)
		assert.NotContains(t, string(text), "secret", other)
	}
}

// TestTutorial: the page of the manual contains what debian.sh does, which TestPackage
// runs. UPDATE=1 writes it.
func TestTutorial(t *testing.T) {
	const page = "manual/tutorial.7.md"
	script, err := os.ReadFile("../../testdata/debian.sh")
	require.NoError(t, err)
	want := tutorial(string(script))
	if os.Getenv("UPDATE") != "" {
		require.NoError(t, os.WriteFile(page, []byte(want), 0o644))
	}
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Equal(t, want, string(text), "UPDATE=1 go test ./cmd/hushpipe -run TestTutorial writes it, and then UPDATE=1 -run TestManual its man page")
	require.Greater(t, strings.Count(want, "```\n")/2, 12, "steps")
	for _, step := range []string{"apt install", "check --apache", "status", "replay", "report", "fail2ban", "rsyslog", "nginx", "apt remove", "apt purge"} {
		require.Contains(t, strings.Join(codeBlocks(want, ""), ""), step)
	}
	require.Contains(t, pagesNamed(strings.ReplaceAll(want, "`", "")), "hushpipe-threats")
}

// tutorial extracts the page from debian.sh: the text after "#|", and the commands
// right below it up to an empty line. The rest belongs to the test.
func tutorial(script string) string {
	const mark = "#|"
	var page strings.Builder
	code, prose := false, false // the last line of the page is of this kind
	fence := func(is bool) {
		if code != is {
			page.WriteString("```\n")
		}
		code = is
	}
	shown := false
	for line := range strings.Lines(script) {
		text, isProse := strings.CutPrefix(line, mark)
		switch {
		case isProse && strings.TrimSpace(text) == "":
			shown = true // between two steps
			if prose {
				page.WriteString("\n")
				prose = false
			}
		case isProse:
			if code {
				fence(false)
				page.WriteString("\n")
			}
			page.WriteString(strings.TrimPrefix(text, " "))
			shown, prose = true, true
		case line == "\n":
			shown = false
		case shown:
			if prose {
				page.WriteString("\n")
				prose = false
			}
			fence(true)
			page.WriteString(line)
		}
	}
	fence(false)
	return page.String()
}

// packageLives runs testdata/debian.sh in its own namespaces, on an overlay of the
// machine's files that is thrown away. If the kernel refuses that, it runs on the
// machine itself, but only in CI.
func packageLives(t *testing.T, packages string) {
	apache(t)
	for name, pkg := range map[string]string{"systemd-sysusers": "systemd", "man": "man-db", "pgrep": "procps", "nginx": "nginx",
		"fail2ban-server": "fail2ban", "rsyslogd": "rsyslog"} {
		need.Program(t, name, pkg)
	}
	need.Root(t)
	dir := t.TempDir()
	old, newer := dir+"/old_amd64.deb", dir+"/newer_amd64.deb"
	deb, err := os.ReadFile(glob(t, filepath.Join(packages, "*_"+runtime.GOARCH+".deb"))[0])
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(old, deb, 0o644))
	for _, args := range [][]string{
		{"dpkg-deb", "-R", old, dir + "/tree"},
		{"sed", "-i", "/^Version:/s/$/+newer/", dir + "/tree/DEBIAN/control"},
		{"dpkg-deb", "--root-owner-group", "-Zgzip", "-b", dir + "/tree", newer},
	} {
		out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	script, err := filepath.Abs("../../testdata/debian.sh")
	require.NoError(t, err)
	apart := append(slices.Clip(apart), dir)
	if out, err := exec.Command(apart[0], append(apart[1:], "true")...).CombinedOutput(); err != nil {
		if os.Getenv("CI") != "true" {
			t.Skipf("the kernel gives no overlay and namespaces, and a package is installed on the machine itself only under CI=true: %v: %s", err, out)
		}
		apart = nil
	}
	args := append(apart, "bash", script, old, newer)
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Logf("%s", out)
}

// apart is the command that runs machineCopy in its own namespaces.
var apart = []string{"unshare", "--mount", "--propagation", "private", "--net", "--pid", "--fork", "--kill-child", "--", "bash", "-c", machineCopy}

// machineCopy runs "$@" on an overlay of the machine's files, with its own loopback
// interface. $0 is a directory for the overlay, which must be on the machine's root
// file system. The machines named in HOSTS get overlays in /machines.
const machineCopy = `
set -e
mkdir -p "$0/machine"
mount -t tmpfs machine "$0/machine"
cd "$0/machine"
copy() {
	mkdir "$1.upper" "$1.work" "$1"
	mount -t overlay -o lowerdir=/,upperdir="$1.upper",workdir="$1.work" overlay "$1"
	mount --rbind /dev "$1/dev"
	mount -t proc proc "$1/proc"
}
copy root
for host in $HOSTS; do
	copy "$host"
	mkdir -p "root/machines/$host"
	mount --rbind "$host" "root/machines/$host"
done
mkdir -p "root$0"
find "$0" -maxdepth 1 -type f -exec cp {} "root$0" \;
# SIOCSIFFLAGS: IFF_UP. Not every machine has ip(8), but perl.
perl -MSocket -e 'socket(S, PF_INET, SOCK_DGRAM, 0); ioctl(S, 0x8914, my $r = pack("a16 s x14", "lo", 1)) or die "lo: $!\n"'
exec chroot root "$@"
`
