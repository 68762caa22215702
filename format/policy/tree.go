package policy

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// node is a value in the file. This package decodes the nodes of the library's parser itself,
// because the library's decoder stops at the first wrong value, gives no position for a missing
// one, and needs another pass for unknown keys.
type node struct {
	at   int // offset of its first byte
	kind unstable.Kind
	text string  // of a string, number or date
	list []*node // of an Array
	keys []*key  // of a table
	// How a table was created determines who may add to it.
	inline, header, dotted bool
	broken                 bool // contains syntax errors, so keys may be missing
}

type key struct {
	name  string
	at    int
	value *node
}

func (n *node) get(name string) *key {
	for _, k := range n.keys {
		if k.name == name {
			return k
		}
	}
	return nil
}

func (n *node) isTable() bool { return n.kind == unstable.InlineTable }

// isTables reports whether n was created by [[…]].
func (n *node) isTables() bool { return n.kind == unstable.ArrayTable }

// builder builds the tree.
type builder struct {
	source *source
	parser unstable.Parser
	base   int // offset in the file of what the parser was given
	root   *node
	errs   Errors
}

// maxFile is the largest policy in bytes, more than any real one has.
const maxFile = 256 << 10

// read returns the table of the whole file.
func (b *builder) read() *node {
	b.root = &node{kind: unstable.InlineTable, header: true}
	table := b.root
	rest := b.source.text
	for {
		b.base = len(b.source.text) - len(rest)
		b.parser.Reset(rest)
		for b.parser.NextExpression() {
			e := b.parser.Expression()
			switch e.Kind {
			case unstable.KeyValue:
				b.keyValue(table, e)
			case unstable.Table:
				table = b.table(e)
			case unstable.ArrayTable:
				table = b.arrayTable(e)
			}
		}
		err := b.parser.Error()
		if err == nil {
			return b.root
		}
		// Continue at the next table, so that its mistakes are reported in the same run.
		table.broken = true
		at := b.base + b.syntax(err, rest)
		if at == b.base || !isHead(b.source.text[at:]) || b.source.text[at-1] != '\n' {
			next := nextTable(b.source.text[at:])
			if next < 0 {
				return b.root
			}
			at += next
		}
		rest = b.source.text[at:]
	}
}

// syntax adds an error of the parser, and returns its offset in the parser's input.
func (b *builder) syntax(err error, text []byte) int {
	at := 0
	what := err.Error()
	var wrong *unstable.ParserError
	if errors.As(err, &wrong) && len(wrong.Highlight) > 0 {
		at = int(b.parser.Range(wrong.Highlight).Offset)
	} else if len(text) > 0 {
		at = len(text) // the input ends too early
	}
	b.add(b.base+at, noTOML(what), "")
	return at
}

func noTOML(what string) string {
	what = strings.TrimPrefix(strings.ReplaceAll(what, "\n", "the end of the line"), "toml: ")
	return "this is not valid TOML: " + strings.Map(printable, what)
}

// nextTable returns the offset of the next line that is the head of a table, -1 for none.
func nextTable(text []byte) int {
	for at := 0; ; {
		i := bytes.IndexByte(text[at:], '\n')
		if i < 0 {
			return -1
		}
		if at += i + 1; isHead(text[at:]) {
			return at
		}
	}
}

// isHead reports whether text begins with a line that is the head of a table.
func isHead(text []byte) bool {
	head, _, _ := bytes.Cut(text, []byte("\n"))
	head = bytes.TrimRight(head, " \t\r")
	return len(head) > 2 && head[0] == '[' && head[len(head)-1] == ']' && !bytes.ContainsAny(head, `"',=#`)
}

func (b *builder) add(at int, what, hint string) {
	b.errs = append(b.errs, b.source.at(at, what, hint))
}

// names returns the parts of a key with their offsets.
func (b *builder) names(e *unstable.Node) (parts []key) {
	for it := e.Key(); it.Next(); {
		n := it.Node()
		parts = append(parts, key{name: string(n.Data), at: b.base + int(n.Raw.Offset)})
	}
	return parts
}

// descend returns the table for all parts of a key but the last, creating tables on the way; nil
// if a part is not a table.
func (b *builder) descend(table *node, parts []key, dotted bool) *node {
	for _, p := range parts {
		k := table.get(p.name)
		if k == nil {
			k = &key{p.name, p.at, &node{at: p.at, kind: unstable.InlineTable, dotted: dotted}}
			table.keys = append(table.keys, k)
		}
		next := k.value
		if next.isTables() && !dotted {
			next = next.list[len(next.list)-1]
		}
		if !next.isTable() || next.inline || dotted && !next.dotted {
			b.add(p.at, fmt.Sprintf("%q has a value already", p.name), "")
			return nil
		}
		table = next
	}
	return table
}

func (b *builder) keyValue(table *node, e *unstable.Node) {
	parts := b.names(e)
	last := parts[len(parts)-1]
	if table = b.descend(table, parts[:len(parts)-1], true); table == nil {
		return
	}
	if table.get(last.name) != nil {
		b.add(last.at, fmt.Sprintf("%q is given twice", last.name), "give it once; a list can have several values")
		return
	}
	value := b.value(e.Value(), b.valueAt(e))
	table.keys = append(table.keys, &key{last.name, last.at, value})
}

