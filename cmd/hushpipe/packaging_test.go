package main

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"hushpipe/filter/need"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	purgeService = "packaging/systemd/hushpipe-purge@.service"
	purgeTimer   = "packaging/systemd/hushpipe-purge@.timer"
	reportUnit   = "packaging/systemd/hushpipe-report@.service"
	reportTimer  = "packaging/systemd/hushpipe-report@.timer"
	copyService  = "packaging/systemd/hushpipe-copy@.service"
	copyTimer    = "packaging/systemd/hushpipe-copy@.timer"
	mergeService = "packaging/systemd/hushpipe-merge.service"
	mergeTimer   = "packaging/systemd/hushpipe-merge.timer"
	shipService  = "packaging/systemd/hushpipe-ship@.service"
	collectUnit  = "packaging/systemd/hushpipe-collect@.service"
	fifoSocket   = "packaging/systemd/hushpipe@.socket"
	fifoService  = "packaging/systemd/hushpipe@.service"
	apacheDropIn = "packaging/systemd/apache2.service.d/hushpipe.conf"
	apacheConf   = "packaging/apache2/hushpipe.conf"
)

// unit is a systemd unit file: section → key → values, in their order.
type unit map[string]map[string][]string

func readUnit(t *testing.T, name string) unit {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	u := unit{}
	var section map[string][]string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if name, ok := strings.CutPrefix(line, "["); ok {
			section = map[string][]string{}
			u[strings.TrimSuffix(name, "]")] = section
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		require.True(t, ok && section != nil && value != "" && key == strings.TrimSpace(key), "%s: %s", name, line)
		section[key] = append(section[key], value)
	}
	return u
}

// command splits a command line as systemd does (systemd.service(5), "Command
// lines"), for an instance and its path.
func command(line, instance, path string) []string {
	var args []string
	for _, arg := range regexp.MustCompile(`'[^']*'|\S+`).FindAllString(strings.TrimPrefix(line, "-"), -1) {
		args = append(args, strings.NewReplacer("%f", path, "%i", instance, "%%", "%", "$$", "$").Replace(strings.Trim(arg, "'")))
	}
	return args
}

// TestUnits checks the text of the units; other tests run them.
func TestUnits(t *testing.T) {
	for service, timer := range map[string]string{purgeService: purgeTimer, reportUnit: reportTimer} {
		assert.Equal(t, []string{"oneshot"}, readUnit(t, service)["Service"]["Type"])
		assert.Equal(t, []string{"yes"}, readUnit(t, timer)["Timer"]["Persistent"])
		assert.Equal(t, []string{"timers.target"}, readUnit(t, timer)["Install"]["WantedBy"])
	}
	assert.Len(t, readUnit(t, apacheDropIn)["Service"]["ExecStopPost"], 1)

	// The service reads the FIFO that the socket unit makes.
	socket, reader := readUnit(t, fifoSocket), readUnit(t, fifoService)
	fifo := socket["Socket"]["ListenFIFO"][0]
	assert.Contains(t, reader["Service"]["ExecStart"][0], "--input "+fifo+" ")
	assert.Contains(t, socket["Socket"]["ExecStartPre"][0], "' "+fifo)
	assert.Equal(t, []string{"0700"}, socket["Socket"]["DirectoryMode"])
	assert.Equal(t, []string{"0600"}, socket["Socket"]["SocketMode"])
	for _, u := range []unit{socket, reader} {
		assert.Contains(t, u["Unit"]["Before"][0], "%i.service nginx.service")
	}
	// Otherwise systemd gives up, and the server gets EPIPE.
	assert.Equal(t, []string{"0"}, socket["Socket"]["TriggerLimitIntervalSec"])
	assert.Equal(t, []string{"0"}, reader["Unit"]["StartLimitIntervalSec"])
	seconds, err := strconv.Atoi(reader["Service"]["TimeoutStopSec"][0])
	require.NoError(t, err)
	assert.Greater(t, time.Duration(seconds)*time.Second, stopWait+drainTime+10*time.Second)
}

