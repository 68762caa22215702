package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/need"
)

// TestTenLines runs the manual's lines that set up two hosts and an engine, verbatim,
// on copies of this machine, with stand-ins for systemd and ssh. The third machine then
// has what the hosts count, and nobody else can reach the engine.
func TestTenLines(t *testing.T) {
	t.Parallel()
	for name, pkg := range map[string]string{"redis-server": "redis-server", "redis-cli": "redis-tools", "systemd-sysusers": "systemd", "openssl": "openssl"} {
		need.Program(t, name, pkg)
	}
	need.Root(t)
	notAtMidnight()
	dir := t.TempDir()
	apart := append(slices.Clip(apart), dir)
	if out, err := exec.Command(apart[0], append(apart[1:], "true")...).CombinedOutput(); err != nil {
		t.Skipf("the kernel gives no overlay and namespaces: %v: %s", err, out)
	}
	blocks := codeBlocks(manualText("fleet", "1"), "")
	i := slices.IndexFunc(blocks, func(b string) bool { return strings.Contains(b, "openssl") })
	require.GreaterOrEqual(t, i, 0)
	assert.Equal(t, 10, strings.Count(blocks[i], "\n"))

	program, err := os.ReadFile(hushpipeBinary(t))
	require.NoError(t, err)
	for name, text := range map[string]string{"hushpipe": string(program), "block": blocks[i], "stage": tenLinesStage,
		"ssh": tenLinesSSH, "systemctl": tenLinesSystemctl} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755))
	}
	for _, name := range []string{"systemd/hushpipe-ship@.service", "systemd/hushpipe-collect@.service", "sysusers.d/hushpipe.conf", "redis/redis"} {
		text, err := os.ReadFile(filepath.Join("packaging", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.Base(name)), text, 0o644))
	}
	rights := strings.Join(hostRights(t)[4:], " ") // after "meet on >PASSWORD resetchannels"
	conf, err := os.ReadFile("packaging/redis/redis")
	require.NoError(t, err)
	assert.Contains(t, string(conf), " resetchannels "+rights+"\n")

	cmd := exec.Command(apart[0], append(apart[1:], "bash", filepath.Join(dir, "stage"))...)
	cmd.Env = append(os.Environ(), "HOSTS=web1 web2")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Logf("%s", out)
}

const (
	// tenLinesStage installs the package on the machines, runs the block, and checks
	// the result.
	tenLinesStage = `
set -euo pipefail
stage=$(dirname "$0")
export PATH=/usr/local/bin:$PATH:/usr/sbin:/sbin
for at in / /machines/web1 /machines/web2; do
	install -m 755 "$stage/hushpipe" $at/usr/bin/
	install -m 755 "$stage/ssh" "$stage/systemctl" $at/usr/local/bin/
	install -m 644 "$stage"/*.service $at/lib/systemd/system/
	install -D -m 644 "$stage/redis" $at/etc/hushpipe/redis
	echo "127.0.0.1 hub" >$at/etc/hosts
	install -m 644 "$stage/hushpipe.conf" $at/tmp/
	chroot $at systemd-sysusers /tmp/hushpipe.conf
	chroot $at install -d -m 2750 -o hushpipe -g adm /var/log/hushpipe
done
echo of another >/var/lib/redis/dump.rdb # the redis-server beside it has data of its own
bash -e "$stage/block"

# The same address on both hosts, and one more on each.
line() { date "+$1 - - [%d/%b/%Y:%H:%M:%S %z] \"GET /http-bind?room=$2 HTTP/1.1\" 200 5 \"-\" \"-\""; }
keys() { test -s /machines/$1/var/log/hushpipe/keys/"$(date +%F)".key; }
await() { for _ in {1..3000}; do if "$@"; then return; fi; sleep 0.1; done; echo "FAILED: $*"; cat /tmp/said /machines/*/tmp/said; exit 1; }
for host in web1 web2; do
	await keys $host # the service starts before the web server
	for client in 192.0.2.1 192.0.2.${host#web}0; do line $client a; done | chroot /machines/$host hushpipe filter --user hushpipe /var/log/hushpipe
done
counted() { [ "$(hushpipe rooms --by hash /var/log/hushpipe 2>/dev/null)" = "3 $(printf a | sha1sum | cut -d' ' -f1)" ]; }
await counted
hushpipe rooms /var/log/hushpipe
hushpipe fleet status /etc/hushpipe/meet /var/log/hushpipe
hushpipe purge /var/log/hushpipe # as the timer of the package does
hushpipe fleet collect --check /etc/hushpipe/meet /var/log/hushpipe
await counted

[ "$(stat -c '%U %a' /etc/hushpipe/meet.pem /machines/web1/etc/hushpipe/meet.pem | tr '\n' ' ')" = "redis 600 root 600 " ]
for at in / /machines/web1 /machines/web2; do
	if [ -e $at/var/log/hushpipe/fleet-seed ]; then echo "a seed is left in $at"; exit 1; fi
done
cli() { redis-cli -h hub -p 6380 --tls --cacert /etc/hushpipe/meet.pem "$@" 2>&1; }
cli --cert /etc/hushpipe/meet.pem --key /etc/hushpipe/meet.pem FLUSHALL | grep NOPERM
if cli PING | grep PONG; then echo "who has no certificate is heard"; exit 1; fi
`
	tenLinesSSH = `#!/bin/sh
host=$1
shift
exec unshare --uts sh -c 'hostname "$0"; exec chroot "/machines/$0" sh -c "$1"' "$host" "$*"
`
	tenLinesSystemctl = `#!/bin/bash
set -e
[ "$1 $2" = "enable --now" ]
for name in "${@:3}"; do
	of=${name#*@}
	unit=/lib/systemd/system/${name%%@*}@.service
	line=$(sed -n 's/^ExecStart=//p' "$unit" | sed "s|%i|$of|g; s|%f|/${of//-//}|g")
	user=$(sed -n 's/^User=//p' "$unit")
	setpriv --reuid "${user:-root}" --regid "${user:-root}" --init-groups setsid ${line/--supervised systemd/} </dev/null >>/tmp/said 2>&1 &
done
`
)
