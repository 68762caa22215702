// Command hushpipe reads a web server's access log as it is written, replaces
// the clients' addresses by pseudonyms before anything reaches a disk, keeps
// the lines for a number of days, and counts the users of conference rooms.
//
// This package contains flags, signals, exit codes, messages, confinement and wiring.
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
//	format/spelling         the name that somebody meant
//	format/statement        the privacy notice: claims as sentences
//	format/trafficfile      the daily file of traffic figures
//	format/trafficreport    traffic figures as text, CSV, JSON and a page
//	filter                  the line loop, on one processor or on all; which fields of a
//	                        line are kept, the buffer before the disk
//	filter/acts             acts.log: who looked for a person or erased lines, and why
//	filter/archive          plain and compressed files as one stream of blocks, read ahead
//	filter/audit            what status, audit, --check and replay see of a DIR
//	filter/calendar         days, hours of working days, and where a line belongs
//	filter/claims           what holds of a log, as a list: for statement to say
//	filter/counters         what is counted of lines and processes, each declared once
//	filter/country          the country of an address, by a database
//	filter/counts           journals of all processes, their union, the room files
//	filter/daylog           lines to the files of their days
//	filter/dir              DIR as names, modes, owners and locks; every name in it
//	filter/engine           Valkey or Redis, one server or a cluster
//	filter/entries          a bound on the number of lines
//	filter/fleet            one count of several hosts
//	filter/fleet/ratchet    the keys that hosts share
//	filter/freetext         what is kept of a text that a person types, such as a reason
//	filter/groups           lines that wait until there are enough people
//	filter/guard            the leak guard: of a text what may be written, with pseudonyms
//	filter/input            the log as it comes: a pipe that keeps what is not committed,
//	                        a FIFO, a raw file
//	filter/journal          checksummed frames of opaque bytes
//	filter/keyring          the keys of days and the secret of room names
//	filter/need             what a test needs of the machine; only tests import it
//	filter/pairs            pairs of room and address in an engine, and their counts
//	filter/policies         which policy ran when
//	filter/pseudonym        addresses, ipcrypt, sub-keys
//	filter/recent           a table of what was put into it last
//	filter/registry         the records and counters of processes
//	filter/reread           lines that were written: their days, pseudonyms turned back, a
//	                        person's lines made nobody's
//	filter/retention        the clock that is believed, rules, what is deleted when; the
//	                        goroutine that does it
//	filter/reveal           for a pseudonym the key of its day, and the lines that hold it
//	filter/rooms            room URLs, canonical names, exact distinct counts
//	filter/statistics       the room files of a period, from DIRs and archives
//	filter/store            DIR as a whole: these put together for one stream
//	filter/terms            what a policy may ask of the format, of DIR and of this version
//	filter/traffic          visits, pages and sources of a day, counted line by line
//	filter/trafficlog       journals of traffic figures, and the files that come of them
//	filter/treatment        what becomes of a field that a policy names
//	filter/turn             the lock that is held while the disk is waited for
//	filter/where            the conditions of a policy
//	cmd/hushpipe/early      signals, before the rest of the program starts
//	bench                   the generator of traffic, benchmarks, the rivals
//
// The texts of help and of the man pages are in manual, in Markdown.
package main
