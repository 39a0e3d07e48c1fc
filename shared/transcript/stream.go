package transcript

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
)

// stream reads a file of Telegram's. Where its connection is cut it goes on
// with another one from the same byte, as long as each has brought something.
type stream struct {
	ctx     context.Context //nolint:containedctx // as in net/http, reading goes on under the context of the request
	files   Files
	of      FileRef
	most    int64 // bytes that the file may have; 0: any number
	at      int64 // bytes read, from the beginning of the file
	total   int64 // bytes of the file as Telegram says; -1: it does not
	body    io.ReadCloser
	brought bool // the connection has brought something

	seen pace // for those beside
}

func newStream(ctx context.Context, files Files, of FileRef, most int64) *stream {
	return &stream{ctx: ctx, files: files, of: of, most: most, total: -1, seen: pace{began: time.Now()}}
}

// pace is how far a stream is, for those who look at it from beside.
type pace struct {
	began time.Time
	from  atomic.Int64 // byte at which the stream began
	at    atomic.Int64
	total atomic.Int64
}

const hundred = 100

// progress gives how much of the file has come, and how long the rest takes at
// the pace so far. It may be asked while the stream is read.
func (s *stream) progress() Progress {
	from, at, total := s.seen.from.Load(), s.seen.at.Load(), s.seen.total.Load()
	if total <= 0 || at <= from {
		return Progress{}
	}

	left := time.Duration(float64(time.Since(s.seen.began)) * float64(total-at) / float64(at-from))

	return Progress{Stage: Downloading, Percent: int(at * hundred / total), Left: roughly(left)}
}

// roughly rounds an estimate up to what it is good for, so that it does not
// change with every look at it.
func roughly(left time.Duration) time.Duration {
	const few = 10 * time.Second

	step := few
	if left > time.Minute {
		step = time.Minute
	}

	return (left + step - 1).Truncate(step)
}

// start puts the stream to a byte of the file; it is not open there yet.
func (s *stream) start(at, total int64) {
	s.close()
	s.at, s.total = at, total
	s.seen.from.Store(at)
	s.seen.at.Store(at)
}

// open makes the connection. Telegram's word on the size is noted, not trusted.
func (s *stream) open() error {
	body, size, err := s.files.Open(s.ctx, s.of, s.at)
	if err != nil {
		return errs.Context(err, "open the file of message %d at byte %d", s.of.Message, s.at)
	}

	s.body, s.total, s.brought = body, size, false
	s.seen.total.Store(size)

	return s.checkLimit()
}

// fill reads until the buffer is full or the file has ended, and reports which.
func (s *stream) fill(buffer []byte) (int, bool, error) {
	var count int

	for count < len(buffer) {
		if s.body == nil {
			if err := s.open(); err != nil {
				return count, false, err
			}
		}

		read, err := s.body.Read(buffer[count:])
		count += read
		s.at += int64(read)
		s.brought = s.brought || read > 0

		if err := s.checkSize(); err != nil {
			return count, false, err
		}

		s.seen.at.Store(s.at)

		if err == nil {
			continue
		}

		if s.at == s.total { // whatever became of the connection behind that
			return count, true, nil
		}

		if err == io.EOF { //nolint:errorlint // only io.EOF itself is the end: what wraps it was cut
			if s.total < 0 {
				return count, true, nil
			}

			err = errs.New(errs.Unavailable, "%d of %d bytes came", s.at, s.total)
		}

		s.close()

		if !s.brought || !errs.Retryable(err) || errs.RetryAfter(err) > 0 || s.ctx.Err() != nil {
			return count, false, errs.Context(err, "read the file of message %d", s.of.Message)
		}

		slog.InfoContext(s.ctx, "connection was cut, another goes on", "byte", s.at, "error", err)
	}

	return count, false, nil
}

// checkSize holds the file to what Telegram said that it is.
func (s *stream) checkSize() error {
	if s.total >= 0 && s.at > s.total {
		return errs.New(errs.Unavailable, "%d bytes came of %d", s.at, s.total)
	}

	return s.checkLimit()
}

// checkLimit holds the file to what it may be.
func (s *stream) checkLimit() error {
	if size := max(s.at, s.total); s.most > 0 && size > s.most {
		return errs.New(errs.Invalid, "the file has %d bytes or more, %d may be", size, s.most).
			Tell("error.too_big", errs.Args{"Limit": s.most >> 20})
	}

	return nil
}

// outOfTime reports whether the stream was ended for the end of the invocation.
func (s *stream) outOfTime() bool { return errors.Is(context.Cause(s.ctx), errTimeShort) }

func (s *stream) close() {
	if s.body != nil {
		s.body.Close() // it was read, nothing can be lost
		s.body = nil
	}
}
