package main

import (
	"os/exec"
	"slices"
	"strings"
)

// program is hushpipe or a rival: something to pipe a log into, or that reads one.
type program struct {
	name string
	does string
	pkg  string // Debian's
	// argv is run in an empty directory. It reads the log from stdin, where cat(1)
	// feeds it, if it does not name it.
	argv  []string
	unfed bool
	// lines are the files that the log's lines are in afterwards, as a glob or
	// several; stdout is a file of this name. Empty: what is left is no lines.
	lines string
	exit  int // status at the end of the input
}

// masking strikes out the last part of an IPv4 address, all but the first three
// of an IPv6 address.
const masking = `s/^([0-9]+\.[0-9]+\.[0-9]+)\.[0-9]+ /\1.0 /; s/^([0-9a-f]+:[0-9a-f]+:[0-9a-f]+):[0-9a-f:]+ /\1:: /`

// rivals are what stands behind a CustomLog, or masks addresses, or makes
// figures of logs. With their defaults, but that they delete nothing.
var rivals = []program{
	{name: "cat", does: "copies", pkg: "coreutils",
		argv: []string{"cat"}, lines: "stdout"},
	{name: "rotatelogs", does: "copies into daily files", pkg: "apache2-utils",
		argv: []string{"rotatelogs", "access-%Y-%m-%d.log", "86400"}, lines: "access-*.log"},
	{name: "cronolog", does: "copies into daily files", pkg: "cronolog",
		argv: []string{"cronolog", "access-%Y-%m-%d.log"}, lines: "access-*.log",
		exit: 3}, // whatever ends its reading
	{name: "s6-log", does: "copies, rotates by size", pkg: "s6",
		argv: []string{"s6-log", "n10000", "s268435455", "./out"}, lines: "out/current out/@*"},
	{name: "svlogd", does: "copies, rotates by size", pkg: "runit",
		argv: []string{"sh", "-c", `mkdir out && printf 's0\nn0\n' >out/config && exec svlogd out`}, lines: "out/current out/@*"},
	{name: "sed", does: "masks addresses", pkg: "sed",
		argv: []string{"sed", "-E", masking}, lines: "stdout"},
	{name: "mawk", does: "masks addresses", pkg: "mawk",
		argv: []string{"mawk", `{ sub(/[.:][0-9a-f]+ /, ".0 "); print }`}, lines: "stdout"},
	{name: "anonip", does: "masks addresses", pkg: "anonip",
		argv: []string{"anonip", "--output", "access.log"}, lines: "access.log"},
	{name: "goaccess", does: "makes figures", pkg: "goaccess",
		argv: []string{"goaccess", "--log-format=COMBINED", "--no-progress", "--output=report.html", "-"}},
}

// hushpipe is the program at that path, with its defaults.
func hushpipe(path string) program {
	return program{name: "hushpipe", does: "pseudonymises, counts, daily files",
		argv: []string{path, "filter", "log"}, lines: "log/access-*.log"}
}

// replay is hushpipe at that path, for archives.
func replay(path, log string) program {
	return program{name: "replay", does: "the same, of a file", argv: []string{path, "replay", "log", log}, unfed: true, lines: "log/access-*.log"}
}

// replayGzip is replay of a compressed log.
func replayGzip(path, log string) program {
	p := replay(path, log)
	p.name, p.does = "replay-gzip", "the same, of a gzip file"
	return p
}

func zcat(log string) program {
	return program{name: "zcat", does: "unpacks", pkg: "gzip", argv: []string{"zcat", log}, unfed: true, lines: "stdout"}
}

// only returns those of the programs that have the name.
func only(all []program, name string) []program {
	return slices.DeleteFunc(slices.Clone(all), func(p program) bool { return p.name != name })
}

// installed parts the rivals in those that this machine has and the others.
func installed() (have, missing []program) {
	for _, p := range rivals {
		if _, err := exec.LookPath(p.name); err != nil {
			missing = append(missing, p)
		} else {
			have = append(have, p)
		}
	}
	return have, missing
}

// version returns that of the Debian package, or "unknown".
func (p program) version() string {
	out, err := exec.Command("dpkg-query", "--show", "--showformat=${Version}", p.pkg).Output()
	if err != nil || len(out) == 0 {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
