package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"hushpipe/filter/dir"
	"hushpipe/filter/traffic"
	"hushpipe/format/civil"
	"hushpipe/format/statement"
)

// traffic checks the files of traffic figures, and returns their number. least is the
// claimed minimum of networks per name; looked is an addition to Row.Looked.
func (a *auditor) traffic(s *stream, least int) (n int, looked string) {
	of := rowFor(statement.KindFigures)
	at := filepath.Join(s.Path, dir.Traffic)
	entries, err := os.ReadDir(at)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			s.notProvable(of, at+" cannot be read")
		}
		return 0, ""
	}
	var names map[string]civil.Day
	if text, err := readFigures(filepath.Join(at, dir.NamesName)); err == nil {
		names = traffic.ParseNames(text)
	}
	today := civil.DayOf(a.Now)
	var others []int // other minimums found in files
	for _, e := range entries {
		path := filepath.Join(at, e.Name())
		day, behind, ok := dir.DayOf(dir.Traffic, e.Name())
		info, err := e.Info()
		switch {
		case errors.Is(err, fs.ErrNotExist), e.Name() == dir.NamesName, dir.IsTemp(e.Name()):
			continue
		case !ok:
			s.notProvable(of, path+" is another program's, and is not looked at")
			continue
		case behind == dir.HostsSuffix, behind == dir.PartialSuffix: // of several hosts
			continue
		}
		n++
		text, err := readFigures(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.notProvable(of, path+" cannot be read to its end")
			continue
		}
		private := info.Mode().Perm()&0o077 == 0 // names are only decided when the day is over
		if day >= today && !private && behind == "" {
			s.fault(of, Fault{File: path, What: "others can read it before its day is over: its changes tell minutes", Do: "chmod 0600 " + path})
		}
		p := traffic.Proof{Names: names}
		if private {
			p.Names = nil
		} else if names == nil {
			s.notProvable(of, filepath.Join(at, dir.NamesName)+" is missing, which records since when the figures have names")
		}
		p.Look(day, text)
		for _, f := range p.Flaws {
			s.fault(of, Fault{File: path, Line: f.Line, What: f.What, Do: "delete the file, or the line"})
		}
		if p.Later {
			s.notProvable(of, path+" has words of another version: of those only the look is known")
		}
		if p.Full {
			s.notProvable(of, filepath.Join(at, dir.NamesName)+" has as many names as are kept: whether others in "+path+" had enough networks is not known")
		}
		if p.Groups > 0 && p.Groups < least && !slices.Contains(others, p.Groups) {
			others = append(others, p.Groups)
		}
	}
	for _, n := range others {
		looked += fmt.Sprintf("; some were counted with --min-group %d, and fit that", n)
	}
	return n, looked
}
