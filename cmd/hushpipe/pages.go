package main

// The pages of report and traffic: their flags, and how a page replaces a file.

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"hushpipe/filter/dir"
	"hushpipe/format/page"
)

// pageFlags are the flags of a page, and its language.
type pageFlags struct{ title, privacy, language string }

func (o *pageFlags) define(flags *pflag.FlagSet, formats string) {
	flags.StringVar(&o.title, "title", "", "give the page `TEXT` as its title")
	flags.StringVar(&o.privacy, "privacy", "", "link to the privacy statement at `URL` from the page")
	flags.StringVar(&o.language, "lang", "", "write "+formats+" in `LANGUAGE`: en, de or no (default from the environment)")
}

// checkPageFlags returns an error if one of the page's flags, or of others, is empty,
// or if a flag describes a page but none is to be written.
func checkPageFlags(flags *pflag.FlagSet, others ...string) error {
	for _, name := range append(others, "html", "pages", "title", "privacy") {
		if f := flags.Lookup(name); f != nil && f.Changed && f.Value.String() == "" {
			return usage("--%s is empty", name)
		}
	}
	for _, name := range []string{"title", "privacy"} {
		if flags.Changed(name) && !flags.Changed("html") && !flags.Changed("pages") {
			return usage("--%s is for a page; hint: give --html FILE", name)
		}
	}
	if privacy := flags.Lookup("privacy").Value.String(); privacy != "" && !linkable(privacy) {
		return usage("--privacy %q is not valid; hint: give a web address, as https://example.org/privacy or /privacy", privacy)
	}
	return nil
}

// publish replaces a page. Everybody can read it.
func publish(text []byte, file string) error {
	if err := checkPage(file); err != nil {
		return err
	}
	return dir.Publish(file, text)
}

// linkable reports whether a page can link to the address: a web address, or a path on
// the page's server.
func linkable(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	return u.Scheme == "" && u.Host == "" && u.Path != "" || (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// checkDirectory checks --pages: hushpipe writes to a directory of the web server, and
// does not create it.
func checkDirectory(path string) error {
	st, err := os.Stat(path)
	var at *fs.PathError
	switch {
	case errors.As(err, &at):
		return fmt.Errorf("%s: %w; hint: create it", path, at.Err)
	case err == nil && !st.IsDir():
		return fmt.Errorf("%s: is not a directory; hint: for one page, give --html FILE", path)
	}
	return err
}

// checkPage returns an error if path is a file other than an HTML page. A mistyped path
// could replace room files or lines, of which there is no other copy.
func checkPage(path string) error {
	if st, err := os.Lstat(path); err != nil || !st.Mode().IsRegular() {
		return nil // errors are reported when it is written
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	head := make([]byte, len(page.Head))
	if n, _ := io.ReadFull(f, head); n > 0 && !strings.EqualFold(string(head[:n]), page.Head) {
		return fmt.Errorf("%s: already exists and is not an HTML page; hint: name another file, or remove it", path)
	}
	return nil
}
