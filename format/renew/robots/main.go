// Command robots makes robots.txt of package agent from three lists of robots. Its arguments are
// their files, in this order,
//
//	src/patterns.json        of github.com/omrilotan/isbot
//	crawler-user-agents.json of github.com/monperrus/crawler-user-agents
//	robots.json              of github.com/ai-robots-txt/ai.robots.txt
//
// each followed by its version, which goes into the first lines. Run it in the directory of
// package agent:
//
//	go run ../renew/robots patterns.json 5.2.1 crawler-user-agents.json 1.60.0 robots.json 1.46 >new && mv new robots.txt
//
// It reports each pattern that it cannot expand into texts; such a pattern belongs in shapes.go.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"hushpipe/format/agent"
)

// general are names in ai.robots.txt that are also ordinary words in other agents.
var general = []string{"code", "spider", "operator", "openai", "lcc", "yak", "trae"}

// classOfTag maps tags of crawler-user-agents to classes, the most specific first.
var classOfTag = []struct{ tag, class string }{
	{"ai-crawler", "ai-training"}, {"search-engine", "search"}, {"feed-reader", "feed"}, {"social-preview", "preview"},
	{"monitoring", "monitor"}, {"browser-automation", "headless"}, {"http-library", "tool"},
}

// isBuild matches Android builds that the list has for robots that pretend to be a phone: real
// phones have them too.
var isBuild = regexp.MustCompile(`^[A-Z]{2}\d[A-Z]\\?\.\d{6}`)

// telling reports whether a text is too specific to occur within a word. Any other must match a
// whole word.
func telling(text string) bool {
	return strings.ContainsAny(text, "/ ") || strings.Contains(text, "bot") || strings.Contains(text, "crawl") || strings.Contains(text, "spider")
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 7 {
		log.Fatal("usage: robots PATTERNS VERSION CRAWLERS VERSION ROBOTS VERSION")
	}
	var patterns []string
	read(os.Args[1], &patterns)
	var crawlers []struct {
		Pattern string
		Tags    []string
	}
	read(os.Args[3], &crawlers)
	var ai map[string]struct{ Function string }
	read(os.Args[5], &ai)

	lines := map[string]agent.Pattern{} // by text, the most specific of several lists
	add := func(texts []agent.Pattern, class, name string) {
		for _, p := range texts {
			p.Class, p.Name = class, name
			if old, ok := lines[p.String()]; !ok || old.Name == "" {
				lines[p.String()] = p
			}
		}
	}
	for name, robot := range ai {
		if !slices.Contains(general, strings.ToLower(name)) {
			add([]agent.Pattern{{Text: strings.ToLower(name)}}, classOfFunction(name, robot.Function), name)
		}
	}
	for _, c := range crawlers {
		texts, err := textsOf(c.Pattern)
		if err != nil {
			log.Printf("%s: %s: %v", os.Args[3], c.Pattern, err)
			continue
		}
		if isBuild.MatchString(c.Pattern) {
			log.Printf("%s: %s: the build of a telephone", os.Args[3], c.Pattern)
			continue
		}
		class := "scanner"
		for _, t := range classOfTag {
			if slices.Contains(c.Tags, t.tag) {
				class = t.class
				break
			}
		}
		for i, p := range texts {
			if !telling(p.Text) {
				texts[i].WordStart, texts[i].WordEnd = true, true
			}
		}
		add(texts, class, nameOf(c.Pattern))
	}
	for _, p := range patterns {
		if agent.IsShape(p) {
			continue
		}
		texts, err := textsOf(p)
		if err != nil {
			log.Printf("%s: %s: %v", os.Args[1], p, err)
			continue
		}
		add(texts, classOfWord(p), "")
	}

	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	fmt.Fprintf(out, "# isbot %s, Unlicense\n# crawler-user-agents %s, MIT\n# ai.robots.txt %s, MIT\n", os.Args[2], os.Args[4], os.Args[6])
	sorted := make([]agent.Pattern, 0, len(lines))
	for _, p := range lines {
		sorted = append(sorted, p)
	}
	slices.SortFunc(sorted, func(a, b agent.Pattern) int {
		return cmp.Or(strings.Compare(a.Text, b.Text), strings.Compare(a.String(), b.String()))
	})
	for _, p := range sorted {
		fmt.Fprintf(out, "%s\t%s\t%s\n", p, p.Class, p.Name)
	}
}

func read(name string, into any) {
	text, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		log.Fatalf("%s: %v", name, err)
	}
}

// classOfFunction returns the class of a robot of ai.robots.txt, given the sentence that
// describes its function.
func classOfFunction(name, function string) string {
	f := strings.ToLower(function)
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(f, w) })
	}
	switch {
	case strings.HasSuffix(strings.ToLower(name), "-user"), has("assistant", "agents", "user-initiated", "user queries", "user prompts", "companion"):
		return "ai-user"
	case has("search"):
		return "ai-search"
	default:
		return "ai-training"
	}
}