// prepareSocket returns the command that the socket unit runs before it makes the FIFO
// at path.
func prepareSocket(t *testing.T, path string) *exec.Cmd {
	args := command(readUnit(t, fifoSocket)["Socket"]["ExecStartPre"][0], "NAME", "")
	require.Equal(t, "/run/hushpipe/NAME/access.log", args[len(args)-1])
	args[len(args)-1] = path
	return exec.Command(args[0], args[1:]...)
}

// TestUnitsVerify runs systemd-analyze verify.
func TestUnitsVerify(t *testing.T) {
	analyze := need.Program(t, "systemd-analyze", "systemd")
	dir := t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	program := strings.NewReplacer("/usr/bin/hushpipe", hushpipeBinary(t))
	pages, err := filepath.Glob(filepath.Join(manPages, "*"))
	require.NoError(t, err)
	for _, page := range pages { // it looks for those that units refer to
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		put("man"+strings.TrimPrefix(filepath.Ext(page), ".")+"/"+filepath.Base(page), string(text))
	}
	t.Setenv("MANPATH", dir)
	texts := map[string]string{}
	for _, name := range []string{purgeService, purgeTimer, reportUnit, reportTimer, copyService, copyTimer, mergeService, mergeTimer, shipService, collectUnit, apacheDropIn, fifoSocket, fifoService} {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		texts[name] = program.Replace(string(text))
	}
	apache := debianUnit
	if text, err := os.ReadFile("/lib/systemd/system/apache2.service"); err == nil {
		apache = string(text)
		assert.Contains(t, apache, "KillMode=mixed", "what the drop-in is for")
	}
	put("apache2.service.d/hushpipe.conf", texts[apacheDropIn])
	units := []string{
		put("hushpipe-purge@.service", texts[purgeService]),
		put("hushpipe-purge@var-log-hushpipe.service", texts[purgeService]),
		put("hushpipe-purge@srv-two\\x20words.timer", texts[purgeTimer]),
		put("hushpipe-report@.service", texts[reportUnit]),
		put("hushpipe-report@var-log-hushpipe.service", texts[reportUnit]),
		put("hushpipe-report@srv-two\\x20words.service", texts[reportUnit]),
		put("hushpipe-report@srv-two\\x20words.timer", texts[reportTimer]),
		put("hushpipe-copy@web-1.example.org.service", texts[copyService]),
		put("hushpipe-copy@web-1.example.org.timer", texts[copyTimer]),
		put("hushpipe-merge.service", texts[mergeService]),
		put("hushpipe-ship@var-log-hushpipe.service", texts[shipService]),
		put("hushpipe-collect@var-lib-hushpipe-meet.service", texts[collectUnit]),
		put("hushpipe-merge.timer", texts[mergeTimer]),
		put("apache2.service", apache),
		put("hushpipe@nginx.socket", texts[fifoSocket]),
		put("hushpipe@nginx.service", texts[fifoService]),
	}
	out, err := exec.Command(analyze, append([]string{"verify"}, units...)...).CombinedOutput()
	assert.NoError(t, err)
	assert.Empty(t, string(out))
	for _, timer := range []string{purgeTimer, reportTimer, copyTimer, mergeTimer} {
		out, err = exec.Command(analyze, "calendar", readUnit(t, timer)["Timer"]["OnCalendar"][0]).CombinedOutput()
		assert.NoError(t, err, "%s", out)
	}
}

// debianUnit is a stand-in for Debian's apache2.service if the package has none.
const debianUnit = `[Service]
Type=forking
ExecStart=/usr/sbin/apachectl start
ExecStop=/usr/sbin/apachectl graceful-stop
KillMode=mixed
`

