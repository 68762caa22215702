#!/bin/sh
# Runs hushpipe on a sample log as if it had been written today, and shows the result. Writes to
# the given directory, or to a new one below /tmp.
set -eu
cd "$(dirname "$0")/.."
out=${1:-$(mktemp -d)}
mkdir -p "$out"
go build -o "$out/hushpipe" ./cmd/hushpipe || {
	# An older Go says "invalid go version", or tries to fetch a newer one.
	needs=$(sed -n 's/^go //p' go.mod)
	echo "hushpipe needs Go $needs or later, from https://go.dev/dl; this is: $(go version 2>&1)" >&2
	exit 1
}

# The dates of the sample are old, and hushpipe does not write lines past the retention.
today=$(LC_ALL=C date +%d/%b/%Y)
sed "s|\[[0-9][0-9]/[A-Z][a-z][a-z]/[0-9]*:|[$today:|" testdata/httpd/combined.log >"$out/sample.log"

"$out/hushpipe" filter "$out/log" <"$out/sample.log"

echo "What Apache wrote (3 of $(wc -l <"$out/sample.log") lines):"
grep -i room=standup "$out/sample.log" | head -n 3
echo
echo "What is on the disk ($out/log/access.log):"
grep -i room=standup "$out/log/access.log" | head -n 3
echo
echo "How many addresses used each room today ($out/log/rooms/):"
"$out/hushpipe" rooms "$out/log" | head -n 5
echo
room=standup
hash=$(printf %s "$room" | sha1sum | cut -d' ' -f1)
echo "One room by its name: printf %s $room | sha1sum"
grep "$hash" "$out/log/rooms/rooms-$(date +%F).log"
