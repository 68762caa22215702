// Command hushpipe reads a web server's access log as it is written, replaces
// the clients' addresses by pseudonyms before anything reaches a disk, keeps
// the lines for a number of days, and counts the users of conference rooms.
//
// This package owns flags, signals, exit codes, messages, confinement and the wiring.
// Imports run one way: format is how bytes look, filter is what happens to them, store
// is the directory that they go to, and this package talks to people. Below them:
//
//	format             LogFormat strings, lines and their fields, JSON lines, dates
//	format/machine     vector instructions, in assembly
//	format/roomfile    the daily room file
//	format/report      figures as text, CSV, JSON, Markdown and a page; languages
//	format/statement   the privacy notice: claims as sentences
//	format/metrics     the file of --metrics
//	format/serverconf  what httpd's and nginx's configurations log, where to, in which format
//	filter             the line loop, on one processor or on all; the leak guard,
//	                   redaction, the buffer before the disk
//	filter/calendar    days, and where a line belongs
//	filter/archive     plain and compressed files as one stream of blocks, read ahead
//	filter/pseudonym   addresses, ipcrypt, sub-keys
//	filter/rooms       room URLs, canonical names, exact distinct counts
//	filter/journal     checksummed frames of opaque bytes
//	filter/dir         DIR as names, modes, owners and locks; every name in it
//	filter/daylog      lines to the files of their days
//	filter/keyring     the keys of days and the secret of room names
//	filter/retention   the clock that is believed, rules, what is deleted when; the
//	                   goroutine that does it
//	filter/counts      journals of all processes, their union, the room files
//	filter/reveal      for a pseudonym the key of its day, and the lines that hold it
//	filter/statistics  the room files of a period, from DIRs and archives
//	filter/registry    the records and counters of processes
//	filter/audit       what status, audit, --check and replay see of a DIR
//	filter/claims      what holds of a log, as a list: for statement to say
//	store              DIR as a whole: the packages of filter, wired for one stream
//	bench              the generator of traffic, benchmarks, the rivals
//
// The texts of help and of the man pages are in manual, in Markdown.
package main
