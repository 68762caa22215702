package statement

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"hushpipe/format/civil"
	"hushpipe/format/policy"
	"hushpipe/format/report"
)

// Page is a notice in a language, ready to be written.
type Page struct {
	title    string
	draft    string // what people have to do before they publish it
	lead     []block
	sections []section
	foot     string // with the digest
	*report.Language
}

type section struct {
	title  string
	blocks []block
}

// block is a paragraph, or a table.
type block struct {
	order label  // of blocks in a section
	label string // in front of the text, "" for none
	text  string
	blank bool // people have to fill it in
	rows  [][2]string
	heads [2]string
}

// words are those of a language.
type words interface {
	tag() string // of policy.Text
	label(l label) string
	blank(what string) string
	title() string
	draft() string
	running(Running, civil.Day) string
	article(letter string) string  // of Article 6(1) of the GDPR
	interest(letter string) string // the sentence that follows that
	lines(Lines) string
	nothing() string
	fieldsBefore(Fields) string
	field(Fields, Field) (name, how string)
	fieldsAfter(Fields) string
	addresses(Addresses) string
	period(Period) string
	keys(Keys) string
	disclosure(Disclosure) (text string, blank bool)
	figures(Figures) string
	joining(j Joining, with string) string
	backups(Backups) string
	input(Input) string
	rights(Rights) []block
}

// label is what stands in front of a paragraph, or at the head of a table: in the order of
// a section.
type label int

const (
	labelController label = iota
	labelContact
	labelOfficer
	labelAuthority
	labelPlace
	labelTransfer
	labelMore
	labelPurpose
	labelBasis
	labelLines
	labelFields
	labelAddresses
	labelPeriod
	labelKeys
	labelFigures
	labelJoining
	labelRecipients
	labelBackups
	labelInput
	labelRights
	labelField // head of the table
	labelHow
	numLabels
)

// New returns the notice that says the claims. since is the day on which what runs began
// to, 0 where nothing is known to run.
func New(claims []Claim, l *report.Language, since civil.Day) *Page {
	w := wordsOf(l)
	p := &Page{title: w.title(), draft: w.draft(), Language: l}
	m := maker{Page: p, words: w, claims: claims}
	m.head(since)
	for _, c := range claims {
		if purpose, ok := c.(Purpose); ok {
			m.stream(purpose)
		}
	}
	m.tail()
	return p
}

// maker makes a Page.
type maker struct {
	*Page
	words
	claims []Claim
}

func wordsOf(l *report.Language) words {
	return english{l}
}

func (m *maker) paragraph(list *[]block, of label, text string) {
	if text != "" {
		*list = append(*list, block{order: of, label: m.label(of), text: text})
	}
}

// given is a paragraph of what people say, or a blank.
func (m *maker) given(list *[]block, of label, t policy.Text) {
	text := t.In(m.tag())
	if text == "" {
		*list = append(*list, block{order: of, label: m.label(of), text: m.blank(m.label(of)), blank: true})
		return
	}
	m.paragraph(list, of, text)
}

var noticeLabels = map[string]label{"controller": labelController, "contact": labelContact, "officer": labelOfficer,
	"authority": labelAuthority, "place": labelPlace, "transfer": labelTransfer, "more": labelMore}

func (m *maker) head(since civil.Day) {
	for _, c := range m.claims {
		switch c := c.(type) {
		case Notice:
			if c.Key != "transfer" && c.Key != "more" {
				m.given(&m.lead, noticeLabels[c.Key], c.Text)
			}
		case Running:
			m.foot = m.running(c, since)
		}
	}
}

