package ffmpeg

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lapak-id/lapak/shared/blob"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/transcript"
)

const (
	// gap is what times must jump by to be a gap: 100 ms. Containers round
	// their times, and clocks of recorders drift.
	gap = ticksPerSecond / 10
	// lag is how much sound is read on for a cut while its levels are on their
	// way: far more than ffmpeg and the pipes hold.
	lag = 60 * ticksPerSecond
	// tolerated is how much sound may be more or less than is claimed before
	// the claim is wrong: 2 s, or 2 percent.
	tolerated      = 2 * time.Second
	toleratedShare = 50
)

// conversion is a media on its way through ffmpeg. Sound is kept from where
// the last part ended; whoever holds a part holds its memory, nobody else does.
type conversion struct {
	report  report
	claimed time.Duration // 0: the file does not say
	longest time.Duration
	jumps   bool // its index stands behind its sound
	plan    plan

	media  *chunks
	body   io.Closer // of the media, where it is piped
	run    *process
	meter  *meter // nil: no levels were asked for
	metred sync.WaitGroup

	pages   pages
	page    page
	unpaged packetReader
	heads   int // packets of the head that were read

	kept    packets
	heard   int   // packets at the beginning of kept that are there for the decoder only
	shared  int64 // ticks behind heard that the part before has too
	base    int64 // ticks of all packets before kept
	preSkip int64
	number  int32 // of the encoder's next packet
	skew    int64 // ticks of jumps in time that were not believed
	trim    int64 // ticks of the last packet that are not sound

	parts   int // given
	ended   bool
	failure error
	done    atomic.Int64 // ticks
}

// convert starts ffmpeg on a media.
func (p *Preparer) convert(
	ctx context.Context, media *chunks, made *conversion, bounds transcript.Bounds,
) (transcript.Prepared, error) {
	planned, err := planFor(made.claimed, bounds)
	if err != nil {
		return nil, err
	}

	// Which parts there are is not known where the file does not say.
	levels := planned.parts > 1 || made.claimed == 0 || made.report.estimated
	how := launch{
		program: p.program, media: media, levels: levels,
		arguments: func(input string) []string { return convertArguments(input, planned.bitrate, levels) },
	}

	made.plan, made.media = planned, media

	if !made.jumps {
		body, err := media.media.Open(ctx, blob.Range{})
		if err != nil {
			return nil, fmt.Errorf("open the media: %w", err)
		}

		how.stream, made.body = body, body
	}

	if made.run, err = start(ctx, how); err != nil {
		if made.body != nil {
			made.body.Close()
		}

		return nil, err
	}

	made.pages = pages{from: bufio.NewReaderSize(made.run.output, blockBytes)}

	if levels {
		made.meter = &meter{}
		made.metred.Go(func() {
			made.meter.listen(made.run.levels)
			_ = made.run.levels.Close() // it was read
		})
	}

	return made, nil
}

func (c *conversion) About() transcript.About {
	return transcript.About{
		Format: shortName(c.report.format), Duration: c.claimed, Bitrate: c.plan.bitrate, Bytes: c.plan.bytes, Parts: c.plan.parts,
	}
}

// shortName is what people call a container that ffmpeg has several names for.
func shortName(format string) string {
	switch first, _, _ := strings.Cut(format, ","); first {
	case "mov":
		return "mp4"
	case "matroska":
		return "mkv"
	default:
		return first
	}
}

func (c *conversion) Done() time.Duration { return timeOf(c.done.Load()) }

// Missing compares what came out with what the file said. What ffmpeg made up
// from a bitrate says nothing.
func (c *conversion) Missing() time.Duration {
	missing := c.claimed - c.Done()
	if !c.ended || c.report.estimated || missing <= max(tolerated, c.claimed/toleratedShare) {
		return 0
	}

	return missing
}

