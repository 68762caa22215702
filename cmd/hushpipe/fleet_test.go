package main

import (
	"bytes"
	"crypto/sha1"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/need"
	"hushpipe/format/roomfile"
)

// hosts are the filters of several machines, side by side in one directory.
type hosts struct {
	t       *testing.T
	path    string
	program string
	flags   []string // of the filters
	names   []string
	pipes   []*os.File
	filters []*exec.Cmd
	ships   []*exec.Cmd // of a fleet
	counter *exec.Cmd
	users   map[string]map[string]bool // of each room, by all lines
}

// startHosts starts a filter for each name, under the key of the first host if they
// share it.
func startHosts(t *testing.T, shared bool, names ...string) *hosts {
	h := &hosts{t: t, path: t.TempDir(), program: hushpipeBinary(t), names: names, users: map[string]map[string]bool{}}
	for i := range names {
		keys := filepath.Join(h.dir(i), "keys")
		require.NoError(t, os.MkdirAll(keys, 0o750))
		if i == 0 {
			cmd := exec.Command(h.program, "filter", h.dir(0))
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", out)
		} else if shared {
			files, err := filepath.Glob(filepath.Join(h.dir(0), "keys", "*.key"))
			require.NoError(t, err)
			require.NotEmpty(t, files)
			for _, file := range files {
				key, err := os.ReadFile(file)
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(filepath.Join(keys, filepath.Base(file)), key, 0o600))
			}
		}
	}
	h.run()
	return h
}

// run starts all filters.
func (h *hosts) run() {
	h.pipes, h.filters = make([]*os.File, len(h.names)), make([]*exec.Cmd, len(h.names))
	for i := range h.names {
		h.start(i)
	}
	h.t.Cleanup(func() {
		for i := range h.names {
			h.pipes[i].Close()
			h.filters[i].Wait()
		}
	})
}

func (h *hosts) dir(i int) string { return filepath.Join(h.path, "fleet", h.names[i]) }

func (h *hosts) dirs() (all []string) {
	for i := range h.names {
		all = append(all, h.dir(i))
	}
	return all
}

func (h *hosts) start(i int) {
	r, w, err := os.Pipe()
	require.NoError(h.t, err)
	cmd := exec.Command(h.program, append(append([]string{"filter"}, h.flags...), h.dir(i))...)
	cmd.Stdin, cmd.Stderr = r, os.Stderr
	require.NoError(h.t, cmd.Start())
	r.Close()
	h.pipes[i], h.filters[i] = w, cmd
}

// stop ends a filter and returns its error.
func (h *hosts) stop(i int) error {
	h.pipes[i].Close()
	return h.filters[i].Wait()
}

// log writes a line to a host's filter.
func (h *hosts) log(i int, address, room string) {
	if h.users[room] == nil {
		h.users[room] = map[string]bool{}
	}
	h.users[room][address] = true
	_, err := h.pipes[i].WriteString(logLine(address, "/http-bind?room="+room))
	require.NoError(h.t, err)
}

// counted is what a single hushpipe would count of all lines, computed in the simplest
// way.
func (h *hosts) counted() (all []roomfile.Entry) {
	for room, users := range h.users {
		all = append(all, roomfile.Entry{Hash: sha1.Sum([]byte(room)), Count: uint64(len(users))})
	}
	slices.SortFunc(all, func(a, b roomfile.Entry) int { return bytes.Compare(a.Hash[:], b.Hash[:]) })
	return all
}

func (h *hosts) merge(out string, dirs ...string) string {
	cmd := exec.Command(h.program, append([]string{"fleet", "merge", out}, dirs...)...)
	said, err := cmd.CombinedOutput()
	require.NoError(h.t, err, "%s", said)
	return string(said)
}

func (h *hosts) read(out string) []roomfile.Entry {
	text, err := os.ReadFile(filepath.Join(out, "rooms", "rooms-"+time.Now().Format(time.DateOnly)+".log"))
	require.NoError(h.t, err)
	entries, err := roomfile.Parse(text)
	require.NoError(h.t, err)
	return entries
}

// logMany writes lines of few rooms and few people, at random hosts.
func (h *hosts) logMany(lines int) {
	for range lines {
		h.log(rand.IntN(len(h.names)), fmt.Sprintf("192.0.2.%d", rand.IntN(250)), fmt.Sprintf("r%d", rand.IntN(40)))
	}
}

// notAtMidnight waits if the day is about to change.
func notAtMidnight() {
	for now := time.Now(); now.Add(time.Minute).Day() != now.Day(); now = time.Now() {
		time.Sleep(time.Second) // processes have no clock but the machine's
	}
}

