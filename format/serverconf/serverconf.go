// Package serverconf implements the log directives of Apache's httpd and nginx: it reads a
// configuration as the server itself lists it, and returns each directive that makes the server
// record what its clients do, with its format and virtual host. Command check uses it.
package serverconf

// Kind is the content of a log.
type Kind uint8

const (
	Access Kind = iota // a line for each request, in a format
	Error              // messages, which name clients
	Other              // of a module, see Log.Holds
)

// Place is the position of a directive. Line is 0 for a default that no directive sets; File is
// then the main file.
type Place struct {
	File string
	Line int
}

// Log is a directive, or a default, that makes the server record what clients do.
type Log struct {
	Place
	Kind      Kind
	Directive string // its name as spelled
	Text      string // the whole directive in one line
	Target    string // a path, '|' and a command, or syslog:…, with variables resolved
	Host      Place  // of the surrounding <VirtualHost>, zero for none

	// Format is the format of an access log: a LogFormat string, or nginx's log_format. Nickname
	// is what the directive itself gives, a nickname or a format; Rest is what follows, such as
	// env=.
	Format, Nickname, Rest string

	// Holds describes, for Kind Other, what the directive records. For nginx's access logs, it
	// is a variable of the format that is or may be an address, "" for none.
	Holds string
}
