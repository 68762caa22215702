#!/usr/bin/env bash
# The tutorial of the manual, hushpipe-tutorial(7), and its test: text for the reader follows
# "#|", and the commands to type are right below it, up to an empty line. Everything else belongs
# to the test. TestPackage runs it as root, isolated from the machine if the kernel supports that;
# TestTutorial makes the manual page from it.
#
#   bash testdata/debian.sh hushpipe_1_amd64.deb hushpipe_2_amd64.deb
set -euo pipefail
. "$(dirname "$0")/debian-stage.sh" # the server, and a replacement for systemd
old=$(realpath "$1") new=$(realpath "$2")
work=$(mktemp -d)
cd "$work"
chmod 755 .
cp "$old" hushpipe_first.deb
log=/var/log/hushpipe
today=$(date +%F) yesterday=$(date -d yesterday +%F)
begin

# clean fails if a file below the directories has an address.
clean() {
	if grep -rnE '192\.0\.2\.|198\.51\.100\.|203\.0\.113\.|2001:db8:|127\.0\.0\.1' "$@"; then fail "an address on disk"; fi
}

#| # hushpipe-tutorial(7): from the package to the figures, step by step
#|
#| This page is for a Debian server with Jitsi Meet, behind Apache in the first part and behind nginx in the second. A test of
#| hushpipe runs each step exactly as written here. You need root, and the package; hushpipe-operation(7) explains how to do
#| without one.
#|
#| ## Install
#|
#| The package creates a user `hushpipe`, a directory that only members of `adm` can read, and a configuration for Apache that is
#| not enabled yet:
apt install ./hushpipe_*.deb

[ "$(stat -c '%U %G %a' $log)" = "hushpipe adm 2750" ] || fail "$(stat $log)"
man -w hushpipe hushpipe-filter hushpipe-tutorial >/dev/null

#| ## Apache
#|
#| Replace Debian's log of all virtual hosts with hushpipe, and see what else writes addresses:

set +e # check reports something
#|
a2disconf -q other-vhosts-access-log
a2enconf -q hushpipe
hushpipe check --apache

[ $? = 1 ] || fail "check finds nothing"
set -e
#| `check` runs each logger unchanged. For each directive that writes past hushpipe, it prints file and line, and a replacement.
#| Here these are the access log of Debian's default site, which is not needed in addition to the other, and the two error logs:
sed -i '/^[^#]*CustomLog/s/^/#/' \
  /etc/apache2/sites-available/000-default.conf
errors='ErrorLog "|/usr/bin/hushpipe filter --user hushpipe --format error'
sed -i "s#^\(\s*\)ErrorLog .*#\1$errors /var/log/hushpipe-error\"#" \
  /etc/apache2/apache2.conf /etc/apache2/sites-available/000-default.conf

hushpipe check --apache >checked || fail "$(cat checked)"
[ "$(grep -c '^    good' checked)" = 3 ] || fail "$(cat checked)"
if grep '^    writes addresses' checked; then fail "$(cat checked)"; fi
#| Reload when `check` finds nothing more. Run it before each reload: Apache's own test does not check a logger's flags.
hushpipe check --apache && systemctl reload apache2

await get /
await grep -q 'GET / ' $log/access.log
conferences
#| ## Look
#|
#| Open a page. Then look at what Apache writes now, and whether the promise holds:
tail -n 3 /var/log/hushpipe/access.log
hushpipe status /var/log/hushpipe

