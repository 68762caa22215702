// Command hushpipe reads a web server's access log as it is written, replaces
// the clients' addresses by pseudonyms before anything reaches a disk, keeps
// the lines for a number of days, and counts the users of conference rooms.
//
// This package contains flags, signals, exit codes, messages, confinement and wiring:
//
//   - each command is in the file of its name, and its flags are in *flags.go;
//     fleetkeys.go has fleet new, invite, rekey and ship, and fleetengine.go fleet collect
//   - filter.go runs filter on flags, and policyrun.go on a policy; policycheck.go explains
//     a policy, and policygates.go opens and closes its gates
//   - input.go opens --input, metrics.go writes --metrics, account.go is for --user
//   - wrongflags.go, commandline.go and recordedsettings.go are for a filter whose command
//     line is wrong
//   - confine_linux.go and seccomp_linux.go take away what the process does not need
//   - messagelog.go writes messages, summary.go the losses, stdio.go has the standard streams
//   - pages.go is for the pages of report and traffic, datasubject.go for the person that
//     find and erase look for, and actslog.go for the record of using them
//
// Imports run one way: format is how bytes look, filter is what happens to them, and
// this package talks to people. The packages:
//
//	format                  log formats, lines and their fields, JSON lines, dates
//	format/agent            user agents: robots, browsers, systems
//	format/civil            dates without a time zone
//	format/machine          vector instructions, in assembly
//	format/metrics          the file of --metrics
//	format/page             what HTML pages share: style, charts, a content policy
//	format/policy           the policy file: its keys, and the position of each error
//	format/prose            numbers, lists and tables as people read them
//	format/referrer         where a request came from
//	format/roomfile         the daily room file
//	format/report           figures as text, CSV, JSON, Markdown and a page; languages
//	format/serverconf       what httpd's and nginx's configurations log, where to, in which
//	                        format
//	format/spelling         the name most similar to a wrong one
//	format/statement        the privacy notice: claims as sentences
//	format/trafficfile      the daily file of traffic figures
//	format/trafficreport    traffic figures as text, CSV, JSON and a page
//	filter                  the line loop, on one processor or on all; which fields of a
//	                        line are kept, the buffer before the disk
//	filter/acts             acts.log: who looked for a person or erased lines, and why
//	filter/archive          plain and compressed files as one stream of blocks, read ahead
//	filter/audit            what status, audit, --check and replay see of a DIR
//	filter/calendar         days, hours of working days, and where a line belongs
//	filter/claims           what a policy or flags promise, as a list of claims
//	filter/counters         counters of lines and processes, each declared once
//	filter/country          the country of an address, from a database
//	filter/counts           journals of all processes, their union, the room files
//	filter/daylog           writes lines to the files of their days
//	filter/dir              names, modes, owners and locks of files in DIR
//	filter/engine           Valkey or Redis, one server or a cluster
//	filter/entries          a limit on the number of lines
//	filter/fleet            one count for several hosts
//	filter/fleet/ratchet    the keys that hosts share
//	filter/freetext         removes addresses and names from typed text, such as a reason
//	filter/groups           lines that wait until their group has enough people
//	filter/guard            the leak guard: finds addresses in text and replaces them
//	filter/input            the log as it comes: a pipe that keeps what is not committed,
//	                        a FIFO, a raw file
//	filter/journal          checksummed frames of opaque bytes
//	filter/keyring          the keys of days and the secret of room names
//	filter/need             what tests need from the machine; only tests import it
//	filter/pairs            pairs of room and address in an engine, and their counts
//	filter/policies         which policy ran when
//	filter/pseudonym        addresses, ipcrypt, sub-keys
//	filter/recent           a cache of the most recent entries
//	filter/registry         the records and counters of processes
//	filter/reread           written lines: their days, reversing pseudonyms, falsifying a
//	                        person's lines
//	filter/retention        which clock to trust, rules, what is deleted when; the
//	                        goroutine that deletes
//	filter/reveal           for a pseudonym, the key of its day and the lines with it
//	filter/rooms            room URLs, canonical names, exact distinct counts
//	filter/statistics       the room files of a period, from DIRs and archives
//	filter/store            DIR as a whole: combines these packages for one stream
//	filter/terms            checks a policy against the format, DIR and this version
//	filter/traffic          visits, pages and sources of a day, counted line by line
//	filter/trafficlog       journals of traffic figures, and the files made from them
//	filter/treatment        how a policy treats each field
//	filter/turn             the lock that is held while waiting for the disk
//	filter/where            the conditions of a policy
//	cmd/hushpipe/early      handles signals before the rest of the program starts
//	bench                   traffic generator, benchmarks, comparison with other programs
//
// The texts of help and of the man pages are in manual, in Markdown.
package main
