#!/bin/sh
# Installs what the tests need beside Go: a real Apache httpd with pidwait, on
# which its package depends, the tools of ext4 for disks that break, and a browser.
set -eu
PATH=$PATH:/usr/sbin:/sbin
for tool in apache2 pidwait mkfs.ext4 chattr chromium; do
	command -v $tool >/dev/null || missing=1
done
[ "${missing-}" ] || exit 0
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
$sudo apt-get update -q
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -q -y apache2 e2fsprogs chromium fonts-dejavu-core
