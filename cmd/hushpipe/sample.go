package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"hushpipe/filter"
	"hushpipe/filter/dir"
	"hushpipe/filter/rooms"
	"hushpipe/filter/store"
	"hushpipe/filter/where"
)

// sample is filter --check --sample: it shows what filter makes of each line of stdin.
// Original values are shown only if clear is true, which is for terminals: other
// outputs may be kept.
func sample(pipeline *pipeline, stdin io.Reader, stdout io.Writer, clear bool) error {
	f := filter.New(pipeline.filter, &store.Stream{Now: pipeline.store.Now})
	hasher := rooms.NewHasher(nil)
	return eachLine(stdin, func(n int, line []byte) {
		drawSample(stdout, n, f.Sample(line), pipeline, hasher, clear)
	})
}

// eachLine calls draw for each line of stdin, numbered from 1.
func eachLine(stdin io.Reader, draw func(n int, line []byte)) error {
	in := bufio.NewReaderSize(stdin, filter.MaxLine+1)
	for n := 1; ; n++ {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return fmt.Errorf("stdin: line %d is longer than 1 MiB; hint: give a few lines of a log", n)
		}
		if line = bytes.TrimSuffix(line, []byte("\n")); len(line) > 0 || err == nil {
			draw(n, line)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read stdin: %w", dir.Bare(err))
		}
	}
}

// samplePolicy is filter --policy --check --sample: it shows what each stream writes of
// each line of stdin, with throw-away keys.
func samplePolicy(j *policyPipeline, stdin io.Reader, stdout io.Writer) error {
	calendars := make([]*store.Stream, len(j.streams))
	for i := range calendars {
		calendars[i] = &store.Stream{Now: now}
	}
	streams := make([]filter.Stream, len(j.streams))
	for i, s := range j.streams {
		if s == nil {
			continue
		}
		calendar := calendars[i]
		if s.keys >= 0 {
			calendar = calendars[s.keys]
		}
		cfg := s.pipeline.filter
		cfg.Hours = false // no file is written
		streams[i] = filter.Stream{Gate: sampleGate(&j.policy.Streams[i]), Filter: filter.New(cfg, calendar), Get: func() *filter.Batch { return &filter.Batch{} }}
	}
	f := filter.NewStreams(j.input, where.New(j.policy), streams)
	return eachLine(stdin, func(n int, line []byte) {
		written, event := f.Sample(line)
		if event != "" {
			event = ", event " + event
		}
		fmt.Fprintf(stdout, "line %d%s\n", n, event)
		table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
		for i, text := range written {
			switch {
			case text == nil:
				continue
			case len(text) == 0:
				text = []byte("no line is kept, only figures")
			}
			fmt.Fprintf(table, "  %s\t%s\n", j.policy.Streams[i].Name, strings.Map(printable, string(text)))
		}
		table.Flush()
		if !slices.ContainsFunc(written, func(text []byte) bool { return text != nil }) {
			fmt.Fprintln(stdout, "  goes to no stream")
		}
	})
}

func drawSample(stdout io.Writer, n int, s filter.Sample, pipeline *pipeline, hasher *rooms.Hasher, clear bool) {
	if s.Known {
		fmt.Fprintf(stdout, "line %d fits\n", n)
	} else {
		fmt.Fprintf(stdout, "line %d fits no format: what could be an address or a client's name is replaced\n", n)
	}
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	row := func(cells ...string) {
		for i := range cells {
			cells[i] = strings.Map(printable, cells[i])
		}
		fmt.Fprintf(table, "  %s\n", strings.TrimRight(strings.Join(cells, "\t"), "\t"))
	}
	for i, field := range s.Fields {
		note := "kept"
		if field.Was != field.Is {
			note = "replaced"
			if clear {
				note = "was " + field.Was
			}
		}
		if i == s.Client {
			note += "; the client"
		}
		row(field.Name, field.Is, note)
	}
	if s.Known && !pipeline.errorLog {
		switch {
		case pipeline.filter.Rooms == nil:
			row("room", "none: rooms are not counted")
		case s.Client < 0:
			row("client", "none: no room is counted")
		case !s.Counts:
			row("room", "none")
		default:
			// The secret of --room-hash hmac is in DIR, which is not read.
			name := "one, by HMAC"
			if !pipeline.store.Secret {
				name = fmt.Sprintf("%x", *hasher.Sum(&s.Room))
			}
			if clear {
				name += " " + string(bytes.Join([][]byte{s.Room.Tenant, s.Room.Room}, []byte("/")[:min(len(s.Room.Tenant), 1)]))
			}
			row("room", name)
		}
	}
	row("written", string(s.Line))
	table.Flush()
}