[ "$(stat -c %U:%G:%a $log/access-"$today".log)" = hushpipe:adm:640 ] || fail "$(ls -l $log)"
[ "$(stat -c %U:%a $log/keys/"$today".key)" = hushpipe:600 ] || fail "$(ls -l $log/keys)"
[ "$(ps -o user= -C hushpipe | sort -u)" = hushpipe ] || fail "$(ps aux)"
clean $log $log-error /var/log/apache2/*.log
if grep -rn 'eyJ' $log; then fail "a token on disk"; fi
#| Each client has a pseudonym, which stays the same all day. Tokens and passwords in URLs are struck out. Members of the group
#| `adm` can read the lines, but only hushpipe and root can read the keys. The web server's user, `www-data`, can read neither.
#| `hushpipe help threats` explains what each party can see, do and block.

as() { setpriv --reuid "$1" --regid "$2" --clear-groups sh -c "$3" 2>/dev/null; } # USER GROUP COMMAND
as nobody adm "tail -n 1 $log/access.log" >/dev/null || fail "adm reads no line"
if as nobody adm "cat $log/keys/*.key" || as nobody adm "cat $log/journal/*"; then fail "adm reads keys"; fi
if as www-data www-data "ls $log"; then fail "www-data reads"; fi
await as nobody adm "cat $log/rooms/*" >/dev/null # the first room file is written after two seconds

#|
#| See how many addresses have been in each room today, by the SHA-1 of the room's name, and look up one room by its name:
hushpipe rooms --by hash /var/log/hushpipe
hash=$(printf %s weeklystandup | sha1sum | cut -d' ' -f1)
hushpipe rooms /var/log/hushpipe | grep $hash

[ "$(hushpipe rooms --by hash $log)" = "$(counts)" ] || fail "$(hushpipe rooms --by hash $log; counts)"

#| ## Take over yesterday
#|
#| The old logs contain raw addresses. Take over their lines, with their counts, and delete them:
hushpipe replay --append /var/log/hushpipe \
  /var/log/apache2/other_vhosts_access.log.1
rm /var/log/apache2/other_vhosts_access.log*

[ "$(cat $log/rooms/rooms-"$yesterday".log)" = "$(counts)" ] || fail "$(cat $log/rooms/*; counts)"
[ "$(wc -l <$log/access-"$yesterday".log)" = "$(wc -l <"$stage/access.log")" ] || fail "$(wc $log/*)"
clean $log /var/log/apache2

#| ## Upgrade
#|
#| Install the newer package while the server runs: loggers continue, and no line is lost. Reload when convenient:

answered=$(mktemp)
visit() {
	for ((i = 1; ; i++)); do
		if get "/?id=r$i"; then echo "r$i" >>"$answered"; fi
	done
}
visit &
visitor=$!
await test -s "$answered"
before=$(pgrep -xo hushpipe)
cp "$new" hushpipe_newer.deb
#|
apt install ./hushpipe_newer.deb

kill -0 "$before" || fail "the upgrade ended a logger"
[ "$(readlink /proc/"$before"/exe)" = "/usr/bin/hushpipe (deleted)" ] || fail "the logger does not run the old program"
#|
systemctl reload apache2

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

#| ## A page of figures
#|
#| hushpipe opens no port. A timer writes a page for all finished days and one for each month, and your web server serves them:

if ls /etc/systemd/system/timers.target.wants | grep hushpipe; then fail "enabled, and nobody asked"; fi
#|
systemctl enable --now hushpipe-report@var-log-hushpipe.timer
echo 'Alias /figures /var/lib/hushpipe/www/var-log-hushpipe
<Directory /var/lib/hushpipe/www>
  Require all granted
</Directory>' >/etc/apache2/conf-available/figures.conf
a2enconf -q figures
hushpipe check --apache && systemctl reload apache2

get /figures/ && grep -q '^<!doctype html>' "$body" || fail "$(cat "$body")"
get "/figures/${yesterday%-*}.html" || fail "no page of the month"
[ "$(hushpipe report --json --from "$yesterday" --to "$yesterday" $log | grep -o '"participants": *[0-9]*' | head -n 1 | grep -o '[0-9]*$')" = 11 ] ||
	fail "$(hushpipe report --json --from "$yesterday" --to "$yesterday" $log)"
#| ## fail2ban
#|
#| fail2ban reads pseudonyms, and bans addresses: its action asks hushpipe for the address, and keeps it only in memory. The
#| example jail bans clients that get 20 answers "unauthorised" or "not found" in ten minutes. Its `ignoreip` exempts this machine:
cp /usr/share/doc/hushpipe/examples/fail2ban-jail.conf \
  /etc/fail2ban/jail.d/hushpipe.conf

begun=$(mktemp)
banned=$(mktemp) # in place of a firewall
printf '[sshd]\nenabled = false\n' >/etc/fail2ban/jail.d/zz-sshd.conf # has no log here
printf '[Init]\nstartcmd = true\nstopcmd = true\ncheckcmd = true\nbancmd = echo ban $address >>%s\nunbancmd = echo unban $address >>%s\n' \
	"$banned" "$banned" >/etc/fail2ban/action.d/hushpipe.local
#|
systemctl restart fail2ban

for _ in {1..25}; do grep wp-login "$stage/access.log"; done >scan.log
perl "$stage/service.pl" visit scan.log
for _ in {1..25}; do get /wp-login.php; done # this machine, which is exempt
await grep -qx 'ban 192.0.2.66' "$banned"
#| See who is banned, by pseudonym, and the record of the ban:
fail2ban-client status hushpipe
tail -n 1 /var/log/hushpipe/acts.log

if grep -F 127.0.0.1 "$banned"; then fail "banned this machine"; fi
left=$(find /var/log/fail2ban.log /var/lib/fail2ban $log -type f -newer "$begun" -exec grep -lE '192\.0\.2\.|127\.0\.0\.1' {} +) || true
[ -z "$left" ] || fail "an address on disk: $left"
grep -q 'reason="fail2ban hushpipe"' $log/acts.log
fail2ban-client -q stop
grep -qx 'unban 192.0.2.66' "$banned"
rm /etc/fail2ban/jail.d/{hushpipe,zz-sshd}.conf /etc/fail2ban/action.d/hushpipe.local

#| ## rsyslog
#|
#| To send the lines to a central host, let rsyslog follow the daily files. Put your host's name into the example; it sends only
#| pseudonyms:
sed 's/target="[^"]*"/target="loghost.example"/' \
  /usr/share/doc/hushpipe/examples/rsyslog.conf \
  >/etc/rsyslog.d/hushpipe.conf

central=$(mktemp -d) # loghost.example
printf 'module(load="imtcp")\ninput(type="imtcp" port="514" address="127.0.0.1")\n*.* action(type="omfile" file="%s/log" template="line")\n' "$central" |
	sed '1i template(name="line" type="string" string="%msg%\\n")\nglobal(workDirectory="'"$central"'" maxMessageSize="256k")' >"$central/conf"
rsyslogd -f "$central/conf" -i "$central/pid"
await test -s "$central/pid"
#|
systemctl restart rsyslog

get "/?id=central"
await grep -qs 'id=central ' "$central/log"
written() { cat $log/access-*.log | sort; }
arrived() { [ "$(sed 's/^ //' "$central/log" | sort)" = "$(written)" ]; }
await arrived
clean "$central/log"
kill "$(cat /run/rsyslogd.pid)" "$(cat "$central/pid")"

#| ## nginx
#|
#| nginx starts no logger; it writes to a path. systemd creates a FIFO there, so nothing reaches a disk, and hushpipe reads it. The
#| error log needs an instance of its own:
systemctl stop apache2
mkdir -p /etc/systemd/system/hushpipe@nginx-error.service.d
echo '[Service]
ExecStart=
ExecStart=/usr/bin/hushpipe filter --format error --user hushpipe \
  --input /run/hushpipe/%i/access.log /var/log/hushpipe/%i' \
  >/etc/systemd/system/hushpipe@nginx-error.service.d/override.conf
systemctl enable --now hushpipe@nginx.service
systemctl enable --now hushpipe@nginx-error.service

both() { [ "$(pgrep -cx -u hushpipe hushpipe)" = 2 ]; }
await both
#| Replace the files with the FIFOs, see what else writes addresses, and start nginx:
fifo=/run/hushpipe/nginx/access.log
error_fifo=/run/hushpipe/nginx-error/access.log
sed -i.orig "s|access_log .*;|access_log $fifo combined;|
s|error_log .*;|error_log $error_fifo warn;|" \
  /etc/nginx/nginx.conf
hushpipe check --nginx && systemctl start nginx

await get /
conferences
await grep -q 'about/health' $log/nginx/access.log
#| The lines of each instance are in a separate directory:
hushpipe status /var/log/hushpipe/nginx
hushpipe rooms --by hash /var/log/hushpipe/nginx

[ "$(stat -c %U:%G:%a $log/nginx)" = hushpipe:adm:2750 ] || fail "$(ls -ld $log/nginx)"
counted() { [ "$(hushpipe rooms --by hash $log/nginx)" = "$(counts)" ]; }
await counted
#| Nothing is lost when hushpipe restarts, or when nginx reopens its logs or is reloaded:

kill -KILL "${readers[hushpipe@nginx.service]}"
get "/?id=n1" # waits in the FIFO
read_fifo hushpipe@nginx.service
logged() { grep -q "id=$1 " $log/nginx/access.log; }
await logged n1
get "/?id=n2"
#|
systemctl restart hushpipe@nginx.service
nginx -s reopen
systemctl reload nginx

for id in n3 n4; do await get "/?id=$id"; done
for id in n2 n3 n4; do await logged $id; done
[ "$(grep -c 'id=n[1-4] ' $log/nginx/access.log)" = 4 ] || fail "$(grep id=n $log/nginx/access.log)"
get "/a.html" # is missing: an error
clean $log /var/log/nginx

#| ## Remove
#|
#| A server hangs without its logger, so the package refuses to be removed while a directive uses it, and lists these. Restore the
#| directives first:

if apt remove hushpipe; then fail "removed from under nginx"; fi
#|
systemctl stop nginx
mv /etc/nginx/nginx.conf.orig /etc/nginx/nginx.conf

systemctl start apache2
await get /again
if apt remove hushpipe; then fail "removed from under Apache"; fi
[ -e /etc/apache2/conf-enabled/hushpipe.conf ] || fail "the snippet is off, but hushpipe is there"
#|
a2disconf -q figures
sed -i 's#^\(\s*\)ErrorLog .*#\1ErrorLog ${APACHE_LOG_DIR}/error.log#' \
  /etc/apache2/apache2.conf /etc/apache2/sites-available/000-default.conf
apt remove hushpipe

[ ! -e /etc/apache2/conf-enabled/hushpipe.conf ] || fail "Apache still needs hushpipe"
apache2ctl graceful # the package does it, where systemd runs
await get /after
kill -TERM "${readers[@]}" # so does systemd
wait "${readers[@]}"
await gone hushpipe
#| systemd deletes the remaining lines when they expire.

touch -d "13 days ago" $log/{,nginx/,nginx-error/}access-"$today".log $log/{,nginx/,nginx-error/}keys/"$today".key
figures() { (cd $log && find . -path '*/rooms/rooms-*' -type f -exec sha1sum {} + | sort); }
before=$(figures)
[ "$(wc -l <<<"$before")" = 3 ] || fail "$before" # Apache's two days, and nginx's one
find $log -path '*/rooms/*' -exec touch -d '100 days ago' {} +
systemd-tmpfiles --clean hushpipe-removed.conf
left=$(find $log -name "access-$today.log" -o -name "$today.key")
[ -z "$left" ] || fail "expired, and still there: $left"

