package mtproto

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/retrypolicy"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/transcript"
)

const (
	// chunkBytes is what one request fetches. upload.getFile demands that offset
	// and limit are multiples of 4 KiB, that the limit divides 1 MiB, and that
	// no request crosses a border of 1 MiB:
	// https://core.telegram.org/api/files#downloading-files
	chunkBytes = 512 << 10
	// window is how many chunks are fetched at once, ahead of the reader.
	window = 4
	// tries is how often a chunk is asked for.
	tries = 6
	// Between tries of one chunk.
	tryAgainAfter, tryAgainAfterMost = 200 * time.Millisecond, 5 * time.Second
	// goodbye is how long a session may take to be given back.
	goodbye = 2 * time.Second
)

// chunk is a part of the file, or why it did not come.
type chunk struct {
	data []byte
	err  error
}

// stream is a file that is being fetched: chunks in their order, a few of them
// at once.
type stream struct {
	files  *Files
	as     identity
	leased *lease
	of     transcript.FileRef
	begin  int64 // the offset asked for

	ctx    context.Context //nolint:containedctx // the life of the stream: reads have none
	cancel context.CancelCauseFunc
	work   sync.WaitGroup

	queue   chan chan chunk // in the order of the file
	current []byte          // what was fetched and not read yet
	last    bool            // nothing comes behind current
	err     error           // how it ended

	// gate is held by who looks at or changes what is below; a channel, so that
	// waiting for it ends with the stream.
	gate     chan struct{}
	link     *link
	location location
	refused  int   // how often the session was not known
	broken   error // why the last connection was not made

	dialled atomic.Int64 // how often a connection was tried
}

func newStream(
	ctx context.Context, files *Files, as identity, leased *lease, of transcript.FileRef, from location, offset int64,
) *stream {
	s := &stream{
		files: files, as: as, leased: leased, of: of, begin: offset, location: from,
		queue: make(chan chan chunk, window-1), gate: make(chan struct{}, 1),
	}
	s.ctx, s.cancel = context.WithCancelCause(ctx)

	return s
}

// start connects, begins to fetch and waits for the first chunk.
func (s *stream) start(ctx context.Context) error {
	s.work.Go(func() { s.leased.beat(s.ctx, s.cancel) })

	// A call in flight ends with its connection, not with a context.
	s.work.Go(func() {
		<-s.ctx.Done()
		s.hangUp()
	})

	_, err := s.insist(func() ([]byte, error) {
		_, _, err := s.connected()

		return nil, err
	})
	if err != nil {
		return errs.Context(err, "open a file of store %s", s.of.Store)
	}

	s.work.Go(s.fetch)

	if err := s.advance(ctx); !errors.Is(err, io.EOF) {
		return err
	}

	s.err = io.EOF // nothing lies behind the offset

	return nil
}

// fetch asks for chunk after chunk, as many at once as the queue has room for.
func (s *stream) fetch() {
	defer close(s.queue)

	for offset := s.begin - s.begin%chunkBytes; s.of.Size <= 0 || offset < s.of.Size; offset += chunkBytes {
		coming := make(chan chunk, 1)

		select {
		case s.queue <- coming:
		case <-s.ctx.Done():
			return
		}

		s.work.Go(func() {
			data, err := s.insist(func() ([]byte, error) { return s.try(offset) })
			coming <- chunk{data: data, err: err}
		})
	}
}

// insist does something again and again where that may help.
func (s *stream) insist(do func() ([]byte, error)) ([]byte, error) {
	policy := retrypolicy.NewBuilder[[]byte]().
		HandleIf(func(_ []byte, err error) bool { return s.worthAnotherTry(err) }).
		WithMaxAttempts(tries).
		WithBackoff(tryAgainAfter, tryAgainAfterMost).
		WithDelayFunc(func(exec failsafe.ExecutionAttempt[[]byte]) time.Duration {
			if wait := errs.RetryAfter(exec.LastError()); wait > 0 {
				return wait
			}

			return -1 // as the backoff says
		}).
		ReturnLastFailure().
		Build()

	data, err := failsafe.With[[]byte](policy).WithContext(s.ctx).Get(do)

	return data, s.why(err)
}

// worthAnotherTry reports whether a chunk may come when it is asked for again,
// within the time that there is.
func (s *stream) worthAnotherTry(err error) bool {
	wait := errs.RetryAfter(err)

	if deadline, ok := s.ctx.Deadline(); ok && time.Until(deadline) < wait {
		return false
	}

	return errs.Is(err, errs.Unavailable) || errs.Is(err, errs.Limited) && wait <= patience
}

// try fetches a chunk, and mends what it finds broken for the next try.
func (s *stream) try(offset int64) ([]byte, error) {
	link, from, err := s.connected()
	if err != nil {
		return nil, err
	}

	data, err := link.chunk(from, offset)

	if err == nil {
		return data, s.check(offset, len(data))
	}

	if moved, ok := errors.AsType[elsewhere](err); ok {
		s.move(link, moved.dc)
	}

	switch {
	case errors.Is(err, errConnection):
		s.drop(link)
	case errors.Is(err, errSession):
		return nil, errors.Join(err, s.forget(link))
	case errors.Is(err, errReference):
		if renewed := s.renew(link, from); renewed != nil {
			return nil, renewed
		}
	}

	slog.InfoContext(s.ctx, "chunk did not come, next try soon", "offset", offset, "error", err)

	return nil, err
}

// check compares what came with what must come.
func (s *stream) check(offset int64, came int) error {
	if s.of.Size <= 0 {
		return nil
	}

	if want := min(chunkBytes, s.of.Size-offset); int64(came) != want {
		return errs.New(errs.Unavailable, "fetch a file at byte %d: %d bytes came instead of %d", offset, came, want)
	}

	return nil
}

