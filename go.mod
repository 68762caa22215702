// Each direct dependency has its reason behind it. One more is no Go module: uPlot
// 1.6.32 (MIT), the charts of the report's page, in format/report/page.
module hushpipe

go 1.26.0

require (
	github.com/cespare/xxhash/v2 v2.3.0 // hashes for the tables in memory, on the hot path of processors without AES and AVX2
	github.com/chromedp/cdproto v0.159.2 // with chromedp
	github.com/chromedp/chromedp v0.23.0 // tests only: the report's page in a real browser
	github.com/cpuguy83/go-md2man/v2 v2.0.6 // tests only: man pages from Markdown
	github.com/gomodule/redigo v1.9.3 // the engine of a fleet, Valkey or Redis; of rueidis, html/template keeps all methods in the program, which grows by 16 MB
	github.com/klauspost/compress v1.20.3 // gzip and zstd archives
	github.com/landlock-lsm/go-landlock v0.11.0 // landlock, for all threads of the process (by libcap's psx)
	github.com/maxmind/mmdbwriter v1.2.0 // tests only: databases of countries
	github.com/oschwald/maxminddb-golang/v2 v2.9.0 // databases of countries, of traffic figures
	github.com/pelletier/go-toml/v2 v2.3.1 // policy files; not 2.4.0 to 2.4.3, which silently leave out UnmarshalText of a named string
	github.com/rickar/cal/v2 v2.1.27 // the public holidays of the German Länder and of Norway, for workdays of a policy
	github.com/rogpeppe/go-internal v1.16.0 // tests only: scripts that run the program
	github.com/schollz/progressbar/v3 v3.19.1 // the progress bar of replay
	github.com/spf13/cobra v1.10.2 // commands, help, completion; man pages in tests
	github.com/spf13/pflag v1.0.9 // cobra's flags
	github.com/stretchr/testify v1.12.1 // tests only
	github.com/valyala/fastjson v1.6.10 // JSON lines without allocation
	github.com/zeebo/xxh3 v1.1.0 // after a kill: a hash of the lines that were counted, ten times as fast as xxhash and the same on each processor
	golang.org/x/net v0.62.0 // public suffixes: the domains of linking sites
	golang.org/x/sys v0.49.0 // openat, flock, renameat2, poll, tee, splice, seccomp
	golang.org/x/text v0.43.0 // room names: Unicode normalisation and lower-casing; reports: words and numbers by language
	kernel.org/pub/linux/libs/security/libcap/psx v1.2.77 // capabilities, for all threads
)

require (
	github.com/go-json-experiment/json v0.0.0-20260213210345-44df1a37e875 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/klauspost/cpuid/v2 v2.2.10 // indirect
	github.com/mitchellh/colorstring v0.0.0-20190213212951-d06e56a500db // indirect
	github.com/rivo/uniseg v0.4.7 // indirect
	github.com/russross/blackfriday/v2 v2.1.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	go4.org/netipx v0.0.0-20231129151722-fdeea329fbba // indirect
	golang.org/x/term v0.47.0 // indirect
	golang.org/x/tools v0.52.0 // indirect
)