// Next gives the next part; see transcript.Prepared. A failure stays.
func (c *conversion) Next(ctx context.Context) (transcript.Part, error) {
	stop := context.AfterFunc(ctx, c.run.cancel)
	defer stop()

	for c.failure == nil {
		at, sharing, ready := c.cut()
		if ready {
			return c.give(at, sharing), nil
		}

		if c.ended {
			return transcript.Part{}, io.EOF
		}

		c.failure = c.read()
	}

	return transcript.Part{}, c.failure
}

// position is where in the media the kept sound ends, in ticks.
func (c *conversion) position() int64 { return max(0, c.base+c.kept.ticks-c.preSkip-c.trim) }

// read takes a page of ffmpeg's output.
func (c *conversion) read() error {
	err := c.pages.next(&c.page)
	if err == nil {
		return c.take()
	}

	c.ended = true
	_, _ = io.Copy(io.Discard, c.run.output) // what ffmpeg says at its end explains the output, so it has to come to it
	failure := c.run.wait()
	c.run.cancel()
	c.metred.Wait()

	switch {
	case failure == nil && !errors.Is(err, io.EOF):
		return errs.Wrap(err, errs.Internal, "read the output of ffmpeg")
	case failure != nil && (!errs.Is(failure, errs.Invalid) || c.kept.ticks+c.base == 0 || c.run.reading != nil):
		return failure
	case c.position() == 0:
		return notMedia("there is no sound in the media: %s", c.run.complaint)
	}

	return nil // what could be made of damaged media is what there is
}

// take adds the packets of a page.
func (c *conversion) take() error {
	if c.page.granule >= 0 && c.heads == 2 {
		if err := c.fillGap(); err != nil {
			return err
		}
	}

	err := c.unpaged.read(&c.page, c.add)
	if err != nil {
		return errs.Wrap(err, errs.Internal, "read the output of ffmpeg")
	}

	if over := c.base + c.kept.ticks + c.skew - c.page.granule; c.page.flags&lastPage != 0 && over > 0 && over < ticksPerSecond {
		c.trim = over
	}

	c.done.Store(c.position())

	if length := timeOf(c.position()); length > c.longest+tolerated {
		return errs.New(errs.Invalid, "the media says that it lasts %s and goes on beyond %s", c.claimed, c.longest).
			Tell("error.over_limit_unsaid", errs.Args{"Limit": clock(c.longest)})
	}

	return nil
}

// add keeps a packet of the encoder.
func (c *conversion) add(packet []byte) error {
	if c.heads < 2 {
		c.heads++

		if head, ok := readOpusHead(packet); ok {
			c.preSkip = head.preSkip
		} else if !bytes.HasPrefix(packet, []byte(tagsMagic)) {
			return errOgg
		}

		return nil
	}

	ticks := packetTicks(packet)
	if ticks == 0 || len(packet) > blockBytes {
		return errOgg
	}

	c.kept.add(packet, ticks, c.number)
	c.number++

	return nil
}

// fillGap puts silence where the times of the media jump, so that what comes
// behind keeps its place. A jump beyond the end of the media is a wrong time.
func (c *conversion) fillGap() error {
	ticks := int64(0)

	err := c.unpaged.peek(&c.page, func(packet []byte) { ticks += int64(packetTicks(packet)) })
	if err != nil {
		return errs.Wrap(err, errs.Internal, "read the output of ffmpeg")
	}

	jump := c.page.granule - ticks - (c.base + c.kept.ticks + c.skew)
	if jump < gap {
		return nil
	}

	end := c.longest
	if c.claimed > 0 && !c.report.estimated {
		end = min(end, c.claimed)
	}

	if c.position()+jump > ticksOf(end+tolerated) {
		c.skew += jump

		return nil
	}

	for ; jump >= quietTicks; jump -= quietTicks {
		c.kept.add(quiet, quietTicks, -1)
	}

	return nil
}

