package traffic

import (
	"bytes"
	"encoding/xml"
)

// ReadSitemap returns the paths in a sitemap (sitemaps.org), or in a text with one path or
// URL per line, in the form that the figures use.
func ReadSitemap(text []byte) (paths []string) {
	add := func(target []byte) {
		if target = bytes.TrimSpace(target); len(target) > 0 {
			if p := appendPath(nil, target, true); len(p) > 0 && p[0] == '/' {
				paths = append(paths, string(p))
			}
		}
	}
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("<")) {
		for line := range bytes.Lines(text) {
			add(line)
		}
		return paths
	}
	in := xml.NewDecoder(bytes.NewReader(text))
	for {
		token, err := in.Token()
		if err != nil {
			return paths
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "loc" {
			var loc string
			if in.DecodeElement(&loc, &start) == nil {
				add([]byte(loc))
			}
		}
	}
}
