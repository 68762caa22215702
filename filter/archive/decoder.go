package archive

import (
	"bufio"
	"bytes"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// kind is the compression of a file. It is detected from the first bytes: names are
// unreliable after rotation scripts, and no log line begins with such bytes.
type kind uint8

const (
	plain   kind = iota
	gzipped      // RFC 1952, section 2.3.1
	zstded       // RFC 8878, sections 3.1.1 and 3.1.2
)

// magicSize is the number of bytes needed to detect the kind.
const magicSize = 10

// others are kinds that cannot be read, with a program that can.
var others = []struct{ magic, program string }{
	{"\xfd7zXZ\x00", "xzcat"},
	{"BZh91AY&SY", "bzcat"},
	{"\x04\x22\x4d\x18", "lz4cat"},
	{"\x1f\x9d", "zcat"}, // of compress(1)
}

func kindOf(magic []byte) (kind, error) {
	has := func(s string) bool { return bytes.HasPrefix(magic, []byte(s)) }
	switch {
	case has("\x1f\x8b"):
		return gzipped, nil
	case has("\x28\xb5\x2f\xfd"), len(magic) >= 4 && magic[0]&0xf0 == 0x50 && string(magic[1:4]) == "\x2a\x4d\x18":
		return zstded, nil
	}
	for _, o := range others {
		if has(o.magic) {
			return plain, fmt.Errorf("is compressed in an unknown format; hint: unpack it with %s", o.program)
		}
	}
	return plain, nil
}

// checkText refuses text in UTF-16 or UTF-32, detected from a byte order mark (RFC 2781,
// section 3.2; Unicode, section 23.8) or two ASCII characters. Shell redirection on Windows
// writes such logs.
func checkText(begin []byte) error {
	for _, u := range [...]struct {
		name, mark string
		size, low  int // size of an ASCII character, and offset of its byte that is not 0
	}{
		{"UTF-32LE", "\xff\xfe\x00\x00", 4, 0},
		{"UTF-32BE", "\x00\x00\xfe\xff", 4, 3},
		{"UTF-16LE", "\xff\xfe", 2, 0},
		{"UTF-16BE", "\xfe\xff", 2, 1},
	} {
		if bytes.HasPrefix(begin, []byte(u.mark)) {
			return &encodingError{u.name[:len("UTF-16")]} // iconv detects the byte order from the mark, and drops it
		}
		if isASCIIOf(begin, u.size, u.low) {
			return &encodingError{u.name}
		}
	}
	return nil
}

type encodingError struct{ name string }

func (e *encodingError) Error() string {
	return fmt.Sprintf("is %s; hint: convert it with iconv -f %s -t UTF-8", e.name, e.name)
}

// isASCIIOf reports whether b begins with two ASCII characters, or is one.
func isASCIIOf(b []byte, size, low int) bool {
	b = b[:min(len(b), 2*size)]
	if len(b) < size || len(b)%size != 0 {
		return false
	}
	for i, c := range b {
		if c >= 0x80 || (c != 0) != (i%size == low) {
			return false
		}
	}
	return true
}

// ahead returns how many blocks of such a file are read ahead. Few blocks of a plain file
// stay in the processor's cache.
func (k kind) ahead() int {
	if k == plain {
		return 2
	}
	return 64
}

const (
	packedSize = 64 << 10 // size of a read from a compressed file
	// maxWindow bounds the memory that a zstd frame can request: the limit of zstd(1)
	// without --long.
	maxWindow = 128 << 20
)

// newDecoder returns a reader of the file's plain text, valid until stop is called. It
// refuses text that checkText refuses.
func newDecoder(file io.Reader) (text io.Reader, stop func(), err error) {
	in := bufio.NewReaderSize(file, packedSize)
	stop = func() {}
	magic, _ := in.Peek(magicSize) // an error will be reported later
	k, err := kindOf(magic)
	if err != nil {
		return nil, stop, err
	}
	switch k {
	case gzipped:
		text, err = gzip.NewReader(in)
	case zstded:
		var d *zstd.Decoder
		d, err = zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err == nil {
			text, stop = d, d.Close
		}
	default:
		text = in
	}
	if err != nil {
		return text, stop, err
	}
	if k != plain {
		in = bufio.NewReaderSize(text, packedSize)
	}
	begin, _ := in.Peek(magicSize)
	return in, stop, checkText(begin)
}