// TestFleetMerge: under equal keys, the merged journals of running filters, some of
// which end, are killed and start again, equal an independent count of all lines. Under
// different keys the counts are not lower, and the merge logs a note.
func TestFleetMerge(t *testing.T) {
	notAtMidnight()
	for _, shared := range []bool{true, false} {
		t.Run(fmt.Sprint("shared=", shared), func(t *testing.T) {
			h := startHosts(t, shared, "web1", "web2", "web3")
			out := filepath.Join(h.path, "all")
			for range 4 {
				h.logMany(2000)
				h.merge(out, h.dirs()...) // in the midst of it
				require.NoError(t, h.stop(0))
				h.start(0)
			}
			for i := range h.names {
				require.NoError(t, h.stop(i))
			}
			said := h.merge(out, h.dirs()...)
			once := h.read(out)
			if shared {
				require.Equal(t, h.counted(), once)
				assert.Empty(t, said)
			} else {
				plain := h.counted()
				require.Len(t, once, len(plain))
				more := false
				for i, e := range once {
					require.Equal(t, plain[i].Hash, e.Hash)
					require.GreaterOrEqual(t, e.Count, plain[i].Count)
					more = more || e.Count > plain[i].Count
				}
				assert.True(t, more)
				assert.Contains(t, said, "counted under several keys: an address on two hosts is counted twice, the counts are an upper bound\n")
				cmd := exec.Command(h.program, "rooms", "--json", out)
				text, err := cmd.Output()
				require.Error(t, err)
				assert.Contains(t, string(text), `"upper_bound":true`)
			}
			for i := range h.names { // for the cleanup
				h.start(i)
			}
		})
	}
}

