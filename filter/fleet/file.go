package fleet

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"hushpipe/filter/fleet/ratchet"
	"hushpipe/format/roomfile"
)

// File is the file that all hosts of a fleet have. It contains no secret. A line is a word
// and its value; lines that begin with # are comments.
type File struct {
	Name   string   // see ratchet.CheckName
	Engine string   // redis:// or rediss:// and HOST:PORT,…, or unix:// and a path; "": none
	Hosts  []string // expected hosts; nil: not listed
	// User is the hosts' user name at the engine, and Password the path of a file.
	User, Password string
	// CA is the path of the certificates that sign the engine's; Cert and Key are the hosts'
	// client certificate.
	CA, Cert, Key string
}

// maxFile bounds the size of the file, in bytes.
const maxFile = 64 << 10

// ReadFile reads the file at path.
func ReadFile(path string) (File, error) {
	f, err := os.Open(path)
	if err != nil {
		return File{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return File{}, err
	}
	file, err := parseFile(text)
	if err != nil {
		err = &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return file, err
}

// parseFile parses the contents of the file.
func parseFile(text []byte) (f File, err error) {
	if len(text) > maxFile {
		return File{}, errors.New("is too large to be a fleet's file")
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		word, value, _ := strings.Cut(line, " ")
		value = strings.TrimSpace(value)
		if word == "host" {
			if err := roomfile.CheckHost(value); err != nil {
				return File{}, fmt.Errorf("line %d: %w", n, err)
			}
			f.Hosts = append(f.Hosts, value)
			continue
		}
		to := map[string]*string{"name": &f.Name, "engine": &f.Engine, "user": &f.User, "password": &f.Password,
			"ca": &f.CA, "cert": &f.Cert, "key": &f.Key}[word]
		switch {
		case to == nil:
			return File{}, fmt.Errorf("line %d: an unknown word; hint: see hushpipe-fleet-new(1)", n)
		case value == "":
			return File{}, fmt.Errorf("line %d: has nothing after its first word", n)
		case *to != "":
			return File{}, fmt.Errorf("line %d: a second %s; hint: remove one", n, word)
		}
		*to = value
		if err := f.check(word); err != nil {
			return File{}, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if f.Name == "" {
		return File{}, errors.New("has no name; hint: make it with hushpipe fleet new")
	}
	return f, nil
}

// check returns an error for an invalid value of a word.
func (f File) check(word string) error {
	switch word {
	case "name":
		return ratchet.CheckName(f.Name)
	case "engine":
		_, _, err := f.Addresses()
		return err
	case "password": // a password given here by mistake must not appear in an error about a missing file
		if !filepath.IsAbs(f.Password) {
			return errPassword
		}
	}
	return nil
}

var errPassword = errors.New("is not the path of a file; hint: write the absolute path of the file that has the password")

var errEngine = errors.New("is not an engine; hint: write redis://HOST:PORT, rediss://HOST:PORT for TLS, or unix:///PATH; for a cluster several, separated by commas")

// Addresses returns the engine's addresses, HOST:PORT each or the path of a socket, and
// whether it uses TLS.
func (f File) Addresses() (addresses []string, tls bool, err error) {
	scheme, rest, _ := strings.Cut(f.Engine, "://")
	if scheme == "unix" && strings.HasPrefix(rest, "/") {
		return []string{rest}, false, nil
	}
	if scheme != "redis" && scheme != "rediss" {
		return nil, false, errEngine
	}
	for _, address := range strings.Split(rest, ",") {
		host, port, err := net.SplitHostPort(address)
		if number, _ := strconv.ParseUint(port, 10, 16); err != nil || host == "" || number == 0 {
			return nil, false, errEngine
		}
		addresses = append(addresses, address)
	}
	return addresses, scheme == "rediss", nil
}

// AppendText appends the file's text in the format of parseFile.
func (f File) AppendText(dst []byte) []byte {
	return fmt.Appendf(dst, "# A fleet: hosts that share the keys of their days, see hushpipe-fleet(1). All of them\n"+
		"# have this file. It holds no secret.\nname %s\n", f.Name)
}
