package statement

import (
	"embed"
	"html/template"
	"io"

	design "hushpipe/format/page"
)

//go:embed page
var pageFiles embed.FS

var pageTemplate = design.Template(pageFiles)

// HTML writes a page that needs no other file, no script and no network, in the design of
// package report.
func (p *Page) HTML(w io.Writer) error {
	style := design.Style + design.File(pageFiles, "page/page.css")
	h := page{Page: p, Lang: p.Language.Tag(), CSS: template.CSS(style),
		// Allows the style and nothing else: no request, no script.
		Policy: "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; style-src " + design.HashSource(style)}
	for _, s := range p.Sections {
		h.Parts = append(h.Parts, part{s.Title, runs(s.Blocks)})
	}
	return pageTemplate().Execute(w, h)
}

// page is what the template sees.
type page struct {
	*Page
	Lang   string
	CSS    template.CSS
	Policy string
	Parts  []part
}

type part struct {
	Title string
	Runs  []run
}

// run is a sequence of blocks that are all items of a list, or all not.
type run struct {
	List   bool
	Blocks []Block
}

func runs(blocks []Block) (list []run) {
	for _, b := range blocks {
		item := b.Label != "" && len(b.Rows) == 0
		if n := len(list); n == 0 || list[n-1].List != item {
			list = append(list, run{List: item})
		}
		last := &list[len(list)-1]
		last.Blocks = append(last.Blocks, b)
	}
	return list
}