func (m *maker) stream(purpose Purpose) {
	s := section{title: purpose.Of()}
	add := func(l label, text string) { m.paragraph(&s.blocks, l, text) }
	m.given(&s.blocks, labelPurpose, purpose.Text)
	if last := &s.blocks[0]; !last.blank {
		last.text = sentence(last.text)
	}
	for _, c := range m.claims {
		if j, ok := c.(Joining); ok && j.With == s.title {
			add(labelJoining, m.joining(j, j.Of()))
		}
		if c.Of() != s.title {
			continue
		}
		switch c := c.(type) {
		case Basis:
			m.given(&s.blocks, labelBasis, c.Text)
			if last := &s.blocks[len(s.blocks)-1]; !last.blank {
				last.text = m.basisText(last.text)
			}
		case Nothing:
			add(labelFields, m.nothing())
		case Lines:
			add(labelLines, m.lines(c))
		case Fields:
			m.fields(&s, c)
		case Addresses:
			add(labelAddresses, m.addresses(c))
		case Period:
			add(labelPeriod, m.period(c))
		case Keys:
			add(labelKeys, m.keys(c))
		case Disclosure:
			text, blank := m.disclosure(c)
			s.blocks = append(s.blocks, block{order: labelKeys, text: text, blank: blank})
		case Figures:
			add(labelFigures, m.figures(c))
		case Joining:
			add(labelJoining, m.joining(c, c.With))
		case Recipients:
			m.recipients(&s, c)
		case Backups:
			add(labelBackups, m.backups(c))
		}
	}
	slices.SortStableFunc(s.blocks, func(a, b block) int { return int(a.order) - int(b.order) })
	m.sections = append(m.sections, s)
}

func (m *maker) fields(s *section, c Fields) {
	b := block{order: labelFields, label: m.label(labelFields), text: m.fieldsBefore(c), heads: [2]string{m.label(labelField), m.label(labelHow)}}
	for _, f := range c.List {
		name, how := m.field(c, f)
		b.rows = append(b.rows, [2]string{name, how})
	}
	s.blocks = append(s.blocks, b)
	if text := m.fieldsAfter(c); text != "" {
		s.blocks = append(s.blocks, block{order: labelFields, text: text})
	}
}

func (m *maker) recipients(s *section, c Recipients) {
	var list []string
	for _, t := range c.List {
		list = append(list, t.In(m.tag()))
	}
	if len(list) == 0 {
		m.given(&s.blocks, labelRecipients, nil)
		return
	}
	m.paragraph(&s.blocks, labelRecipients, strings.Join(list, "; ")+".")
}

func (m *maker) tail() {
	var more *Notice
	general := section{title: m.label(labelInput)}
	for _, c := range m.claims {
		switch c := c.(type) {
		case Input:
			general.blocks = append(general.blocks, block{text: m.input(c)})
		case Notice:
			if c.Key == "transfer" {
				m.given(&general.blocks, labelTransfer, c.Text)
			}
			if c.Key == "more" && c.Text != nil {
				more = &c
			}
		case Rights:
			m.sections = append(m.sections, general, section{m.label(labelRights), m.rights(c)})
		}
	}
	if more != nil {
		s := section{title: m.label(labelMore)}
		for text := range strings.SplitSeq(more.Text.In(m.tag()), "\n\n") {
			s.blocks = append(s.blocks, block{text: text})
		}
		m.sections = append(m.sections, s)
	}
}

// article is a legal basis as people write it in a policy.
var article = regexp.MustCompile(`\bGDPR 6\(1\)\(([a-f])\)`)

// basisText is a legal basis as it is cited in the language.
func (m *maker) basisText(text string) string {
	letter := article.FindStringSubmatch(text)
	if letter == nil {
		return sentence(text)
	}
	return strings.TrimSpace(sentence(strings.Replace(text, letter[0], m.article(letter[1]), 1)) + " " + m.interest(letter[1]))
}

// sentence ends a text with a full stop.
func sentence(text string) string {
	if strings.HasSuffix(text, ".") || strings.HasSuffix(text, "!") || strings.HasSuffix(text, "?") {
		return text
	}
	return text + "."
}

func texts[T fmt.Stringer](values []T) (list []string) {
	for _, v := range values {
		list = append(list, v.String())
	}
	return list
}

// enumeration joins a list, with another word before the last.
func enumeration(list []string, last string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:len(list)-1], ", ") + " " + last + " " + list[len(list)-1]
}

func quotedAll(list []string, open, end string) (quoted []string) {
	for _, s := range list {
		quoted = append(quoted, open+s+end)
	}
	return quoted
}

func isAny(list []string) bool { return slices.Equal(list, []string{"*"}) }
