package main

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hushpipe/filter"
	"hushpipe/filter/acts"
	"hushpipe/filter/audit"
	"hushpipe/filter/policies"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/registry"
	"hushpipe/filter/reread"
	"hushpipe/filter/reveal"
	"hushpipe/format/civil"
)

func revealCommand(stdin *os.File, log *messageLog) *cobra.Command {
	r := &revealer{log: log, ciphers: map[civil.Day]*pseudonym.Cipher{}}
	cmd := &cobra.Command{
		Use:   "reveal [flags] DIR [PSEUDONYM…]",
		Short: "Turn pseudonyms back into addresses, while the day's key exists",
		Long:  manualText("reveal", "1"),
		Example: `  hushpipe reveal /var/log/hushpipe 5c3e:6d9a:11:f2a0:9d4f:2c7e:83b1:e05d
  grep wp-login access.log | hushpipe reveal /var/log/hushpipe`,
		Args: arguments(1, math.MaxInt),
		RunE: func(cmd *cobra.Command, args []string) error {
			if r.date != "" {
				if _, err := parseDayFlag(r.date); err != nil {
					return err
				}
			}
			if r.mode != "" {
				mode, err := pseudonym.ParseMode(r.mode)
				if err != nil {
					return usage("--ip: %w", err)
				}
				if !mode.Reversible() {
					return usage("--ip %s: only ipcrypt and pfx can be turned back", mode)
				}
			}
			confine(args[0], cmp.Or(r.keyDir, registry.StreamKeys(args[0])))
			err := audit.CheckUsed(args[0])
			if err != nil && strings.ContainsAny(args[0], ":.") && !strings.Contains(args[0], "/") {
				return usage("%s is not a DIR%s", args[0], dirFirstHint(cmd, args))
			}
			if err != nil {
				return err
			}
			r.out = cmd.OutOrStdout()
			if streams := streamsOf(args[0]); len(streams) > 0 && r.keyDir == "" {
				return r.inStreams(args[0], streams, args[1:])
			}
			if err := r.openDir(args[0]); err != nil {
				return err
			}
			defer r.keys.Close()
			if len(args) > 1 {
				err = r.arguments(args[1:], 1)
			} else {
				err = r.lines(stdin)
			}
			if err == nil && r.failed {
				err = errReported
			}
			return err
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVar(&r.date, "day", "", "treat pseudonyms as those of the day `DATE`, such as 2026-11-22")
	cmd.Flags().StringVar(&r.mode, "ip", "", "treat pseudonyms as those of `MODE`: ipcrypt or pfx (default as recorded in the journals, else ipcrypt)")
	cmd.Flags().StringVar(&r.keyDir, "keys", "", "look for the day keys in `KEYDIR` (default DIR/keys)")
	cmd.Flags().StringVar(&r.reason, "reason", "", "record `TEXT` in DIR/acts.log, such as the case's number")
	return cmd
}

// revealer turns pseudonyms back into addresses.
type revealer struct {
	revealFlags
	pendingReveal

	actor   actor
	terms   *policies.Terms // nil if DIR is not a stream of a policy
	log     *messageLog
	keys    *reveal.Reader
	out     io.Writer
	ciphers map[civil.Day]*pseudonym.Cipher // nil if the day cannot be revealed, which was logged
	dater   *reread.Dater
	failed  bool
}

// revealFlags is the command line of reveal.
type revealFlags struct{ path, date, mode, keyDir, reason string }

// pendingReveal is what will be revealed once the act is in acts.log.
type pendingReveal struct {
	text  []byte
	days  []civil.Day // of the text
	spans []span      // by day
}

// openDir opens a DIR or the directory of a stream, if its policy allows reveal.
func (r *revealer) openDir(path string) (err error) {
	r.actor = newActor(acts.Reveal, r.reason, nil, r.log)
	if r.terms, err = policies.TermsOf(path); err != nil {
		return err
	}
	if err := r.actor.allows(path, r.terms); err != nil {
		return err
	}
	if r.keys, err = reveal.Open(path, cmp.Or(r.keyDir, registry.StreamKeys(path)), r.log.report); err != nil {
		return err
	}
	r.keys.Scan = reread.Pseudonyms
	r.path = path
	return nil
}

// inStreams reveals single pseudonyms, each from the first directory that has it in a
// file: DIR or a stream.
func (r *revealer) inStreams(path string, streams, args []string) error {
	hint := "give the directory of a stream, such as " + filepath.Join(path, streams[0])
	if len(args) == 0 {
		return usage("%s has streams, and a line does not show which one it belongs to; hint: %s", path, hint)
	}
	places := []string{path}
	for _, name := range streams {
		places = append(places, filepath.Join(path, name))
	}
	found := make([]bool, len(args))
	var refused error // by the policy of a stream
	for _, place := range places {
		of := &revealer{revealFlags: revealFlags{date: r.date, mode: r.mode, reason: r.reason}, log: r.log, out: r.out, ciphers: map[civil.Day]*pseudonym.Cipher{}}
		if err := of.openDir(place); err != nil {
			refused = cmp.Or(refused, err)
			continue
		}
		for i, arg := range args {
			p, ok := pseudonym.ParseAddr([]byte(arg))
			if !ok {
				of.keys.Close()
				return of.arguments(args[i:i+1], i+1) // returns the error
			}
			if _, err := of.dayOf(p); found[i] || err != nil {
				continue
			}
			found[i] = true
			if err := of.arguments(args[i:i+1], i+1); err != nil {
				of.keys.Close()
				return err
			}
		}
		r.failed = r.failed || of.failed
		of.keys.Close()
	}
	for i := range args {
		switch {
		case found[i]:
			continue
		case refused != nil:
			return fmt.Errorf("argument %d: not found in any day's file that may be searched; %w", i+1, refused)
		}
		return fmt.Errorf("argument %d: %s: not found in any day's file of a stream; hint: give the DIR that the line is from", i+1, path)
	}
	if r.failed {
		return errReported
	}
	return nil
}

// arguments reveals single pseudonyms, and prints one address a line after it has
// written the act to acts.log.
func (r *revealer) arguments(args []string, first int) error {
	var text []byte
	n := 0
	for i, arg := range args {
		p, ok := pseudonym.ParseAddr([]byte(arg))
		if !ok {
			return usage("argument %d is not a pseudonym; hint: give an address as the log has it", first+i)
		}
		day, err := r.dayOf(p)
		if err != nil {
			return fmt.Errorf("argument %d: %w", first+i, err)
		}
		cipher := r.cipher(day)
		if cipher == nil {
			r.failed = true
			continue
		}
		addr, ok := cipher.Reveal(p)
		switch {
		case !ok:
			r.log.errorf("argument %d is the pseudonym of a host name or another text, which cannot be turned back", first+i)
			r.failed = true
		case p.Is4() && !cipher.Keeps4() || !addr.IsClient():
			r.log.errorf("argument %d is not a pseudonym of a client: it would give an address that no client can have; hint: copy the client from the line", first+i)
			r.failed = true
		default:
			r.days = append(r.days, day)
			text = append(addr.AppendTo(text), '\n')
			n++
		}
	}
	return r.print(text, n)
}

// dayOf returns the day whose file holds the pseudonym.
func (r *revealer) dayOf(p pseudonym.Addr) (civil.Day, error) {
	if r.date == "" {
		return r.keys.FindDay(p)
	}
	day, err := parseDayFlag(r.date)
	if err != nil {
		return 0, err
	}
	held := map[pseudonym.Addr]bool{p: false}
	if err := r.keys.Find(day, held); err != nil {
		return 0, err
	}
	if !held[p] {
		return 0, fmt.Errorf("%s: not found in the file of %s; hint: leave out --day to search all days", r.path, day)
	}
	return day, nil
}

// lines reveals whole lines in chunks, each with one entry in acts.log. A chunk also
// ends when the input pauses, as with tail -f.
func (r *revealer) lines(in *os.File) error {
	const pause = 100 * time.Millisecond
	var err error
	if r.dater, err = reread.NewDater(time.Local); err != nil {
		return err
	}
	scan := bufio.NewReaderSize(in, filter.MaxLine+1)
	long := false // inside a line longer than MaxLine
	for {
		line, err := scan.ReadSlice('\n')
		switch {
		case long || errors.Is(err, bufio.ErrBufferFull):
			if !long {
				r.log.limited("long", failure, "a line longer than 1 MiB was not revealed")
				r.failed = true
			}
			r.add(line, nil, 0)
			if long = errors.Is(err, bufio.ErrBufferFull); long {
				err = nil
			}
		case len(line) > 0:
			cipher, day := r.cipherOf(line)
			r.add(line, cipher, day)
		}
		if len(r.text) > revealChunk || err != nil || !holdsLine(scan) && isIdle(in, pause) {
			if perr := r.reveal(); perr != nil {
				return perr
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// revealChunk is the least number of bytes in a chunk.
const revealChunk = 1 << 20

// cipherOf returns the cipher for a line's day. If there is none, it logs the reason
// and returns nil.
func (r *revealer) cipherOf(line []byte) (*pseudonym.Cipher, civil.Day) {
	day, dated := r.dater.Day(line)
	if r.date != "" {
		day, _ = parseDayFlag(r.date)
	} else if !dated {
		r.log.limited("undated", failure, "a line has no readable time of its own and was not revealed; hint: give --day")
		r.failed = true
		return nil, 0
	}
	return r.cipher(day), day
}

// add adds a line to the chunk. A nil cipher leaves the line as it is.
func (r *revealer) add(line []byte, cipher *pseudonym.Cipher, day civil.Day) {
	r.text = append(r.text, line...)
	if last := len(r.spans) - 1; last >= 0 && r.spans[last].cipher == cipher && r.spans[last].day == day {
		r.spans[last].end = len(r.text)
		return
	}
	r.spans = append(r.spans, span{len(r.text), day, cipher})
}

// span is a sequence of lines of one day in the chunk, up to text[end].
type span struct {
	end    int
	day    civil.Day
	cipher *pseudonym.Cipher
}

// reveal reveals and prints the chunk.
func (r *revealer) reveal() error {
	held := map[civil.Day]map[pseudonym.Addr]bool{}
	start := 0
	for _, s := range r.spans {
		if s.cipher != nil {
			wanted := held[s.day]
			if wanted == nil {
				wanted = map[pseudonym.Addr]bool{}
				held[s.day] = wanted
			}
			reread.Pseudonyms(r.text[start:s.end], func(a pseudonym.Addr) {
				// The rest is not reversible, or not a client's address.
				if addr, ok := s.cipher.Reveal(a); ok && addr.IsClient() && (!a.Is4() || s.cipher.Keeps4()) {
					wanted[a] = false
				}
			})
		}
		start = s.end
	}
	for day, wanted := range held {
		if err := r.keys.Find(day, wanted); err != nil {
			return err
		}
	}
	var text []byte
	total, start := 0, 0
	for _, s := range r.spans {
		lines := r.text[start:s.end]
		start = s.end
		if s.cipher == nil {
			text = append(text, lines...)
			continue
		}
		var n, left int
		text, n, left = reread.AppendRevealed(text, lines, s.cipher, func(a pseudonym.Addr) bool { return held[s.day][a] })
		total += n
		if n > 0 {
			r.days = append(r.days, s.day)
		}
		if left > 0 {
			r.log.limited("left", failure, fmt.Sprintf("some addresses in lines of %s were not revealed: no file of that day in %s contains them, or the result is not an address that a client can have", s.day, r.path))
			r.failed = true
		}
	}
	r.text, r.spans = r.text[:0], r.spans[:0]
	return r.print(text, total)
}

// holdsLine reports whether the buffer holds a complete line.
func holdsLine(r *bufio.Reader) bool {
	buffered, _ := r.Peek(r.Buffered())
	return bytes.IndexByte(buffered, '\n') >= 0
}

// print writes the act to acts.log, and only then prints the text.
func (r *revealer) print(text []byte, n int) error {
	if n > 0 {
		err := r.actor.note([]dirAction{{r.path, r.terms, r.days, n}})
		r.days = r.days[:0]
		if err != nil {
			return fmt.Errorf("this use cannot be recorded, so nothing is revealed: %w", err)
		}
	}
	_, err := r.out.Write(text)
	return err
}

// cipher returns the cipher of a day. If there is none, it logs the reason and returns
// nil.
func (r *revealer) cipher(day civil.Day) *pseudonym.Cipher {
	if c, known := r.ciphers[day]; known {
		return c
	}
	c, err := r.open(day)
	if err != nil {
		r.log.errorf("%v", err)
		r.failed = true
	}
	r.ciphers[day] = c
	return c
}

func noKeyError(day civil.Day, path, keyDir string) error {
	return fmt.Errorf("no key of %s in %s, it may have been deleted; hint: check --keys", day, cmp.Or(keyDir, filepath.Join(path, "keys")))
}

func (r *revealer) open(day civil.Day) (*pseudonym.Cipher, error) {
	key, err := r.keys.Key(day)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, noKeyError(day, r.path, r.keyDir)
	}
	if err != nil {
		return nil, err
	}
	recorded, sure, err := r.keys.Mode(day, key)
	switch {
	case r.mode == "":
	case err != nil || recorded == "": // journals record several modes, or none
		recorded, err = r.mode, nil
	case recorded != r.mode:
		return nil, fmt.Errorf("the pseudonyms of %s were made with --ip %s, not %s", day, recorded, r.mode)
	}
	if err != nil {
		return nil, err
	}
	if !sure {
		r.log.warnf("some lines of %s were written with another key, which is gone: the addresses shown for them are wrong", day)
	}
	if recorded == "" {
		recorded = pseudonym.Mode{}.String()
	}
	mode, err := pseudonym.ParseMode(recorded)
	if err != nil {
		return nil, err
	}
	if !mode.Reversible() {
		return nil, fmt.Errorf("the addresses of %s were written with --ip %s, which cannot be turned back", day, mode)
	}
	return pseudonym.New(key, mode), nil
}
