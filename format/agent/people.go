package agent

import "bytes"

// token is a text, in lower case, that identifies a browser or a system. The first one in the
// table that occurs wins, so what others pretend to be comes last: each browser says Mozilla,
// and most say Safari.
type token struct {
	text []byte
	name string
}

var browserTokens = []token{
	{[]byte("samsungbrowser/"), "Samsung Internet"}, {[]byte("edg/"), "Edge"}, {[]byte("edga/"), "Edge"}, {[]byte("edgios/"), "Edge"}, {[]byte("edge/"), "Edge"},
	{[]byte("opr/"), "Opera"}, {[]byte("opt/"), "Opera"}, {[]byte("opera mini"), "Opera"}, {[]byte("opera"), "Opera"},
	{[]byte("vivaldi/"), "Vivaldi"}, {[]byte("yabrowser/"), "Yandex Browser"}, {[]byte("ucbrowser/"), "UC Browser"}, {[]byte("duckduckgo/"), "DuckDuckGo"}, {[]byte("ddg/"), "DuckDuckGo"},
	{[]byte("brave/"), "Brave"}, {[]byte("huaweibrowser/"), "Huawei Browser"}, {[]byte("miuibrowser/"), "Mi Browser"}, {[]byte("silk/"), "Silk"}, {[]byte("whale/"), "Whale"},
	{[]byte("qqbrowser/"), "QQ Browser"}, {[]byte("palemoon/"), "Pale Moon"}, {[]byte("seamonkey/"), "SeaMonkey"}, {[]byte("thunderbird/"), "Thunderbird"},
	{[]byte("electron/"), "Electron"}, {[]byte("qgis/"), "QGIS"}, {[]byte("firefox/"), "Firefox"}, {[]byte("fxios/"), "Firefox"}, {[]byte("focus/"), "Firefox"}, {[]byte("iceweasel/"), "Firefox"},
	{[]byte("crios/"), "Chrome"}, {[]byte("; wv)"), "Android WebView"}, {[]byte("chromium/"), "Chromium"}, {[]byte("chrome/"), "Chrome"},
	{[]byte("konqueror"), "Konqueror"}, {[]byte("epiphany/"), "GNOME Web"}, {[]byte("msie "), "Internet Explorer"}, {[]byte("trident/"), "Internet Explorer"},
	{[]byte("android"), "Android Browser"}, {[]byte("lynx/"), "Lynx"}, {[]byte("w3m/"), "w3m"}, {[]byte("links ("), "Links"}, {[]byte("elinks"), "Links"},
	{[]byte("safari/"), "Safari"}, {[]byte("applewebkit/"), "Apple WebKit"}, {[]byte("gecko/"), "Gecko"},
}

var systemTokens = []token{
	{[]byte("windows phone"), "Windows Phone"}, {[]byte("windows"), "Windows"}, {[]byte("xbox"), "Xbox"}, {[]byte("harmonyos"), "HarmonyOS"}, {[]byte("openharmony"), "HarmonyOS"},
	{[]byte("tizen"), "Tizen"}, {[]byte("web0s"), "webOS"}, {[]byte("webos"), "webOS"}, {[]byte("kaios"), "KaiOS"}, {[]byte("android"), "Android"},
	{[]byte("ipad"), "iPadOS"}, {[]byte("iphone"), "iOS"}, {[]byte("ipod"), "iOS"}, {[]byte("like mac os x"), "iOS"}, {[]byte("mac os x"), "macOS"}, {[]byte("macintosh"), "macOS"}, {[]byte("mac_powerpc"), "macOS"},
	{[]byte("cros "), "ChromeOS"}, {[]byte("playstation"), "PlayStation"}, {[]byte("nintendo"), "Nintendo"}, {[]byte("freebsd"), "FreeBSD"}, {[]byte("openbsd"), "OpenBSD"}, {[]byte("netbsd"), "NetBSD"},
	{[]byte("sunos"), "Solaris"}, {[]byte("haiku"), "Haiku"}, {[]byte("linux"), "Linux"}, {[]byte("x11"), "Unix"}, {[]byte("symbian"), "Symbian"}, {[]byte("blackberry"), "BlackBerry"},
}

// names returns the names of tokens, each once, and the index of each token's name; 0 is for no
// token.
func names(tokens []token) (names []string, number []uint8) {
	names = []string{"other"}
	known := map[string]uint8{}
	for _, t := range tokens {
		n, ok := known[t.name]
		if !ok {
			n = uint8(len(names))
			known[t.name] = n
			names = append(names, t.name)
		}
		number = append(number, n)
	}
	return names, number
}

var (
	browserNames, browserNumber = names(browserTokens)
	systemNames, systemNumber   = names(systemTokens)
)

// Browsers returns the names of browsers, for Agent.Browser.
func Browsers() []string { return browserNames }

// Systems returns the names of systems, for Agent.System.
func Systems() []string { return systemNames }

// person finds browser and system in a user agent in lower case.
func person(text []byte) Agent {
	return Agent{Browser: first(text, browserTokens, browserNumber), System: first(text, systemTokens, systemNumber)}
}

func first(text []byte, tokens []token, number []uint8) uint8 {
	for i, t := range tokens {
		if bytes.Contains(text, t.text) {
			return number[i]
		}
	}
	return 0
}
