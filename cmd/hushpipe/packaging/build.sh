#!/usr/bin/env bash
# Makes hushpipe_VERSION_ARCH.deb and .tar.gz for amd64 and arm64, or for the
# architectures in ARCHS, in the directory given, or in packaging/dist. The same
# commit gives the same bytes, wherever and whenever it is built by the same Go
# and the same dpkg.
set -euo pipefail
umask 022
export LC_ALL=C TZ=UTC
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../../.."
out=${1:-$here/dist}
mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The nearest tag v1.2.3, and behind it how many commits follow; without a tag all
# of them. What is not committed makes it another version.
if tag=$(git describe --tags --match 'v[0-9]*' --abbrev=0 2>/dev/null); then
	version=${tag#v}
	version=${version//-/\~} # v1.2.3-rc1 comes before v1.2.3, deb-version(7)
	after=$(git rev-list --count "$tag..HEAD")
else
	version=0
	after=$(git rev-list --count HEAD)
fi
[ "$after" = 0 ] || version+="+$after.g$(git rev-parse --short=12 HEAD)"
[ -z "$(git status --porcelain)" ] || version+=+dirty
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) # dpkg-deb and gzip take it
export SOURCE_DATE_EPOCH
maintainer=$(git log -1 --format='%an <%ae>')

build() { # ARCH FILE
	GOFLAGS= CGO_ENABLED=0 GOOS=linux GOARCH=$1 go build -trimpath -buildvcs=false \
		-ldflags "-s -w -X main.release=$version" -o "$2" ./cmd/hushpipe
}

# licences prints what is in a binary: each module, its version and its terms.
licences() { # FILE
	section "The Go standard library and runtime, $(go env GOVERSION)" "$(go env GOROOT)"/LICENSE
	section "uPlot, in pages of reports" format/page/uPlot.LICENSE
	section "Lists of robots, in format/agent/robots.txt" format/agent/robots.LICENSE
	go version -m "$1" | while read -r kind module release _; do # "dep PATH VERSION SUM"
		[ "$kind" = dep ] || continue
		dir=$(go list -m -f '{{.Dir}}' "$module")
		section "$module $release" "$dir"/{LICENSE*,License,COPYING*,NOTICE*}
		# Some name their authors in the sources alone.
		find "$dir" -maxdepth 1 -name '*.go' -exec cat {} + | sed -n 's|^[/* ]*\(Copyright .*[0-9]\{4\}.*\)|\1|p' | sort -u
	done
}

section() { # TITLE FILE…: of the files those that are there
	local file found=
	printf '\n=== %s ===\n\n' "$1"
	for file in "${@:2}"; do
		[ ! -f "$file" ] || { cat "$file"; found=yes; }
	done
	[ -n "$found" ] || { echo "$1: no licence found" >&2; exit 1; }
}

# copyright prints who wrote what is in the list of licences.
copyright() { # FILE
	cat <<-EOF
		hushpipe $version is free software under the Apache License, Version 2.0; on Debian
		its text is in /usr/share/common-licenses/Apache-2.0.

		Copyright: the authors of hushpipe

		The program contains what follows, each under its own terms (BSD, MIT, ISC, Apache-2.0).
		licences.gz beside this file has these in full.
	EOF
	sed -n '/^=== /{s/^=* /\n/; s/ =*$//; p}; /Free Software Foundation/d; /^[ *]*\(Portions \)\?Copyright .*[0-9]\{4\}/s/^[ *]*/  /p' "$1" | uniq
}

# put installs packaging/FILE as DIR/NAME.
put() { # FILE PATH
	install -D -m 644 "$here/$1" "$tree/$2"
}

program=$work/hushpipe # one that runs here, for what it prints itself
build "$(go env GOHOSTARCH)" "$program"

for arch in ${ARCHS:-amd64 arm64}; do
	tree=$work/$arch
	doc=$tree/usr/share/doc/hushpipe
	mkdir -p "$tree/usr/bin" "$doc/examples"
	if [ "$arch" = "$(go env GOHOSTARCH)" ]; then
		cp "$program" "$tree/usr/bin/hushpipe"
	else
		build "$arch" "$tree/usr/bin/hushpipe"
	fi

	for page in "$here"/man/*; do
		install -D -m 644 -t "$tree/usr/share/man/man${page##*.}" "$page"
	done
	gzip -9n "$tree"/usr/share/man/man*/*
	for shell in bash:bash-completion/completions/hushpipe zsh:zsh/vendor-completions/_hushpipe \
		fish:fish/vendor_completions.d/hushpipe.fish; do
		mkdir -p "$(dirname "$tree/usr/share/${shell#*:}")"
		"$program" completion "${shell%%:*}" >"$tree/usr/share/${shell#*:}"
	done
	for unit in "$here"/systemd/hushpipe*; do
		put "systemd/${unit##*/}" "lib/systemd/system/${unit##*/}"
	done
	put systemd/apache2.service.d/hushpipe.conf lib/systemd/system/apache2.service.d/hushpipe.conf
	# Enabled for the directory of the package, without a state in /etc.
	mkdir -p "$tree/lib/systemd/system/timers.target.wants"
	ln -s ../hushpipe-purge@.timer "$tree/lib/systemd/system/timers.target.wants/hushpipe-purge@var-log-hushpipe.timer"
	put sysusers.d/hushpipe.conf usr/lib/sysusers.d/hushpipe.conf
	put tmpfiles.d/hushpipe.conf usr/lib/tmpfiles.d/hushpipe.conf
	put rsync/rsync etc/hushpipe/rsync
	put redis/redis etc/hushpipe/redis
	put apache2/hushpipe.conf etc/apache2/conf-available/hushpipe.conf
	# These do nothing until a jail uses them; the jail is an example.
	put fail2ban/action.conf etc/fail2ban/action.d/hushpipe.conf
	put fail2ban/filter.conf etc/fail2ban/filter.d/hushpipe.conf
	put fail2ban/jail.conf usr/share/doc/hushpipe/examples/fail2ban-jail.conf
	install -D -m 755 "$here/fail2ban/fail2ban" "$tree/usr/libexec/hushpipe/fail2ban"
	put rsyslog/hushpipe.conf usr/share/doc/hushpipe/examples/rsyslog.conf
	put grafana/hushpipe.json usr/share/doc/hushpipe/examples/grafana.json
	put prometheus/hushpipe.rules.yml usr/share/doc/hushpipe/examples/prometheus.rules.yml
	put debian/lintian-overrides usr/share/lintian/overrides/hushpipe
	install -m 644 CHANGELOG.md README.md "$doc"
	gzip -9n "$doc/CHANGELOG.md"
	licences "$tree/usr/bin/hushpipe" >"$doc/licences"
	copyright "$doc/licences" >"$doc/copyright"
	gzip -9n "$doc/licences"
	# What is in it by the checksums of go.sum, for tools that look for known faults.
	go version -m "$tree/usr/bin/hushpipe" | sed "1s|.*|hushpipe $version: $(go env GOVERSION)|" >"$doc/modules"
	printf 'hushpipe (%s) unstable; urgency=medium\n\n  * See CHANGELOG.md.gz.\n\n -- %s  %s\n' \
		"$version" "$maintainer" "$(date -R -d "@$SOURCE_DATE_EPOCH")" | gzip -9n >"$doc/changelog.gz"

	# The same tree with the licence, and without what is Debian's: to be unpacked in /.
	cp LICENSE "$doc"
	find "$tree" -print0 | xargs -0 touch -h -d "@$SOURCE_DATE_EPOCH"
	tar -C "$tree" --sort=name --owner=0 --group=0 --numeric-owner --exclude=./usr/share/lintian \
		-cf - . | gzip -9n >"$out/hushpipe_${version}_$arch.tar.gz"
	rm "$doc/LICENSE"

	mkdir "$tree/DEBIAN"
	(cd "$tree" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | sort -z | xargs -0 md5sum) >"$tree/DEBIAN/md5sums"
	(cd "$tree" && find etc -type f -printf '/%p\n' | sort) >"$tree/DEBIAN/conffiles"
	sed -e "s|@VERSION@|$version|; s|@ARCH@|$arch|; s|@MAINTAINER@|$maintainer|" \
		-e "s|@SIZE@|$(du -k -s --apparent-size "$tree" | cut -f1)|" "$here/debian/control" >"$tree/DEBIAN/control"
	for script in postinst prerm postrm; do
		install -m 755 "$here/debian/$script" "$tree/DEBIAN"
	done
	find "$tree" -print0 | xargs -0 touch -h -d "@$SOURCE_DATE_EPOCH"
	# One thread: where memory is short, dpkg takes fewer, and they cut blocks.
	dpkg-deb --root-owner-group -Zxz --threads-max=1 --build "$tree" "$out/hushpipe_${version}_$arch.deb" >/dev/null
	printf '%s\n' "$out/hushpipe_${version}_$arch.deb" "$out/hushpipe_${version}_$arch.tar.gz"
done
