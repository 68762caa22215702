// Package serverconf implements how Apache's httpd and nginx say what they log: it
// reads a configuration that the server itself has listed, and returns each directive
// that makes it write what its clients do, with the format and the virtual host.
package serverconf

// Kind is what a log holds.
type Kind uint8

const (
	Access Kind = iota // a line for each request, in a format
	Error              // messages, which name clients
	Other              // of a module: Log.Holds says what
)

// Place is where a directive stands. Line 0 is a default that no directive sets; File
// is the main file then.
type Place struct {
	File string
	Line int
}

// Log is a directive that makes the server write what clients do, or a default.
type Log struct {
	Place
	Kind      Kind
	Directive string // its name, as it stands
	Text      string // all of it, in one line
	Target    string // a path, '|' and a command, or syslog:…, in which variables are resolved
	Host      Place  // of the <VirtualHost> around it, zero for none

	// Format is the text of the format of an access log: a LogFormat string, or nginx's
	// log_format. Nickname is what the directive says instead, as it stands; Rest is what
	// follows that, such as env=.
	Format, Nickname, Rest string

	// Holds says of a directive of Kind Other what it writes, and of nginx's access log
	// which variable in it is an address, or may be; "" for none.
	Holds string
}
