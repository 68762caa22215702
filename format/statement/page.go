package statement

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"hushpipe/format/civil"
	"hushpipe/format/policy"
	"hushpipe/format/report"
)

// Page is a notice in one language, ready to be written as text, Markdown or HTML.
type Page struct {
	Title    string
	Draft    string // what people have to do before they publish it
	Lead     []Block
	Sections []Section
	Foot     string // has the digest
	Foreign  int    // number of the policy's texts that are in another language
	Language *report.Language
}

// Section is a part of a Page.
type Section struct {
	Title  string // "" for the single stream of a DIR without a policy
	Blocks []Block
}

// Block is a paragraph, a table, or a paragraph with a table below it.
type Block struct {
	order label
	Label string // heads the text, "" for none
	Text  string
	Given bool // in the words of the policy
	Blank bool // people have to fill it in
	Rows  [][2]string
	Heads [2]string
}

// New returns the notice that makes the claims. since is the first day of the running
// configuration, 0 if none is known to run.
func New(claims []Claim, l *report.Language, since civil.Day) *Page {
	w := english
	for _, of := range []*words{german, norwegian} {
		if of.Tag == l.Tag() {
			w = of
		}
	}
	p := &Page{Title: w.Title, Draft: w.Draft, Language: l}
	m := maker{Page: p, w: w, claims: claims}
	m.lead(since)
	for _, c := range claims {
		if purpose, ok := c.(Purpose); ok {
			m.stream(purpose)
		}
	}
	m.tail()
	return p
}

// maker builds a Page.
type maker struct {
	*Page
	w      *words
	claims []Claim
}

// add appends a paragraph of sentences, nothing if all are empty.
func (m *maker) add(list *[]Block, at label, sentences ...string) {
	text := strings.Join(slices.DeleteFunc(sentences, func(s string) bool { return s == "" }), " ")
	if text != "" {
		*list = append(*list, Block{order: at, Label: m.w.Labels[at], Text: text})
	}
}

// given appends a text written by people, or else a blank.
func (m *maker) given(list *[]Block, at label, text string) {
	if text == "" {
		*list = append(*list, Block{order: at, Label: m.w.Labels[at], Text: fmt.Sprintf(m.w.Blank, m.w.Blanks[at]), Blank: true})
		return
	}
	*list = append(*list, Block{order: at, Label: m.w.Labels[at], Text: text, Given: true})
}

// in returns a text in the language of the page, or in another if there is none, which Foreign
// counts.
func (m *maker) in(t policy.Text) string {
	_, ofAll := t[""]
	if _, ok := t[m.w.Tag]; !ok && !ofAll && len(t) > 0 {
		m.Foreign++
	}
	return t.In(m.w.Tag)
}

var leading = map[string]label{"controller": labelController, "contact": labelContact, "officer": labelOfficer,
	"authority": labelAuthority, "place": labelPlace}

func (m *maker) lead(since civil.Day) {
	for _, c := range m.claims {
		switch c := c.(type) {
		case Notice:
			if at, ok := leading[c.Key]; ok {
				m.given(&m.Lead, at, m.in(c.Text))
			}
		case Running:
			m.Foot = fmt.Sprintf(m.w.Made, c.Digest)
			if since != 0 {
				m.Foot = fmt.Sprintf(m.w.MadeSince, m.Language.Date(since), c.Digest)
			}
		}
	}
}