// cut says before which of the kept packets the next part ends, whether the
// one behind has to share some sound with it, and whether that is known yet.
func (c *conversion) cut() (int, bool, bool) {
	length := c.kept.ticks - c.aheadOf(c.heard)
	place := ticksOf(c.plan.target) * int64(c.parts+1)
	until := min(place+ticksOf(c.plan.slack)-(c.position()-length), ticksOf(c.plan.longest)) // in this part
	full := c.plan.most > 0 && c.kept.bytes >= c.plan.most/100*(100-oggShare)

	if length <= until && !full {
		return len(c.kept.refs), false, c.ended && length > c.shared
	}

	until = min(until, length)
	last := c.indexAt(until)

	if c.meter == nil {
		return last, true, true
	}

	if !c.meter.known(c.lastNumber()) && length < until+lag && !full {
		return 0, false, false
	}

	first := c.indexAt(max(until-2*ticksOf(c.plan.slack), until/2, c.shared))

	levels := make([]uint8, 0, last-first)
	for _, of := range c.kept.refs[first:last] {
		levels = append(levels, c.meter.of(of.number))
	}

	best, silent := bestCut(levels)

	return first + best, !silent, true
}

// oggShare is what Ogg takes of a part's bytes at most, in percent.
const oggShare = 10

// lastNumber is that of the encoder's last packet.
func (c *conversion) lastNumber() int32 { return c.number - 1 }

// aheadOf is how many ticks of kept come before a packet.
func (c *conversion) aheadOf(index int) int64 {
	ticks := int64(0)
	for _, of := range c.kept.refs[:index] {
		ticks += int64(of.ticks)
	}

	return ticks
}

// indexAt is the packet before which so many ticks of the part have passed.
func (c *conversion) indexAt(ticks int64) int {
	at := c.heard
	for ; at < len(c.kept.refs) && ticks > 0; at++ {
		ticks -= int64(c.kept.refs[at].ticks)
	}

	return at
}

// give makes a part of the packets before one, and keeps those behind, with
// what the next part needs of these.
func (c *conversion) give(end int, sharing bool) transcript.Part {
	skip := c.aheadOf(c.heard)
	if c.parts == 0 {
		skip = c.preSkip
	}

	file := &stream{packets: c.kept, count: end, preSkip: skip}

	last := c.ended && end == len(c.kept.refs)
	if last {
		file.trim = c.trim
	}

	ticks := c.aheadOf(end)
	c.parts++

	part := transcript.Part{
		Number: c.parts, Start: timeOf(c.base + skip - c.preSkip), Length: timeOf(ticks - skip - file.trim),
		Overlap: timeOf(c.shared), Name: "audio.ogg", Type: "audio/ogg", Size: file.size(),
		Open: func(context.Context) (io.ReadCloser, error) { return file.open(), nil },
	}

	c.shared = 0
	if sharing {
		c.shared = ticksOf(overlap)
	}

	if last {
		c.base += c.kept.ticks
		c.kept, c.heard = packets{}, 0
	} else {
		c.leave(end)
	}

	return part
}

// leave drops the packets before one, but for those that the next part shares
// with this one, and those before these that its decoder needs.
func (c *conversion) leave(end int) {
	start, back := end, int64(0)
	for ; start > 0 && back < c.shared; start-- {
		back += int64(c.kept.refs[start-1].ticks)
	}

	first := start
	for roll := int64(0); first > 0 && roll < preRoll; first-- {
		roll += int64(c.kept.refs[first-1].ticks)
	}

	c.shared, c.heard = back, start-first
	c.base += c.aheadOf(first)
	c.kept = c.kept.from(first)
}

// Close ends ffmpeg and frees what it held. What was given stays valid.
func (c *conversion) Close() error {
	c.run.cancel()
	c.media.cancel()

	if c.body != nil {
		c.body.Close() // which also ends a read that hangs
	}

	_ = c.run.wait() // it was cut short, or Next has told
	c.metred.Wait()
	c.media.close()

	return nil
}