// classOfWord returns the class of a pattern that matches robots of many names.
func classOfWord(pattern string) string {
	for _, c := range []struct {
		class string
		words []string
	}{
		{"feed", []string{"feed", "rss", "downcast"}},
		{"monitor", []string{"monitor", "pingdom", "statuscake", "check", "blackbox", "hobbit", "speedcurve", "synthetic", "24x7"}},
		{"headless", []string{"headless", "phantom", "playwright", "selenium", "cypress", "splash"}},
		{"preview", []string{"preview", "whatsapp", "^facebook", "snapchat", "discourse"}},
		{"search", []string{"search", "^yandex", "^yahoo", "sogou", "daum", "^duckduckgo"}},
		{"tool", []string{"python", "^php", "perl", "wget", "library", "java", "node", "^apache/", "postman", "^rest", "download", "torrent", "^svn", "^client/", "httrack"}},
	} {
		if slices.ContainsFunc(c.words, func(w string) bool { return strings.Contains(pattern, w) }) {
			return c.class
		}
	}
	return "scanner"
}

// nameOf derives the name of a robot from its pattern.
func nameOf(pattern string) string {
	name, _, _ := strings.Cut(pattern, "|")
	name = strings.NewReplacer(`(^| )`, "", `([^-]|$)`, "", `[\s\S]*`, " ", `\d\.\d+ `, "", `\b`, "", `\`, "", "^", "", "$", "").Replace(name)
	for strings.Contains(name, "[") { // [wW]get
		before, rest, _ := strings.Cut(name, "[")
		class, after, _ := strings.Cut(rest, "]")
		name = before + class[:1] + after
	}
	name = strings.NewReplacer("(", "", ")", "").Replace(name)
	return strings.Trim(name, " /:;,-")
}

// textsOf expands a pattern into the texts that it matches, in lower case.
func textsOf(pattern string) ([]agent.Pattern, error) {
	re, err := syntax.Parse(pattern, syntax.Perl|syntax.FoldCase)
	if err != nil {
		return nil, err
	}
	found, err := expand(re.Simplify())
	if err != nil {
		return nil, err
	}
	for i, p := range found {
		found[i].Text = strings.ToLower(p.Text)
		if len(p.Text) < 2 && !p.Start && p.Text != "|" {
			return nil, fmt.Errorf("too short a text")
		}
	}
	slices.SortFunc(found, func(a, b agent.Pattern) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(found), nil
}

const manyTexts = 64

func expand(re *syntax.Regexp) ([]agent.Pattern, error) {
	switch re.Op {
	case syntax.OpLiteral:
		return []agent.Pattern{{Text: strings.ToLower(string(re.Rune))}}, nil
	case syntax.OpEmptyMatch:
		return []agent.Pattern{{}}, nil
	case syntax.OpBeginText, syntax.OpBeginLine:
		return []agent.Pattern{{Start: true}}, nil
	case syntax.OpEndText, syntax.OpEndLine:
		return []agent.Pattern{{End: true}}, nil
	case syntax.OpWordBoundary:
		return []agent.Pattern{{WordStart: true, WordEnd: true}}, nil
	case syntax.OpCapture:
		return expand(re.Sub[0])
	case syntax.OpCharClass:
		var found []agent.Pattern
		for i := 0; i < len(re.Rune); i += 2 {
			if re.Rune[i+1]-re.Rune[i] > 16 {
				return nil, fmt.Errorf("class of many characters")
			}
			for r := re.Rune[i]; r <= re.Rune[i+1]; r++ {
				if r < 128 && strings.ToLower(string(r)) == string(r) {
					found = append(found, agent.Pattern{Text: string(r)})
				}
			}
		}
		return found, nil
	case syntax.OpAlternate:
		var found []agent.Pattern
		for _, sub := range re.Sub {
			more, err := expand(sub)
			if err != nil {
				return nil, err
			}
			found = append(found, more...)
		}
		return found, nil
	case syntax.OpConcat:
		found := []agent.Pattern{{}}
		for i, sub := range re.Sub {
			more, err := expand(sub)
			if err != nil {
				return nil, err
			}
			var next []agent.Pattern
			for _, a := range found {
				for _, b := range more {
					p, err := join(a, b, i == len(re.Sub)-1)
					if err != nil {
						return nil, err
					}
					next = append(next, p)
				}
			}
			if found = next; len(found) > manyTexts {
				return nil, fmt.Errorf("too many texts")
			}
		}
		return found, nil
	}
	return nil, fmt.Errorf("no text: %s", re.Op)
}

// join appends b to a.
func join(a, b agent.Pattern, last bool) (agent.Pattern, error) {
	switch {
	case b.WordStart && b.WordEnd && b.Text == "":
		if a.Text == "" {
			a.WordStart = true
		} else if last {
			a.WordEnd = true
		} else {
			return a, fmt.Errorf("word boundary inside")
		}
		return a, nil
	case a.Text == "" && a.WordStart && a.WordEnd:
		a.WordEnd = false
	}
	if b.Start && a.Text != "" || a.End {
		return a, fmt.Errorf("anchor inside")
	}
	return agent.Pattern{Text: a.Text + b.Text, Start: a.Start || b.Start, End: b.End, WordStart: a.WordStart || a.Text == "" && b.WordStart, WordEnd: b.WordEnd}, nil
}