// valueAt returns the offset of a key's value: some kinds of nodes have none.
func (b *builder) valueAt(e *unstable.Node) int {
	end := 0
	for it := e.Key(); it.Next(); {
		raw := it.Node().Raw
		end = b.base + int(raw.Offset+raw.Length)
	}
	text := b.source.text
	for end < len(text) && (text[end] == ' ' || text[end] == '\t' || text[end] == '=') {
		end++
	}
	return end
}

func (b *builder) value(e *unstable.Node, at int) *node {
	n := &node{at: at, kind: e.Kind}
	switch e.Kind {
	case unstable.Array:
		for it := e.Children(); it.Next(); {
			c := it.Node()
			childAt := at
			if c.Raw.Length > 0 {
				childAt = b.base + int(c.Raw.Offset)
			} else if len(c.Data) > 0 { // a part of the text, where there is no Raw
				childAt = b.base + int(b.parser.Range(c.Data).Offset) // Data is a part of the text even if Raw is not set
			}
			n.list = append(n.list, b.value(c, childAt))
		}
	case unstable.InlineTable:
		for it := e.Children(); it.Next(); {
			b.keyValue(n, it.Node())
		}
		seal(n)
	default:
		n.text = string(e.Data)
	}
	return n
}

// seal closes an inline table: nothing after it may add to it.
func seal(n *node) {
	n.inline = true
	for _, k := range n.keys {
		if k.value.isTable() && !k.value.inline {
			seal(k.value)
		}
	}
}

// table returns the table that a head [a.b] opens. For a wrong head, it returns one that is not
// part of the tree.
func (b *builder) table(e *unstable.Node) *node {
	parts := b.names(e)
	last := parts[len(parts)-1]
	nowhere := &node{kind: unstable.InlineTable}
	parent := b.descend(b.root, parts[:len(parts)-1], false)
	if parent == nil {
		return nowhere
	}
	k := parent.get(last.name)
	switch {
	case k == nil:
		t := &node{at: last.at, kind: unstable.InlineTable, header: true}
		parent.keys = append(parent.keys, &key{last.name, last.at, t})
		return t
	case k.value.isTables():
		b.add(last.at, fmt.Sprintf("[%s] is a list", last.name), fmt.Sprintf("write [[%s]]", last.name))
	case !k.value.isTable() || k.value.inline || k.value.header || k.value.dotted:
		b.add(last.at, fmt.Sprintf("%q is given twice", last.name), "")
	default:
		k.value.header = true
		return k.value
	}
	return nowhere
}

func (b *builder) arrayTable(e *unstable.Node) *node {
	parts := b.names(e)
	last := parts[len(parts)-1]
	t := &node{at: last.at, kind: unstable.InlineTable, header: true}
	parent := b.descend(b.root, parts[:len(parts)-1], false)
	if parent == nil {
		return t
	}
	k := parent.get(last.name)
	switch {
	case k == nil:
		k = &key{last.name, last.at, &node{at: last.at, kind: unstable.ArrayTable}}
		parent.keys = append(parent.keys, k)
	case !k.value.isTables():
		b.add(last.at, fmt.Sprintf("%q is given twice", last.name), "")
		return t
	}
	k.value.list = append(k.value.list, t)
	return t
}

// readable reports what makes a text unfit for parsing.
func (s *source) readable() *Error {
	switch text := s.text; {
	case len(text) > maxFile:
		return &Error{What: fmt.Sprintf("the file has more than %d KiB", maxFile>>10), Hint: "is this the policy?"}
	case bytes.HasPrefix(text, []byte("\xef\xbb\xbf")):
		return s.at(0, "the file begins with a byte order mark", "save it as UTF-8 without BOM")
	case bytes.HasPrefix(text, []byte("\xff\xfe")), bytes.HasPrefix(text, []byte("\xfe\xff")):
		return s.at(0, "the file is UTF-16", "save it as UTF-8")
	case !utf8.Valid(text):
		at := 0
		for at < len(text) {
			r, n := utf8.DecodeRune(text[at:])
			if r == utf8.RuneError && n == 1 {
				break
			}
			at += n
		}
		return s.at(at, "this byte is not valid UTF-8", "save the file as UTF-8")
	case bytes.IndexByte(text, 0) >= 0:
		return s.at(bytes.IndexByte(text, 0), "the file has a NUL byte", "is this the policy?")
	}
	return nil
}

// confirm makes sure that the library's decoder accepts the text as TOML.
func (s *source) confirm() *Error {
	var all map[string]any
	err := toml.Unmarshal(s.text, &all)
	var wrong *toml.DecodeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong):
		line, column := wrong.Position()
		at := 0
		for range line - 1 {
			at += bytes.IndexByte(s.text[at:], '\n') + 1
		}
		return s.at(at+column-1, noTOML(err.Error()), "")
	}
	return &Error{What: noTOML(err.Error())}
}
