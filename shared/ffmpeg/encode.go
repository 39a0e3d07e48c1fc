package ffmpeg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
)

const (
	// bitrate of speech: 24 kbit/s of Opus is 10 MB an hour and loses nothing
	// that a recogniser needs.
	bitrate = "24k"
	// maxComplaint is how much of ffmpeg's own words is kept for the log.
	maxComplaint = 2 << 10
	// graceful is how long ffmpeg has to end after its input or its reader is gone.
	graceful = 5 * time.Second
)

// Encoder runs ffmpeg.
type Encoder struct{ program string }

// New makes an encoder that runs the program at a path.
func New(program string) *Encoder { return &Encoder{program: program} }

// arguments: the first audio track, 16 kHz mono, in Ogg Opus. Only pipes may
// be opened, so that no playlist makes ffmpeg read files or addresses; any
// error ends the run, since ffmpeg otherwise takes a cut file for a whole one.
func arguments() []string {
	return []string{
		"-nostdin", "-hide_banner", "-loglevel", "error", "-xerror",
		"-protocol_whitelist", "pipe", "-i", "pipe:0",
		"-map", "0:a:0", "-vn", "-sn", "-dn", "-map_metadata", "-1",
		"-ac", "1", "-ar", "16000", "-c:a", "libopus", "-b:a", bitrate, "-application", "voip", "-compression_level", "5",
		"-threads", "1", "-f", "ogg", "pipe:1",
	}
}

// Encode starts ffmpeg on media and gives its output, Ogg Opus at 16 kHz mono.
// Reading it fails with Invalid where ffmpeg cannot understand the media, and
// with the media's own error where reading that fails. Close ends ffmpeg and
// gives the same error again. A media that hangs holds it up for no longer than
// 5 s; closing that media is then what ends the last read of it.
func (e *Encoder) Encode(ctx context.Context, media io.Reader) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancel(ctx)
	input := &source{from: media, done: make(chan struct{})}
	complaint := &head{limit: maxComplaint}

	command := exec.CommandContext(ctx, e.program, arguments()...) //nolint:gosec // the path is a setting of the operator
	command.Stderr = complaint
	command.WaitDelay = graceful
	command.Env = []string{} // no secrets of ours for a program that reads strangers' files

	output, err := command.StdoutPipe()
	if err != nil {
		cancel()

		return nil, errs.Wrap(err, errs.Internal, "make a pipe for ffmpeg")
	}

	feed, err := command.StdinPipe() // not Stdin, for which Wait would wait although it hangs
	if err != nil {
		cancel()

		return nil, errs.Wrap(err, errs.Internal, "make a pipe for ffmpeg")
	}

	if err := command.Start(); err != nil {
		cancel()

		return nil, errs.Wrap(err, errs.Internal, "start ffmpeg at %s (is the layer there, is LAPAK_FFMPEG right?)", e.program)
	}

	go input.pour(feed)

	wait := sync.OnceValue(func() error {
		waited := command.Wait()
		input.await()

		return verdict(waited, input.failure(), complaint.String())
	})

	return &encoded{output: output, wait: wait, cancel: cancel}, nil
}

// verdict says what an ended run means. The media's reader knows better than
// ffmpeg why input was missing.
func verdict(waited, reading error, complaint string) error {
	if reading != nil {
		return fmt.Errorf("read media for ffmpeg: %w", reading)
	}

	if exit, ok := errors.AsType[*exec.ExitError](waited); ok && exit.Exited() {
		return errs.New(errs.Invalid, "ffmpeg does not understand the media: %s", complaint).Tell("error.not_media", nil)
	}

	if waited != nil {
		return errs.Wrap(waited, errs.Unavailable, "ffmpeg was stopped: %s", complaint)
	}

	return nil
}

// encoded is the output of a running ffmpeg.
type encoded struct {
	output io.ReadCloser
	wait   func() error
	cancel context.CancelFunc
	ended  atomic.Bool // a reader may still be at it when Close is called
}

// Read passes on ffmpeg's output. The end of the output is the end of the
// stream only if ffmpeg ended well.
func (e *encoded) Read(into []byte) (int, error) {
	count, err := e.output.Read(into)
	if err == nil || count > 0 {
		return count, nil
	}

	e.ended.Store(true)
	if failure := e.wait(); failure != nil {
		return 0, failure
	}

	return 0, io.EOF
}

// Close ends ffmpeg. It gives the failure of a run that ended by itself; one
// that was cut short by Close has none.
func (e *encoded) Close() error {
	if e.ended.Load() {
		e.cancel()

		return e.wait()
	}

	e.cancel()

	if err := e.wait(); err != nil && errs.Is(err, errs.Invalid) {
		return err
	}

	return nil
}

// source remembers how reading the media failed.
type source struct {
	from io.Reader
	done chan struct{} // closed when nothing is read any more

	mu  sync.Mutex
	err error
}

// pour passes the media on until it ends or nobody takes any more.
func (s *source) pour(to io.WriteCloser) {
	defer close(s.done)
	defer to.Close() // ffmpeg says what it makes of the end

	_, _ = io.Copy(to, s) // Read has kept its error; one of writing is ffmpeg's own end
}

// await waits for the last read to end, if it does so soon.
func (s *source) await() {
	timer := time.NewTimer(graceful)
	defer timer.Stop()

	select {
	case <-s.done:
	case <-timer.C:
	}
}

func (s *source) Read(into []byte) (int, error) {
	count, err := s.from.Read(into)
	if err != nil && !errors.Is(err, io.EOF) {
		s.mu.Lock()
		s.err = err
		s.mu.Unlock()
	}

	return count, err //nolint:wrapcheck // io.EOF must stay what it is
}

func (s *source) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.err
}

// head keeps the beginning of what is written to it.
type head struct {
	text  bytes.Buffer
	limit int
}

func (h *head) Write(text []byte) (int, error) {
	if room := h.limit - h.text.Len(); room > 0 {
		h.text.Write(text[:min(room, len(text))])
	}

	return len(text), nil
}

func (h *head) String() string { return strings.Join(strings.Fields(h.text.String()), " ") }