#|
#| To delete them at once, with the keys, the pages, and all but the counts of rooms:
apt purge hushpipe

[ "$(figures)" = "$before" ] || fail "other figures: $(find $log)"
[ "$(find $log -type f | wc -l)" = 3 ] || fail "left: $(find $log)"
[ ! -e $log-error ] || fail "left: $(find $log-error)"
[ ! -e /var/lib/hushpipe ] || fail "pages are left"
#| `/var/log/hushpipe` contains the figures. Nothing else is left but your own files, and the user `hushpipe`, since files
#| elsewhere may belong to it:
rm -r /etc/systemd/system/hushpipe@nginx-error.service.d
rm -f /etc/apache2/conf-available/figures.conf /etc/rsyslog.d/hushpipe.conf
userdel hushpipe

left=$(find /etc /usr /run /lib/systemd /var/lib/systemd /var/lib/apache2 -path /usr/src -prune -o -path '/usr/share/go*' -prune -o -name '*hushpipe*' -print)
[ -z "$left" ] || fail "left: $left"
clean $log
apache2ctl stop
kill $service
echo "== done"
#| ## See also
#|
#| `hushpipe(1)`, `hushpipe-threats(7)`, `hushpipe-servers(7)`, `hushpipe-beside(7)`, `hushpipe-migrate(7)`, `hushpipe-operation(7)`,
#| `hushpipe-report(1)`