func (m *maker) stream(purpose Purpose) {
	s := Section{Title: purpose.Of()}
	add := func(at label, sentences ...string) { m.add(&s.Blocks, at, sentences...) }
	for _, c := range m.claims {
		if c.Of() != s.Title {
			continue
		}
		switch c := c.(type) {
		case Purpose:
			m.given(&s.Blocks, labelPurpose, sentence(m.in(c.Text)))
		case Basis:
			m.given(&s.Blocks, labelBasis, m.basis(m.in(c.Text)))
		case Gate:
			add(labelGate, m.gate(c)...)
		case Nothing:
			add(labelFields, m.w.Nothing)
		case Lines:
			add(labelLines, m.lines(c)...)
		case Fields:
			s.Blocks = append(s.Blocks, m.fields(c)...)
			if texts := m.elsewhere(c); len(texts) > 0 {
				add(labelElsewhere, texts...)
			}
		case Group:
			add(labelGroup, fmt.Sprintf(m.w.Group, m.number(c.Least), strings.Join(m.names(c.Fields), ", ")))
		case Period:
			add(labelPeriod, m.period(c)...)
		case Figures:
			add(labelFigures, m.figures(c)...)
		case Keys:
			at := labelKey
			if isPseudonym(c.Client) {
				at = labelPseudonyms
			}
			add(at, m.keys(c)...)
		case Disclosure:
			m.disclosure(&s.Blocks, c)
		case Recipients:
			var list []string
			for _, t := range c.List {
				list = append(list, m.in(t))
			}
			m.given(&s.Blocks, labelRecipients, sentence(strings.Join(list, "; ")))
		case Backups:
			add(labelBackups, m.backups(c))
		}
	}
	m.joining(&s.Blocks, s.Title)
	slices.SortStableFunc(s.Blocks, func(a, b Block) int { return int(a.order) - int(b.order) })
	m.Sections = append(m.Sections, s)
}

func (m *maker) tail() {
	technical := Section{Title: m.w.Labels[labelTechnical]}
	var transfer, rights, more Section
	for _, c := range m.claims {
		switch c := c.(type) {
		case Input:
			m.paragraph(&technical, m.input(c)...)
		case Fields:
			if c.Format != "" {
				m.paragraph(&technical, fmt.Sprintf(m.w.Written, c.Of(), c.Format))
			}
		case Notice:
			switch {
			case c.Key == "transfer":
				m.given(&transfer.Blocks, labelTransfer, m.in(c.Text))
				transfer.Title, transfer.Blocks[0].Label = transfer.Blocks[0].Label, ""
			case c.Key == "more" && c.Text != nil:
				more.Title = m.w.Labels[labelMore]
				for text := range strings.SplitSeq(m.in(c.Text), "\n\n") {
					m.paragraph(&more, text)
				}
			}
		case Rights:
			rights = m.rights(c)
		}
	}
	m.Sections = append(m.Sections, transfer, rights, technical)
	if more.Title != "" {
		m.Sections = append(m.Sections, more)
	}
}

func (m *maker) paragraph(s *Section, sentences ...string) {
	s.Blocks = append(s.Blocks, Block{Text: strings.Join(sentences, " ")})
}

// article matches a legal basis as people write it in a policy.
var article = regexp.MustCompile(`\bGDPR 6\(1\)\(([a-f])\)`)

// Letter returns the letter of Article 6(1) GDPR that a legal basis cites, "" for none. Package
// claims uses it.
func Letter(basis string) string {
	if found := article.FindStringSubmatch(basis); found != nil {
		return found[1]
	}
	return ""
}

// basis returns a legal basis with its citation in the language.
func (m *maker) basis(text string) string {
	letter := Letter(text)
	if letter != "" {
		text = article.ReplaceAllString(text, fmt.Sprintf(m.w.Article, letter))
	}
	if text = sentence(text); letter == "f" {
		text += " " + m.w.Interest
	}
	return text
}

// sentence adds a full stop to a text without one.
func sentence(text string) string {
	if text == "" || strings.HasSuffix(text, ".") || strings.HasSuffix(text, "!") || strings.HasSuffix(text, "?") {
		return text
	}
	return text + "."
}

// digests matches the digests in a page.
var digests = regexp.MustCompile(`\bsha256:([0-9a-f]{64})\b`)

// Digests returns the digests in a published page, of the configurations that its notices were
// made from.
func Digests(page []byte) (list []string) {
	for _, found := range digests.FindAllSubmatch(page, -1) {
		list = append(list, string(found[1]))
	}
	return list
}

// HasBlanks reports whether a published page still has a blank to fill in.
func HasBlanks(page []byte) bool {
	return slices.ContainsFunc([]*words{english, german, norwegian}, func(w *words) bool {
		blank := strings.Trim(strings.ReplaceAll(w.Blank, "%s", ""), "[] ")
		return bytes.Contains(page, []byte("["+blank)) || bytes.Contains(page, []byte(`\[`+blank))
	})
}