// TestFleetByRsync does what the units do while filters write and end: the last copy
// and merge equals an independent count. Neither keys nor lines can be copied, whatever
// the client asks for.
func TestFleetByRsync(t *testing.T) {
	notAtMidnight()
	rsync := need.Program(t, "rsync", "rsync")
	h := startHosts(t, true, "web1", "web2", "web3")
	h.flags = []string{"--traffic"}
	copies := filepath.Join(h.path, "copies")
	var dirs []string
	for i, name := range h.names {
		dirs = append(dirs, filepath.Join(copies, name))
		require.NoError(t, os.MkdirAll(filepath.Join(copies, name), 0o700))
		require.NoError(t, h.stop(i))
		h.start(i)
	}
	// web1 merges, where the keys are, and copies from the others.
	require.NoError(t, os.Remove(dirs[0]))
	require.NoError(t, os.Symlink(h.dir(0), dirs[0]))
	out := filepath.Join(h.path, "all")
	// Instead of ssh: the command that sshd forces for the key.
	config, err := os.ReadFile("packaging/rsync/rsync")
	require.NoError(t, err)
	require.Contains(t, string(config), "\npath = /var/log/hushpipe\n")
	forced := regexp.MustCompile(`command="(rsync .*) --config=/etc/hushpipe/rsync (.*)",restrict `).FindStringSubmatch(manualText("fleet", "1"))
	require.NotNil(t, forced)
	for i, name := range h.names {
		text := strings.Replace(string(config), "/var/log/hushpipe", h.dir(i), 1)
		if os.Getuid() != 0 {
			text = strings.Replace(text, "use chroot = yes", "use chroot = no", 1)
		}
		require.NoError(t, os.WriteFile(filepath.Join(h.path, name+".conf"), []byte(text), 0o600))
	}
	ssh := filepath.Join(h.path, "ssh")
	require.NoError(t, os.WriteFile(ssh, []byte("#!/bin/sh\ntest \"$1 $2\" = '-o BatchMode=yes' || exit 1\nshift 2\ntest \"$1\" = -l && shift 2\n"+
		"exec "+forced[1]+" --config="+h.path+"/$1.conf "+forced[2]+"\n"), 0o755))
	shell := "--rsh=" + ssh + " -o BatchMode=yes"
	copyAll := func() {
		for i, name := range h.names[1:] {
			args := command(readUnit(t, copyService)["Service"]["ExecStart"][0], name, "")
			require.Equal(t, []string{"/usr/bin/rsync", "--rsh=ssh -o BatchMode=yes", "root@" + name + "::hushpipe/", "/var/lib/hushpipe/fleet/" + name + "/"},
				[]string{args[0], args[1], args[len(args)-2], args[len(args)-1]})
			args[1], args[len(args)-1] = shell, dirs[i+1]+"/"
			said, err := exec.Command(rsync, args[1:]...).CombinedOutput()
			if end, ok := err.(*exec.ExitError); ok && end.ExitCode() == 24 {
				require.Equal(t, []string{"24"}, readUnit(t, copyService)["Service"]["SuccessExitStatus"])
				continue
			}
			require.NoError(t, err, "%s", said)
		}
	}
	for range 5 {
		h.logMany(1000)
		copyAll()
		h.merge(out, dirs...)
		require.NoError(t, h.stop(1))
		h.start(1)
	}
	for i := range h.names {
		require.NoError(t, h.stop(i))
	}
	copyAll()
	args := command(readUnit(t, mergeService)["Service"]["ExecStart"][0], "", "")
	require.Equal(t, "/bin/sh", args[0])
	line := strings.NewReplacer("/usr/bin/hushpipe", h.program, "/var/lib/hushpipe/all", out, "/var/lib/hushpipe/fleet/", copies+"/").Replace(args[2])
	said, err := exec.Command(args[0], args[1], line).CombinedOutput()
	require.NoError(t, err, "%s", said)
	require.Empty(t, string(said))
	require.Equal(t, h.counted(), h.read(out))
	figures, err := os.ReadFile(filepath.Join(out, "traffic", "traffic-"+time.Now().Format(time.DateOnly)+".txt"))
	require.NoError(t, err)
	require.Contains(t, string(figures), "\ntotal 5000 5000 25000 0 0 robots\n") // they name no browser
	for _, dir := range dirs[1:] {
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		require.Equal(t, []string{"journal", "keep", "rooms", "status", "traffic"}, names)
	}
	logs, err := filepath.Glob(filepath.Join(h.dir(0), "access-*.log"))
	require.NoError(t, err)
	require.NotEmpty(t, logs)
	require.NoError(t, os.Symlink("../keys", filepath.Join(h.dir(0), "rooms", "link")))
	for _, asked := range [][]string{
		{"root@web1::hushpipe/"}, {"root@web1::hushpipe/keys/"}, {"root@web1::hushpipe/journal/../keys/"}, {"root@web1::hushpipe/access-*.log"},
		{"root@web1::hushpipe/" + filepath.Base(logs[0])}, {"--filter=!", "root@web1::hushpipe/"}, {"--copy-links", "root@web1::hushpipe/"},
		{"root@web1:" + h.dir(0) + "/keys/"}, {"root@web1:keys/"}, {"root@web1:/"},
	} {
		got := t.TempDir()
		said, err := exec.Command(rsync, slices.Concat([]string{shell, "-r"}, asked, []string{got})...).CombinedOutput()
		if asked[0] != "root@web1::hushpipe/" && asked[0] != "--filter=!" {
			assert.Error(t, err, "%s: %s", asked, said)
		}
		files, err := exec.Command("find", got, "-type", "f", "-printf", "%P\n").Output()
		require.NoError(t, err)
		for name := range strings.Lines(string(files)) {
			assert.Regexp(t, `^(keep$|(journal|rooms|status|traffic)/[^/]*$)`, strings.TrimSpace(name), "%s", asked)
		}
	}
	for i := range h.names {
		h.start(i)
	}
}

// TestCopyOfSilentHost: if rsync fails, what outlives the host's retention is deleted
// from its copy.
func TestCopyOfSilentHost(t *testing.T) {
	program := hushpipeWith(t, "shiftedclock")
	h, copied := filepath.Join(t.TempDir(), "web1"), filepath.Join(t.TempDir(), "web1")
	filter := func(clock string) {
		cmd := exec.Command(program, "filter", "--keep", "3d", h)
		cmd.Env = append(os.Environ(), "HUSHPIPE_CLOCK="+clock)
		cmd.Stdin = strings.NewReader(logLine("192.0.2.1", "/http-bind?room=a"))
		said, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", said)
	}
	filter("-480h")
	require.NoError(t, os.Mkdir(copied, 0o700))
	for _, name := range []string{"journal", "keep", "rooms", "status"} {
		require.NoError(t, exec.Command("cp", "-a", filepath.Join(h, name), copied).Run())
	}
	journals := func() []string {
		names, err := filepath.Glob(filepath.Join(copied, "journal", "*.journal"))
		require.NoError(t, err)
		return names
	}
	args := command(readUnit(t, copyService)["Service"]["ExecStopPost"][0], "web1", "")
	line := strings.NewReplacer("/usr/bin/hushpipe", program, "/var/lib/hushpipe/fleet/web1", copied).Replace(args[2])
	for _, tt := range []struct {
		result string
		want   int
	}{{"success", 1}, {"exit-code", 0}} {
		cmd := exec.Command(args[0], args[1], line)
		cmd.Env = append(os.Environ(), "SERVICE_RESULT="+tt.result)
		said, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", said)
		require.Len(t, journals(), tt.want, tt.result)
	}
}

