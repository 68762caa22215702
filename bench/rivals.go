package main

import (
	"os/exec"
	"slices"
	"strings"
)

// program is hushpipe or a rival, which reads a log from a pipe or a file.
type program struct {
	name string
	does string
	pkg  string // Debian package
	// argv runs in an empty directory. It reads the log from stdin, which cat(1) feeds, unless
	// it names the log.
	argv  []string
	unfed bool
	// lines is one or more patterns for the files with the log's lines; stdout is a file with
	// this name. It is empty if the output has no lines.
	lines string
	exit  int // exit status at the end of the input
}

// masking removes the last part of an IPv4 address, and all but the first three parts of an IPv6
// address.
const masking = `s/^([0-9]+\.[0-9]+\.[0-9]+)\.[0-9]+ /\1.0 /; s/^([0-9a-f]+:[0-9a-f]+:[0-9a-f]+):[0-9a-f:]+ /\1:: /`

// rivals are programs that stand behind a CustomLog, mask addresses, or produce figures. They
// run with their defaults, except that they delete nothing.
var rivals = []program{
	{name: "cat", does: "copies", pkg: "coreutils",
		argv: []string{"cat"}, lines: "stdout"},
	{name: "rotatelogs", does: "copies into daily files", pkg: "apache2-utils",
		argv: []string{"rotatelogs", "access-%Y-%m-%d.log", "86400"}, lines: "access-*.log"},
	{name: "cronolog", does: "copies into daily files", pkg: "cronolog",
		argv: []string{"cronolog", "access-%Y-%m-%d.log"}, lines: "access-*.log",
		exit: 3}, // however its input ends
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

// hushpipe returns the program at that path, with its defaults.
func hushpipe(path string) program {
	return program{name: "hushpipe", does: "pseudonymises, counts, daily files",
		argv: []string{path, "filter", "log"}, lines: "log/access-*.log"}
}

// replay returns hushpipe at that path, for archives.
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

// only returns the programs with that name.
func only(all []program, name string) []program {
	return slices.DeleteFunc(slices.Clone(all), func(p program) bool { return p.name != name })
}

// installed splits the rivals into those that this machine has and the others.
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

// version returns the version of the Debian package, or "unknown".
func (p program) version() string {
	out, err := exec.Command("dpkg-query", "--show", "--showformat=${Version}", p.pkg).Output()
	if err != nil || len(out) == 0 {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
