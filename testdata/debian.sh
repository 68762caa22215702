#!/usr/bin/env bash
# The life of the package on a Debian server with Apache and nginx: install, upgrade, figures,
# fail2ban, rsyslog, remove, purge. Read it as a tutorial; TestPackage runs it, as root and cut off from
# the machine it runs on where the kernel allows that.
#
#   bash testdata/debian.sh hushpipe_1_amd64.deb hushpipe_2_amd64.deb
set -euo pipefail
old=$(realpath "$1") new=$(realpath "$2")
export DEBIAN_FRONTEND=noninteractive PATH=$PATH:/usr/sbin:/sbin
quiet="-qq -y -o Dpkg::Use-Pty=0"
log=/var/log/hushpipe
today=$(date +%F)

fail() {
	echo "FAILED: $*" >&2
	exit 1
}

# get asks the server for a path, and succeeds if it answers.
get() { # PATH
	local status
	{ exec 3<>/dev/tcp/127.0.0.1/80; } 2>/dev/null || return 1
	printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$1" >&3
	read -r status <&3 && cat <&3 >/dev/null
	exec 3<&- 3>&-
	[[ $status == HTTP/* ]]
}

# await repeats a command until it succeeds, for half a minute.
await() {
	for _ in {1..300}; do
		if "$@"; then return; fi
		sleep 0.1
	done
	fail "$*"
}

echo "== 1. Install, and let all virtual hosts log through hushpipe"
apt-get install $quiet --no-install-recommends "$old"
[ "$(stat -c '%U %G %a' $log)" = "hushpipe adm 2750" ] || fail "$(stat $log)"
man -w hushpipe hushpipe-filter >/dev/null

# Apache's own logs of virtual hosts: both contain raw addresses.
a2disconf -q other-vhosts-access-log
sed -i '/^[^#]*CustomLog/s/^/#/' /etc/apache2/sites-available/000-default.conf

a2enconf -q hushpipe
# The loggers work, and what still writes addresses are the error logs of the server
# and of 000-default. Below each stands the line to put in its place.
if hushpipe check --apache >checked; then fail "check does not name the error logs"; fi
[ "$(grep -c '^    good' checked)" = 1 ] || fail "$(cat checked)"
[ "$(grep -c '^    writes addresses' checked)" = 2 ] || fail "$(cat checked)"
[ "$(grep -c 'put in its place: ErrorLog "|/usr/bin/hushpipe filter --user hushpipe --format error' checked)" = 2 ] || fail "$(cat checked)"
rm checked
apache2ctl configtest
apache2ctl start # on a server that runs: systemctl reload apache2
await get /first
await grep -q /first $log/access.log

echo "== 2. It works"
hushpipe status $log
[ "$(stat -c %U:%G:%a $log/access-"$today".log)" = hushpipe:adm:640 ] || fail "$(ls -l $log)"
[ "$(stat -c %U:%a $log/keys/"$today".key)" = hushpipe:600 ] || fail "$(ls -l $log/keys)"
[ "$(ps -o user= -C hushpipe | sort -u)" = hushpipe ] || fail "$(ps aux)"
if grep -rnF 127.0.0.1 $log /var/log/apache2; then fail "an address on disk"; fi

echo "== 3. Upgrade while people visit; reload when it suits"
answered=$(mktemp)
echo chat >/var/www/html/http-bind # stands for a conference server
visit() {
	for ((i = 1; ; i++)); do
		if get "/http-bind?room=a&id=r$i"; then echo "r$i" >>"$answered"; fi
	done
}
visit &
visitor=$!
await test -s "$answered"
before=$(pgrep -xo hushpipe)
apt-get install $quiet --no-install-recommends "$new"
kill -0 "$before" || fail "the upgrade ended a logger"
[ "$(readlink /proc/"$before"/exe)" = "/usr/bin/hushpipe (deleted)" ] || fail "the logger does not run the old program"
apache2ctl graceful # from here on the new program is behind the log
is_new() { [ "$(readlink /proc/"$(pgrep -xn hushpipe)"/exe)" = /usr/bin/hushpipe ]; }
await is_new
# systemd does this at every boot.
systemd-sysusers hushpipe.conf
systemd-tmpfiles --create hushpipe.conf
seen=$(wc -l <"$answered")
grew() { [ "$(wc -l <"$answered")" -gt $((seen + 100)) ]; }
await grew
kill $visitor
wait $visitor || true
sort -u "$answered" >"$answered.sorted"
all_written() {
	grep -ho 'id=r[0-9]*' $log/access-*.log | cut -d= -f2 | sort | uniq -c >"$answered.written"
	[ -z "$(comm -23 "$answered.sorted" <(awk '{print $2}' "$answered.written" | sort))" ]
}
await all_written
if grep -v '^ *1 ' "$answered.written"; then fail "written twice"; fi
echo "$(wc -l <"$answered") requests answered, all of them in the log, once"
hushpipe status $log

echo "== 4. Publish the figures: off until somebody enables it"
if [ -e /etc/systemd/system/timers.target.wants ] && ls /etc/systemd/system/timers.target.wants | grep hushpipe; then fail "enabled"; fi
systemctl enable -q hushpipe-report@var-log-hushpipe.timer
pages=/var/lib/hushpipe/www/var-log-hushpipe
install -d $pages # systemd does it, and runs this:
hushpipe report --pages $pages $log
grep -q '^<!doctype html>' $pages/index.html

echo "== 5. Ban who asks too often: fail2ban knows pseudonyms, the firewall gets addresses"
begun=$(mktemp)
banned=$(mktemp) # in place of a firewall
# Here 127.0.0.1 is everybody, so that it is not spared, and Debian's jail of sshd has no log.
sed -e 's/^maxretry.*/maxretry = 5/' -e "s/^banaction.*/banaction = hushpipe[ignoreip=\"\"]/" \
	/usr/share/doc/hushpipe/examples/fail2ban-jail.conf >/etc/fail2ban/jail.d/hushpipe.conf
printf '[sshd]\nenabled = false\n' >/etc/fail2ban/jail.d/zz-sshd.conf
printf '[Init]\nstartcmd = true\nstopcmd = true\ncheckcmd = true\nbancmd = echo ban $address >>%s\nunbancmd = echo unban $address >>%s\n' \
	"$banned" "$banned" >/etc/fail2ban/action.d/hushpipe.local
mkdir -p /run/fail2ban
fail2ban-client -q start # systemctl restart fail2ban
for i in {1..6}; do get "/wp-login.php?try=$i"; done
await grep -qx 'ban 127.0.0.1' "$banned"
left=$(find /var/log/fail2ban.log /var/lib/fail2ban $log -type f -newer "$begun" -exec grep -lF 127.0.0.1 {} +) || true
[ -z "$left" ] || fail "an address on disk: $left"
grep -q 'reason="fail2ban hushpipe"' $log/acts.log
fail2ban-client -q stop
grep -qx 'unban 127.0.0.1' "$banned"
rm /etc/fail2ban/jail.d/{hushpipe,zz-sshd}.conf /etc/fail2ban/action.d/hushpipe.local

echo "== 6. Send the lines to a central host: rsyslog follows the files of the days"
spool=$(mktemp -d)
{ # the shipped file, with a file in place of the host
	printf 'global(workDirectory="%s")\n' "$spool"
	sed "s|action(.*|action(type=\"omfile\" file=\"$spool/central.log\")|" /usr/share/doc/hushpipe/examples/rsyslog.conf
} >"$spool/rsyslog.conf"
rsyslogd -n -f "$spool/rsyslog.conf" -i "$spool/pid" &
await get "/http-bind?room=a&id=central"
await grep -qs 'id=central' "$spool/central.log"
if grep -F 127.0.0.1 "$spool/central.log"; then fail "an address went to another host"; fi
kill "$(cat "$spool/pid")"

gone() { ! pgrep -x hushpipe >/dev/null; }

echo "== 7. nginx in Apache's place: it writes to a FIFO that systemd holds"
apache2ctl stop
await gone
systemctl enable -q hushpipe@nginx.service # --now, where systemd runs; here this does what the units say:
unit() { sed -n "s/^$2=//p" "/lib/systemd/system/hushpipe@.$1" | sed 's/%i/nginx/g; s/%%/%/g; s/\$\$/$/g'; } # socket|service KEY
fifo=$(unit socket ListenFIFO)
eval "$(unit socket ExecStartPre)"
mkdir -m "$(unit socket DirectoryMode)" "${fifo%/*}"
mkfifo -m "$(unit socket SocketMode)" "$fifo"
exec 8<>"$fifo"
serve() {
	LISTEN_FDS=1 bash -c 'exec 3<&8 8<&-; LISTEN_PID=$$ exec "$@"' bash $(unit service ExecStart) &
	reader=$!
}
serve

# The error log needs an instance of its own; here there is none.
sed -i.orig "s|access_log .*;|access_log $fifo combined;|; s|error_log .*;|error_log /dev/null crit;|" /etc/nginx/nginx.conf
hushpipe check --nginx
nginx
logged() { grep -q "id=$1 " $log/nginx/access.log; }
await get "/http-bind?room=b&id=n1"
await logged n1
[ "$(stat -c %U:%G:%a $log/nginx)" = hushpipe:adm:2750 ] || fail "$(ls -ld $log/nginx)"

kill -KILL $reader
get "/http-bind?room=b&id=n2" # waits in the FIFO
serve
await logged n2
kill -TERM $reader # systemctl restart
wait $reader
get "/http-bind?room=b&id=n3"
serve
nginx -s reopen # as logrotate does
await get "/http-bind?room=b&id=n4"
nginx -s reload
await get "/http-bind?room=b&id=n5"
for id in n3 n4 n5; do await logged $id; done
[ "$(grep -c 'id=n[1-5] ' $log/nginx/access.log)" = 5 ] || fail "$(cat $log/nginx/access.log)"
if grep -rnF 127.0.0.1 $log /var/log/nginx; then fail "an address on disk"; fi
hushpipe status $log/nginx

if apt-get remove $quiet hushpipe; then fail "removed from under nginx"; fi
mv /etc/nginx/nginx.conf.orig /etc/nginx/nginx.conf
nginx -s quit
kill -TERM $reader
wait $reader
exec 8>&-
apache2ctl start
await get /again

# What the ErrorLog line of step 1 makes, if it is put in its place.
echo "[$(date '+%a %b %d %T.000000 %Y')] [core:error] [pid 1] [client 192.0.2.1:5] a fault" |
	hushpipe filter --user hushpipe --format error $log-error
hushpipe status $log-error

echo "== 8. Remove: not while a directive of somebody else still needs it"
printf 'CustomLog "|/usr/bin/hushpipe filter /srv/log" combined\n' >/etc/apache2/conf-enabled/mine.conf
if apt-get remove $quiet hushpipe; then fail "removed from under Apache"; fi
[ -e /etc/apache2/conf-enabled/hushpipe.conf ] || fail "the snippet is off, but hushpipe is there"
rm /etc/apache2/conf-enabled/mine.conf
apt-get remove $quiet hushpipe
[ ! -e /etc/apache2/conf-enabled/hushpipe.conf ] || fail "Apache still needs hushpipe"
apache2ctl graceful # the package does it, where systemd runs
await get /after
await gone
# Nobody writes now; systemd deletes what expires.
touch -d '13 days ago' $log/{,nginx/}access-"$today".log $log/{,nginx/}keys/"$today".key
rooms=$(cat $log/rooms/rooms-"$today".log)
[ -n "$rooms" ] || fail "no rooms"
touch -d '100 days ago' $log/{,nginx/}rooms/rooms-"$today".log
systemd-tmpfiles --clean hushpipe-removed.conf
left=$(find $log -name "access-$today.log" -o -name "$today.key")
[ -z "$left" ] || fail "expired, and still there: $left"

echo "== 9. Purge: nothing is left but the figures"
apt-get purge $quiet hushpipe
[ "$(cd $log && find . -type f | sort | xargs)" = "./nginx/rooms/rooms-$today.log ./rooms/rooms-$today.log" ] || fail "$(find $log)"
[ "$(cat $log/rooms/rooms-"$today".log)" = "$rooms" ] || fail "other figures"
[ ! -e $log-error ] || fail "left: $(find $log-error)"
[ ! -e /var/lib/hushpipe ] || fail "pages are left"
left=$(find /etc /usr /lib/systemd /var/lib/systemd /var/lib/apache2 -name '*hushpipe*' -print)
[ -z "$left" ] || fail "left: $left"
userdel hushpipe # stays, as files elsewhere may belong to it
apache2ctl stop
rm /var/www/html/http-bind
echo "== done"