// fleetHosts starts a filter for each name. Their keys come from one fleet.
func fleetHosts(t *testing.T, lines string, names ...string) *hosts {
	h := newFleet(t, lines, names...)
	h.run()
	return h
}

// newFleet makes the hosts members of a fleet, with lines in its file. The first host
// invites the last one. Their services run until the end of the test.
func newFleet(t *testing.T, lines string, names ...string) *hosts {
	program, path := hushpipeBinary(t), t.TempDir()
	fleet := filepath.Join(path, "meet")
	seed, err := exec.Command(program, "fleet", "new", fleet).Output()
	require.NoError(t, err)
	file, err := os.OpenFile(fleet, os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	defer file.Close()
	_, err = file.WriteString(lines)
	require.NoError(t, err)
	h := &hosts{t: t, path: path, program: program, names: names, ships: make([]*exec.Cmd, len(names)), users: map[string]map[string]bool{}}
	for i := range names {
		if i == len(names)-1 {
			seed, err = exec.Command(program, "fleet", "invite", fleet, h.dir(0)).Output()
			require.NoError(t, err)
		}
		require.NoError(t, os.MkdirAll(h.dir(i), 0o750))
		require.NoError(t, os.WriteFile(filepath.Join(h.dir(i), "fleet-seed"), seed, 0o600))
		h.ship(i)
	}
	return h
}

// ship starts the service of a host.
func (h *hosts) ship(i int) {
	h.ships[i] = startService(h.t, h.program, "fleet", "ship", "--host", h.names[i], filepath.Join(h.path, "meet"), h.dir(i))
}

// startService starts a program as systemd does, and waits until it reports that it is
// ready.
func startService(t *testing.T, program string, args ...string) *exec.Cmd {
	socket := filepath.Join(t.TempDir(), "notify")
	listener, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	require.NoError(t, err)
	defer listener.Close()
	cmd := exec.Command(program, args...)
	cmd.Env, cmd.Stderr = append(os.Environ(), "NOTIFY_SOCKET="+socket), os.Stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	require.NoError(t, listener.SetReadDeadline(time.Now().Add(time.Minute)))
	text := make([]byte, 100)
	n, err := listener.Read(text)
	require.NoError(t, err)
	require.Equal(t, "READY=1", string(text[:n]))
	return cmd
}

// TestFleetFileMode: users who may not read the seed may read the fleet's file.
func TestFleetFileMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "meet")
	cmd := exec.Command("sh", "-c", `umask 077; exec "$0" fleet new "$1"`, hushpipeBinary(t), path)
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", said)
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o644), info.Mode())
}

// TestFleetKeys: three hosts of a fleet, each with a service and a filter, have equal
// keys from their first line on, and their merged counts equal an independent count.
// Nobody else can read what they share, and no seed remains.
func TestFleetKeys(t *testing.T) {
	notAtMidnight()
	h := fleetHosts(t, "", "web1", "web2", "web3")
	h.logMany(3000)
	out := filepath.Join(h.path, "all")
	for i := range h.names {
		require.NoError(t, h.stop(i))
	}
	assert.Empty(t, h.merge(out, h.dirs()...))
	require.Equal(t, h.counted(), h.read(out))
	for i := range h.names {
		assert.NoFileExists(t, filepath.Join(h.dir(i), "fleet-seed"))
		for _, pattern := range []string{"keys/*.key", "fleet/*", "room-secret"} {
			files, err := filepath.Glob(filepath.Join(h.dir(i), pattern))
			require.NoError(t, err)
			require.NotEmpty(t, files)
			for _, file := range files {
				info, err := os.Stat(file)
				require.NoError(t, err)
				assert.Equal(t, os.FileMode(0o600), info.Mode(), file)
				mine, err := os.ReadFile(file)
				require.NoError(t, err)
				theirs, err := os.ReadFile(strings.Replace(file, h.names[i], h.names[0], 1))
				require.NoError(t, err)
				assert.Equal(t, theirs, mine, file)
			}
		}
		text, err := exec.Command(h.program, "status", h.dir(i)).CombinedOutput()
		require.NoError(t, err, "%s", text)
		assert.Contains(t, string(text), "the promise holds")
		assert.NotContains(t, string(text), "after tomorrow")
		h.start(i) // for the cleanup
	}
}
