package main

import (
	"os"
	"path/filepath"

	"github.com/spf13/pflag"
)

// liveFlags are the flags of filter that replay does not have: the input, and how the
// process runs.
type liveFlags struct {
	input   string
	stdout  bool
	user    string
	metrics string
	check   bool
	sample  bool
}

func (o *liveFlags) define(flags *pflag.FlagSet) {
	flags.StringVar(&o.input, "input", "", "read the FIFO at `PATH` instead of stdin, for servers that only write to a path; see hushpipe-servers(7)")
	flags.BoolVar(&o.stdout, "stdout", false, "write the lines to stdout, whatever their age, and count nothing; DIR is optional and only its keys are read")
	flags.StringVar(&o.user, "user", "", "switch from root to the user `NAME`, and make that user the owner of DIR and KEYDIR")
	flags.StringVar(&o.metrics, "metrics", "", "write metrics to `FILE` every 15 s, for node_exporter's textfile collector: /DIRECTORY/NAME.prom")
	flags.BoolVar(&o.check, "check", false, "test flags and DIR, read nothing, and exit with 0 or 2")
	flags.BoolVar(&o.sample, "sample", false, "with --check, read lines from stdin and show how each field is read and written, which one is the client, and which room it counts for; DIR is optional")
}

// checkInputFlag checks --input and makes its path absolute.
func (o *liveFlags) checkInputFlag(dir string) error {
	if o.input == "" {
		return nil
	}
	if o.stdout {
		return usage("--input: it has no use with --stdout; hint: leave one of them out")
	}
	folder, err := os.Stat(filepath.Dir(o.input))
	if at, err2 := os.Stat(dir); err == nil && err2 == nil && os.SameFile(folder, at) {
		return usage("--input %s: it is in DIR; hint: give a path elsewhere, as /run/hushpipe/NAME/access.log", o.input)
	}
	if path, err := filepath.Abs(o.input); err == nil {
		o.input = path
	}
	return nil
}

// metricsFile checks --metrics.
func (o *liveFlags) metricsFile(dir string, log *messageLog) (*metricsFile, error) {
	if o.stdout {
		return nil, usage("--metrics: with --stdout nothing is written to DIR; hint: leave one of them out")
	}
	return newMetricsFile(o.metrics, dir, log)
}
