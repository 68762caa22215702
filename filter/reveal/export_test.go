package reveal

import "io"

// Overwrite has a test see each write of Falsify.
func (f *Found) Overwrite(to io.WriterAt, now, changed []byte, at int64) error {
	return f.overwrite(to, now, changed, at)
}
