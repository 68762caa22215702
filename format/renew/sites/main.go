// Command sites makes sites.txt of package referrer from three files of
// github.com/matomo-org/searchengine-and-social-list, which are its arguments, after the date of
// the list:
//
//	go run ../renew/sites 2026-07-15 SearchEngines.yml Socials.yml AIAssistants.yml >new && mv new sites.txt
//
// It takes only names and hosts of search engines, since nobody looks at what people searched
// for.
package main

import (
	"bufio"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 5 {
		log.Fatal("usage: sites DATE SEARCH-ENGINES SOCIALS ASSISTANTS")
	}
	var lines []string
	for i, kind := range []string{"search", "social", "ai"} {
		text, err := os.ReadFile(os.Args[2+i])
		if err != nil {
			log.Fatal(err)
		}
		for _, s := range sites(string(text)) {
			lines = append(lines, s.host+"\t"+kind+"\t"+s.name)
		}
	}
	slices.Sort(lines)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	fmt.Fprintf(out, "# searchengine-and-social-list %s, CC0\n", os.Args[1])
	for _, line := range slices.Compact(lines) {
		fmt.Fprintln(out, line)
	}
}

type site struct{ host, name string }

// sites parses the part of YAML that the lists use: names, and below them hosts, for search
// engines under urls.
func sites(text string) (all []site) {
	name, key := "", ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n ")
		word := strings.TrimSpace(line)
		word, isItem := strings.CutPrefix(word, "- ")
		word = strings.Trim(word, `"'`)
		switch {
		case word == "" || strings.HasPrefix(word, "#") || word == "-" || strings.HasPrefix(word, "---"):
			if word == "-" {
				key = ""
			}
		case line[0] != ' ' && line[0] != '-':
			name, key = strings.ReplaceAll(strings.Trim(strings.TrimSuffix(line, ":"), `"'`), "%2B", "+"), ""
		case strings.HasSuffix(word, ":"):
			key = strings.TrimSuffix(word, ":")
		case isItem && (key == "" || key == "urls"):
			all = append(all, site{strings.ToLower(word), name})
		}
	}
	return all
}