// TestPurgeUnit runs the command of the unit, with only the privileges that it leaves
// to root, on a DIR of root and on one of another user.
func TestPurgeUnit(t *testing.T) {
	service := readUnit(t, purgeService)["Service"]
	for _, tt := range []struct {
		name     string
		uid, gid int
	}{{"root", 0, 0}, {"of a group", 0, 4}, {"of another user", 12345, 4}} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "two words")
			require.NoError(t, os.Mkdir(dir, 0o750))
			if os.Getuid() == 0 {
				require.NoError(t, os.Chown(dir, tt.uid, tt.gid))
				require.NoError(t, os.Chmod(dir, 0o750|os.ModeSetgid))
			}
			l := startLogger(t, dir)
			l.write("192.0.2.1", "/http-bind?room=a")
			require.Equal(t, 0, l.end())
			yesterday, old := time.Now().AddDate(0, 0, -1).Format(time.DateOnly), time.Now().AddDate(0, 0, -20).Format(time.DateOnly)
			for _, day := range []string{yesterday, old} {
				require.NoError(t, os.WriteFile(filepath.Join(dir, "access-"+day+".log"), nil, 0o640))
			}
			require.NoError(t, os.RemoveAll(filepath.Join(dir, "rooms")), "it is made again")

			args := confined(t, service, "", dir)
			out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
			require.NoError(t, err, "%s", out)
			require.Equal(t, "deleted access-"+old+".log\n", string(out))
			require.FileExists(t, filepath.Join(dir, "access-"+yesterday+".log"))
			if os.Getuid() == 0 {
				info, err := os.Stat(filepath.Join(dir, "rooms"))
				require.NoError(t, err)
				require.Equal(t, os.ModeDir|os.ModeSetgid|0o750, info.Mode())
				require.EqualValues(t, tt.gid, info.Sys().(*syscall.Stat_t).Gid)
			}
		})
	}
}

