# The server that debian.sh sources to start from, and a replacement for systemd. A reader of the
# tutorial has both.
export DEBIAN_FRONTEND=noninteractive PATH=$PATH:/usr/sbin:/sbin
stage=$(dirname "$(realpath "${BASH_SOURCE[0]}")")/jitsi

fail() {
	echo "FAILED: $*" >&2
	exit 1
}

# await repeats a command until it succeeds, for half a minute.
await() {
	for _ in {1..300}; do
		if "$@"; then return; fi
		sleep 0.1
	done
	fail "$*"
}

body=$(mktemp) # of the last answer

gone() { ! pgrep -x "$1" >/dev/null; }

# get requests a path from the server. It succeeds if there is an answer, which is in $body then.
get() { # PATH
	local status
	{ exec 3<>/dev/tcp/127.0.0.1/80; } 2>/dev/null || return 1
	printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$1" >&3
	read -r status <&3 && cat <&3 >"$body"
	exec 3<&- 3>&-
	[[ $status == HTTP/* ]]
}

apt() { apt-get -qq -y -o Dpkg::Use-Pty=0 --no-install-recommends "$@"; }

# begin sets up the conference service: its files, its backend, and Apache in front of it, which
# has logged raw addresses since yesterday.
begin() {
	local path
	perl "$stage/service.pl" addresses "$stage/access.log"
	perl "$stage/service.pl" serve &
	service=$!
	while read -r path; do
		mkdir -p "/usr/share/jitsi-meet/$(dirname "$path")"
		echo "$path" >"/usr/share/jitsi-meet/$path"
	done < <(echo index.html && grep -o '"GET /[^ ?]*\.[^ ?]*[^"]* HTTP/1.1" [23]' "$stage/access.log" | sed 's/"GET .//; s/[? ].*//' | grep -v '^about')
	find /usr/share/jitsi-meet -exec touch -d yesterday {} +
	a2enmod -q proxy proxy_http proxy_wstunnel rewrite
	cp "$stage/apache.conf" /etc/apache2/sites-available/meet.conf
	a2ensite -q meet
	echo ServerName localhost >/etc/apache2/conf-enabled/name.conf
	sed "s|^|meet.example.org:80 |; s|\[27/Nov/2026|[$(LC_ALL=C date -d yesterday +%d/%b/%Y)|; s|+0100\]|$(date +%z)]|" \
		"$stage/access.log" >/var/log/apache2/other_vhosts_access.log.1
	apache2ctl start
	# nginx, for its turn.
	cp "$stage/nginx.conf" /etc/nginx/sites-available/meet
	rm -f /etc/nginx/sites-enabled/default
	ln -s ../sites-available/meet /etc/nginx/sites-enabled/meet
	echo "127.0.0.1 loghost.example" >>/etc/hosts
}

# conferences repeats the requests of all clients in the log.
conferences() { perl "$stage/service.pl" visit "$stage/access.log"; }

# counts prints, from the log, how many addresses requested each room, and the hash of its name.
counts() {
	LC_ALL=C sed -nE 's#^(\S+) .*"[A-Z]+ /(\w+/)?(http-bind|xmpp-websocket|conference-request/v1|_unlock)\?room=([^ &]*)[^"]*" [123].*#\2\4 \1#p' "$stage/access.log" |
		sed 's/%c3%bc/ü/' | sort -u | cut -d' ' -f1 | uniq -c | while read -r n room; do
		echo "$n $(printf %s "$room" | sha1sum | cut -d' ' -f1)"
	done | sort -k2
}

# unit prints a setting of one of the package's units, or an administrator's override of it.
unit() { # NAME@INSTANCE.TYPE KEY
	local name=${1%%@*} type=${1##*.} instance=${1#*@}
	instance=${instance%.*}
	cat "/lib/systemd/system/$name@.$type" $(ls "/etc/systemd/system/$1.d/"*.conf 2>/dev/null) | sed ':a; /\\$/ { N; s/\\\n */ /; ba }' | sed -n "s/^$2=//p" | tail -n 1 |
		sed "s|%i|$instance|g; s|%f|/${instance//-//}|g; s/%%/%/g; s/\\$\\$/$/g"
}

declare -A held readers # descriptors of FIFOs, and the processes that read them

# read_fifo starts an instance's service with the descriptor that its socket holds.
read_fifo() { # hushpipe@INSTANCE.service
	LISTEN_FDS=1 bash -c "exec 3<&${held[$1]} ${held[$1]}<&-"'; LISTEN_PID=$$ exec "$@"' bash $(unit "$1" ExecStart) &
	readers[$1]=$!
}

# systemctl does what systemd would do.
systemctl() {
	local fifo socket
	case "$1 $2 ${3-}" in
	"start apache2 " | "stop apache2 ") apache2ctl "$1" && if [ "$1" = stop ]; then await gone apache2; fi ;;
	"reload apache2 ") apache2ctl graceful ;;
	"start nginx ") nginx ;;
	"reload nginx ") nginx -s reload ;;
	"stop nginx ") nginx -s quit && await gone nginx ;;
	"restart fail2ban ") mkdir -p /run/fail2ban && fail2ban-client -q start ;;
	"restart rsyslog ") # without the sockets of the machine
		printf 'global(workDirectory="/var/spool/rsyslog")\ninclude(file="/etc/rsyslog.d/hushpipe.conf")\n' >/run/rsyslog.conf
		mkdir -p /var/spool/rsyslog
		rsyslogd -f /run/rsyslog.conf -i /run/rsyslogd.pid
		;;
	"enable --now hushpipe-report@"*)
		command systemctl enable -q "$3"
		install -d "/var/lib/$(unit "${3%.*}.service" StateDirectory)"
		$(unit "${3%.*}.service" ExecStart)
		;;
	"enable --now hushpipe@"*)
		command systemctl enable -q "$3"
		socket=${3%.*}.socket
		fifo=$(unit "$socket" ListenFIFO)
		eval "$(unit "$socket" ExecStartPre)"
		mkdir -p -m 755 /run/hushpipe
		mkdir -m "$(unit "$socket" DirectoryMode)" "${fifo%/*}"
		mkfifo -m "$(unit "$socket" SocketMode)" "$fifo"
		exec {held[$3]}<>"$fifo"
		read_fifo "$3"
		;;
	"restart hushpipe@"*)
		kill -TERM "${readers[$2]}"
		wait "${readers[$2]}"
		read_fifo "$2"
		;;
	*) fail "systemctl $*" ;;
	esac
}
