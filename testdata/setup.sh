#!/bin/sh
# Installs what the tests need besides Go: a real Apache httpd, with pidwait, on which its package
# depends; the tools of ext4, for broken disks; a browser; strace, for calls that fail; Node.js, for
# JavaScript's strings; and Debian packages given as arguments. It starts no service.
set -eu
PATH=$PATH:/usr/sbin:/sbin
for tool in apache2 pidwait mkfs.ext4 chattr chromium strace node; do
	command -v $tool >/dev/null || missing=1
done
[ "${missing-}$*" ] || exit 0
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo

# Packages ask this before they start a service, with or without systemd (invoke-rc.d(8)).
policy=/usr/sbin/policy-rc.d
if ! [ -e $policy ]; then
	trap '$sudo rm -f $policy' EXIT
	trap 'exit 1' HUP INT TERM
	printf '#!/bin/sh\nexit 101\n' | $sudo install -m 755 /dev/stdin $policy
fi
for server in apache2 nginx fail2ban redis-server; do
	[ -e /etc/init.d/$server ] || new="${new-} $server"
done

$sudo apt-get update -q
# chromium recommends a printer's configuration, avahi and more daemons.
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
	apache2 e2fsprogs chromium fonts-dejavu-core strace nodejs "$@"
# Otherwise, the next boot would start it.
for server in ${new-}; do
	! [ -e /etc/init.d/$server ] || $sudo update-rc.d $server disable
done