// debianHTTPD returns a server with a copy of Debian's configuration and the snippet
// enabled, after an edit.
func debianHTTPD(t *testing.T, edit func(snippet string) string) (h *httpd, dir string) {
	t.Helper()
	h = newHTTPD(t)
	dir = filepath.Join(t.TempDir(), "hushpipe")
	require.NoError(t, os.Chmod(filepath.Dir(h.Root), 0o755))
	require.NoError(t, os.CopyFS(h.Root, os.DirFS("/etc/apache2")))
	require.NoError(t, os.RemoveAll(filepath.Join(h.Root, "sites-enabled")))
	text, err := os.ReadFile(apacheConf)
	require.NoError(t, err)
	snippet := strings.NewReplacer("/usr/bin/hushpipe", hushpipeBinary(t), "/var/log/hushpipe", dir, "--user hushpipe", "--user "+anotherUser(t)).Replace(string(text))
	for name, text := range map[string]string{
		"ports.conf":                   "Listen 127.0.0.1:" + h.port + "\nListen [::1]:" + h.port + "\nServerName localhost\n",
		"sites-enabled/one.conf":       "<VirtualHost *:" + h.port + ">\nServerName one.example.org\n</VirtualHost>\n",
		"sites-enabled/two.conf":       "<VirtualHost *:" + h.port + ">\nServerName two.example.org\n</VirtualHost>\n",
		"conf-available/hushpipe.conf": edit(snippet),
	} {
		path := filepath.Join(h.Root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	h.conf("hushpipe", true)
	h.conf("other-vhosts-access-log", true)
	for name, value := range map[string]string{
		"CONFDIR": h.Root, "RUN_USER": "www-data", "RUN_GROUP": "www-data", "PID_FILE": h.Root + "/httpd.pid",
		"RUN_DIR": h.Root, "LOCK_DIR": h.Root, "LOG_DIR": h.Root, "ENVVARS": "/dev/null", // not the machine's
	} {
		t.Setenv("APACHE_"+name, value)
	}
	return h, dir
}

// conf is a2enconf and a2disconf, which keep state outside the configuration.
func (h *httpd) conf(name string, enabled bool) {
	h.t.Helper()
	link := filepath.Join(h.Root, "conf-enabled", name+".conf")
	os.Remove(link)
	if enabled {
		require.NoError(h.t, os.Symlink("../conf-available/"+name+".conf", link))
	}
}

// confined returns the command of a service for dir, whose instance name is instance,
// with only the privileges that the service leaves to root.
func confined(t *testing.T, service map[string][]string, instance, dir string) []string {
	t.Helper()
	args := command(service["ExecStart"][0], instance, dir)
	require.Equal(t, "/usr/bin/hushpipe", args[0])
	args[0] = hushpipeBinary(t)
	if os.Getuid() != 0 {
		return args
	}
	bounding := "-all"
	for _, name := range strings.Fields(service["CapabilityBoundingSet"][0]) {
		bounding += ",+" + strings.ToLower(strings.TrimPrefix(name, "CAP_"))
	}
	return append([]string{"setpriv", "--no-new-privs", "--inh-caps=-all", "--bounding-set", bounding}, args...)
}

// TestReportUnit runs the command of the unit on a DIR of another user, and opens its
// pages in a browser, served as in the manual.
func TestReportUnit(t *testing.T) {
	t.Parallel()
	chromium := need.Program(t, "chromium", "chromium")
	escape := need.Program(t, "systemd-escape", "systemd")
	base := t.TempDir()
	dir := filepath.Join(base, "two words")
	l := startLogger(t, dir)
	l.write("192.0.2.1", "/http-bind?room=a")
	require.Equal(t, 0, l.end())
	today := time.Now()
	thisMonth, lastMonth := today.AddDate(0, 0, -1), today.AddDate(0, 0, -40)
	for _, day := range []time.Time{thisMonth, lastMonth} {
		text := "5 d8dd82b4a3161d0eac8543b4867c2758533643b5\n"
		require.NoError(t, os.WriteFile(filepath.Join(dir, "rooms", "rooms-"+day.Format(time.DateOnly)+".log"), []byte(text), 0o640))
	}
	if os.Getuid() == 0 {
		require.NoError(t, exec.Command("chown", "-R", "12345:4", dir).Run())
		require.NoError(t, os.Chmod(filepath.Dir(base), 0o755))
	}

	out, err := exec.Command(escape, "--path", dir).Output()
	require.NoError(t, err)
	instance := strings.TrimSpace(string(out))
	within := func(text string) string {
		return strings.NewReplacer("/var/lib/", base+"/lib/", "%i", instance, "var-log-hushpipe", instance).Replace(text)
	}
	service := readUnit(t, reportUnit)["Service"]
	www := within("/var/lib/" + service["StateDirectory"][0])
	require.NoError(t, os.MkdirAll(www, 0o755), "systemd does this")
	args := confined(t, service, instance, dir)
	for i := range args {
		args[i] = within(args[i])
	}
	said, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	require.NoError(t, err, "%s", said)
	require.Empty(t, string(said))
	var files []string
	for _, day := range []time.Time{lastMonth, thisMonth} {
		files = append(files, filepath.Join(www, day.Format("2006-01")+".html"))
	}
	files = append(files, filepath.Join(www, "index.html"))
	require.Equal(t, files, glob(t, strings.ReplaceAll(www, `\`, `\\`)+"/*"))
	for _, file := range files {
		st, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o644), st.Mode())
	}

	directives := codeBlocks(manualText("report", "1"), "apache")
	require.Len(t, directives, 1)
	h := startHTTPD(t, within(directives[0]))
	show := func(path string) string {
		cmd := exec.Command(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir="+filepath.Join(base, "chromium"), "--dump-dom", h.URL+path)
		shown, err := cmd.Output()
		require.NoError(t, err)
		require.Equal(t, 3, strings.Count(string(shown), "<canvas"), "the charts are drawn")
		return string(shown)
	}
	index, month := show("/conferences/"), lastMonth.Format("2006-01")+".html"
	require.Contains(t, index, `<a href="`+month+`">`)
	require.Contains(t, index, "<dd>10</dd>")
	require.Contains(t, show("/conferences/"+month), "<dd>5</dd>")
	h.Stop()
}

// TestApacheConfSnippet loads the snippet into Debian's configuration: it refuses to
// load beside other-vhosts-access-log, and without that no raw address reaches a log.
func TestApacheConfSnippet(t *testing.T) {
	apache(t)
	h, dir := debianHTTPD(t, func(snippet string) string { return snippet })
	configtest := func() (string, error) {
		out, err := exec.Command("apache2ctl", "-t").CombinedOutput()
		return string(out), err
	}
	out, err := configtest()
	require.Error(t, err)
	require.Contains(t, out, "a2disconf other-vhosts-access-log")
	h.conf("other-vhosts-access-log", false)
	out, err = configtest()
	require.NoError(t, err, out)
	require.Contains(t, out, "Syntax OK")

	h.start("-d", h.Root)
	h.visitHosts(dir)
	h.Stop()
	require.Contains(t, written(dir), "two.example.org:")
	require.NotContains(t, h.ErrorLog(), "hushpipe:")
	assertNoAddressBelow(t, dir, map[netip.Addr]bool{netip.MustParseAddr("127.0.0.6"): true})
	require.NotContains(t, h.logged(), "127.0.0.6")
	require.NotContains(t, h.logged(), "/visited")
}

// TestNoSnippetDisablesAnother shows why the snippet refuses instead of overriding:
// httpd writes to both of two CustomLogs of a server.
func TestNoSnippetDisablesAnother(t *testing.T) {
	apache(t)
	h, dir := debianHTTPD(t, func(snippet string) string {
		return regexp.MustCompile(`(?s)<IfFile.*</IfFile>`).ReplaceAllString(snippet, "")
	})
	h.start("-d", h.Root)
	h.visitHosts(dir)
	h.Stop()
	require.Contains(t, h.logged(), "127.0.0.6")
}

// visitHosts makes a request to each virtual host, and waits for their lines in dir.
func (h *httpd) visitHosts(dir string) {
	h.t.Helper()
	for _, host := range []string{"one", "two"} {
		h.raw("127.0.0.6", "GET /visited HTTP/1.1\r\nHost: "+host+".example.org\r\nConnection: close\r\n\r\n")
	}
	await(h.t, func() bool { return strings.Count(written(dir), "/visited") == 2 }, "the virtual hosts are not logged")
}

// logged returns what httpd itself has written to its log directory.
func (h *httpd) logged() (text string) {
	h.t.Helper()
	names, err := filepath.Glob(filepath.Join(h.Root, "*.log"))
	require.NoError(h.t, err)
	for _, name := range names {
		content, err := os.ReadFile(name)
		require.NoError(h.t, err)
		text += string(content)
	}
	return text
}

// TestServerStop does to httpd what "systemctl stop" does under Debian's unit with its
// KillMode=mixed, while the logger is behind: SIGTERM to the main process, and SIGKILL
// to the rest as soon as that has exited. With the drop-in the logger finishes first.
// SIGSTOP could not delay the logger: the exit of the main process orphans its process
// group, which is then continued (_exit(2)).
func TestServerStop(t *testing.T) {
	const visits = 100
	dropIn := readUnit(t, apacheDropIn)["Service"]["ExecStopPost"][0]
	for _, tt := range []struct {
		name    string
		dropIn  bool
		written int
	}{{"Debian's unit loses what is in the pipe", false, 0}, {"with the drop-in", true, visits}} {
		t.Run(tt.name, func(t *testing.T) {
			d := loopDisk(t)
			dir := d.dir
			h := startHTTPD(t, combined, fmt.Sprintf(`CustomLog "|%s filter %s" combined`, hushpipeBinary(t), dir))
			logger := h.logger(dir)
			thaw := d.freeze() // it has to wait for the disk
			for i := range visits {
				h.raw("127.0.0."+strconv.Itoa(i+1), "GET /?id=r"+strconv.Itoa(i)+" HTTP/1.0\r\n\r\n")
			}
			main := h.cmd.Process.Pid
			require.NoError(t, syscall.Kill(main, syscall.SIGWINCH)) // ExecStop: apachectl graceful-stop
			require.NoError(t, syscall.Kill(main, syscall.SIGTERM))
			await(t, func() bool { return stat(main, "State") == "Z (zombie)" }, "the end of httpd's main process")
			if tt.dropIn {
				post := stopPost(dropIn, logger, main, "exited")
				require.NoError(t, post.Start())
				thaw()
				require.NoError(t, post.Wait(), "it waited for a logger that ended in time")
			}
			syscall.Kill(-main, syscall.SIGKILL)
			thaw() // a process that waits for a disk is not killed before
			<-h.ended
			require.Equal(t, tt.written, strings.Count(written(dir), "GET /?id=r"))
		})
	}
}

// TestServerCrash: httpd's children survive its main process and keep the pipe open.
// Waiting for the logger would only delay the restart of the server.
func TestServerCrash(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	h := startHTTPD(t, combined, fmt.Sprintf(`CustomLog "|%s filter %s" combined`, hushpipeBinary(t), dir))
	main, logger := h.cmd.Process.Pid, h.logger(dir)
	require.NoError(t, h.cmd.Process.Kill())
	await(t, func() bool { return stat(main, "State") == "Z (zombie)" }, "the end of httpd's main process")
	post := stopPost(readUnit(t, apacheDropIn)["Service"]["ExecStopPost"][0], logger, main, "killed")
	require.NoError(t, post.Start())
	require.Error(t, post.Wait())
	require.NoError(t, syscall.Kill(logger, 0), "it did not wait for the logger")
}

// stopPost returns the drop-in's command as it runs when main has ended with the code
// of systemd.exec(5). It waits for the loggers of one server, which are then children
// of the process that adopted them: PID 1 under systemd.
func stopPost(line string, logger, main int, code string) *exec.Cmd {
	args := command(line, "", "")
	args[len(args)-1] = strings.Replace(args[len(args)-1], "-P 1 ", fmt.Sprintf("-P %s -g %d ", stat(logger, "PPid"), main), 1)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "EXIT_CODE="+code)
	return cmd
}

// logger returns the process id of the only piped logger, which writes to dir, once the
// one from httpd's first pass over its configuration has exited.
func (h *httpd) logger(dir string) (pid int) {
	h.t.Helper()
	h.raw("127.0.0.6", "GET /first HTTP/1.0\r\n\r\n")
	await(h.t, func() bool { return strings.Contains(written(dir), "/first") }, "the logger does not write")
	await(h.t, func() bool {
		out, _ := exec.Command("pgrep", "-P", strconv.Itoa(h.cmd.Process.Pid), "-x", "hushpipe").Output()
		pid, _ = strconv.Atoi(strings.TrimSpace(string(out)))
		return pid > 0
	}, "there is no single logger")
	return pid
}

// stat returns a field of a process's status file (proc_pid_status(5)).
func stat(pid int, field string) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// TestReadmePackaging: the files that the README's commands install exist, including all
// man pages.
func TestReadmePackaging(t *testing.T) {
	var named []string
	for _, text := range manual(t) {
		for _, found := range regexp.MustCompile(`cmd/hushpipe/(packaging/[^\s)`+"`"+`]+)`).FindAllStringSubmatch(text, -1) {
			files, err := filepath.Glob(found[1])
			require.NoError(t, err)
			require.NotEmpty(t, files, found[0])
			named = append(named, files...)
		}
	}
	require.Subset(t, named, []string{purgeService, purgeTimer, reportUnit, reportTimer, apacheDropIn, apacheConf, fifoSocket, fifoService})
	pages, err := filepath.Glob("packaging/man/*")
	require.NoError(t, err)
	require.NotEmpty(t, pages)
	require.Subset(t, named, pages)
}