// hold takes the gate. It fails when the stream has ended.
func (s *stream) hold() error {
	select {
	case s.gate <- struct{}{}:
	case <-s.ctx.Done():
		return s.ended()
	}

	if s.ctx.Err() != nil {
		<-s.gate

		return s.ended()
	}

	return nil
}

func (s *stream) ended() error {
	return errs.Context(context.Cause(s.ctx), "fetch a file of store %s", s.of.Store)
}

// connected gives the link that there is, or makes one, and where the file is.
// Who waited while another has tried in vain does not try once more.
func (s *stream) connected() (*link, location, error) {
	before := s.dialled.Load()

	if err := s.hold(); err != nil {
		return nil, location{}, err
	}
	defer func() { <-s.gate }()

	if s.link == nil && s.dialled.Load() == before {
		s.dialled.Add(1)
		s.link, s.broken = s.files.dial(s.ctx, s.as, s.leased, s.location.dc)

		if errors.Is(s.broken, errSession) { // the next try logs in
			s.broken = errors.Join(s.broken, s.leased.save(s.ctx, nil))
		}
	}

	if s.link == nil {
		return nil, location{}, s.broken
	}

	return s.link, s.location, nil
}

// drop ends a link that has failed; another caller may have done so already.
func (s *stream) drop(failed *link) {
	if s.hold() != nil {
		return
	}
	defer func() { <-s.gate }()

	s.dropHeld(failed)
}

func (s *stream) dropHeld(failed *link) {
	failed.close()

	if s.link == failed {
		s.link = nil
	}
}

// move goes to the data centre in which the file is.
func (s *stream) move(from *link, dc int) {
	if s.hold() != nil {
		return
	}
	defer func() { <-s.gate }()

	if s.link == from {
		s.location.dc = dc
		s.dropHeld(from)
	}
}

// forget has the bot log in anew: Telegram does not know the session any more.
// Another data centre may not know it yet, so there the first time only ends
// the link.
func (s *stream) forget(failed *link) error {
	if err := s.hold(); err != nil {
		return err
	}
	defer func() { <-s.gate }()

	if s.link != failed {
		return nil
	}

	s.refused++
	s.dropHeld(failed)

	if !failed.home && s.refused == 1 {
		return nil
	}

	return s.leased.save(s.ctx, nil)
}

// renew gets the file's present reference out of its message, once for all
// chunks that were asked for with the old one.
func (s *stream) renew(by *link, old location) error {
	if err := s.hold(); err != nil {
		return err
	}
	defer func() { <-s.gate }()

	if string(s.location.file.FileReference) != string(old.file.FileReference) || s.link != by {
		return nil
	}

	var found location

	err := by.await(s.ctx, func(ctx context.Context) error {
		var err error
		found, err = locateAnew(ctx, by.main, s.of)

		return err
	})
	if err != nil {
		return explain(err, "renew the reference of a file")
	}

	slog.InfoContext(s.ctx, "reference of the file renewed", "dc", found.dc)

	if found.dc != s.location.dc {
		s.dropHeld(by)
	}

	s.location = found

	return nil
}

// hangUp ends the link, and with it every call in flight.
func (s *stream) hangUp() {
	s.gate <- struct{}{}
	defer func() { <-s.gate }()

	if s.link != nil {
		s.dropHeld(s.link)
	}
}

// why gives the reason for which the stream was ended rather than what followed
// from it.
func (s *stream) why(err error) error {
	if err == nil || s.ctx.Err() == nil {
		return err
	}

	return s.ended()
}

// Read reads on.
func (s *stream) Read(into []byte) (int, error) {
	for len(s.current) == 0 && s.err == nil {
		s.err = s.advance(s.ctx)
	}

	if len(s.current) == 0 {
		return 0, s.err
	}

	count := copy(into, s.current)
	s.current = s.current[count:]

	return count, nil
}

// advance waits for the next chunk; io.EOF behind the last one.
func (s *stream) advance(ctx context.Context) error {
	if s.last {
		return io.EOF
	}

	var next chunk

	select {
	case coming, ok := <-s.queue:
		if !ok {
			return s.whyOr(io.EOF)
		}

		select {
		case next = <-coming:
		case <-ctx.Done():
			return s.ended()
		}
	case <-ctx.Done():
		return s.ended()
	}

	if next.err != nil {
		return errs.Context(next.err, "fetch a file of store %s", s.of.Store)
	}

	s.current = next.data

	// Where the size is not known, a short chunk is the last one.
	s.last = s.of.Size <= 0 && len(next.data) < chunkBytes

	// What lies before the offset is read past.
	if skip := s.begin % chunkBytes; skip > 0 {
		s.current = s.current[min(skip, int64(len(s.current))):]
		s.begin -= skip
	}

	return nil
}

// whyOr gives the reason for which the stream was ended, else err.
func (s *stream) whyOr(err error) error {
	if s.ctx.Err() != nil {
		return s.ended()
	}

	return err
}

// errClosed ends a stream that its reader does not want any more.
var errClosed = errs.New(errs.Unavailable, "the stream is closed")

// Close ends the connection and gives the session back.
func (s *stream) Close() error {
	if errors.Is(context.Cause(s.ctx), errClosed) {
		return nil
	}

	s.cancel(errClosed)
	s.work.Wait()

	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), goodbye)
	defer cancel()

	if err := s.leased.release(ctx); err != nil && !errs.Is(err, errs.Conflict) {
		slog.WarnContext(ctx, "MTProto session not given back, its lease runs out by itself", "error", err)
	}

	return nil
}
