#!/bin/sh
# Installs what the tests need beside Go: a real Apache httpd (package apache2).
set -eu
[ -x /usr/sbin/apache2 ] && exit 0
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
$sudo apt-get update -q
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -q -y apache2
