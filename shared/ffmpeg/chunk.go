package ffmpeg

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/lapak-id/lapak/shared/blob"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/transcript"
)

const (
	chunkBytes = 512 << 10
	// keptChunks are held at most: ffmpeg reads along a file, and goes back and
	// forth between its head, its end and where it is.
	keptChunks = 8
	// ahead is how many chunks are fetched before they are asked for.
	ahead = 2
)

// chunks reads a media anywhere, as ffmpeg reads files: pieces are fetched
// once and the last few are kept.
type chunks struct {
	media   transcript.Media
	ctx     context.Context //nolint:containedctx // io.ReaderAt has no place for it
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	kept    []*chunk // the one used last comes last
	failure error    // the first of reading the media
}

// chunk is a piece of a media, whole when done is closed.
type chunk struct {
	number int64
	done   chan struct{}
	data   []byte
	err    error
}

// newChunks makes a reader whose close ends its work.
func newChunks(ctx context.Context, media transcript.Media) *chunks {
	ctx, cancel := context.WithCancel(ctx)

	return &chunks{media: media, ctx: ctx, cancel: cancel}
}

func (c *chunks) close() {
	c.cancel()
	c.running.Wait()
}

// failed gives the first error of reading the media.
func (c *chunks) failed() error {
	c.mu.Lock()
	defer c.mu.Unlock()

	return c.failure
}

// ReadAt implements io.ReaderAt. Errors of reading the media keep their code.
func (c *chunks) ReadAt(into []byte, offset int64) (int, error) {
	total := 0

	for total < len(into) && offset < c.media.Size {
		piece := c.want(offset / chunkBytes)

		select {
		case <-piece.done:
		case <-c.ctx.Done():
			return total, c.ctx.Err() //nolint:wrapcheck // whoever ended it knows
		}

		if piece.err != nil {
			return total, piece.err
		}

		count := copy(into[total:], piece.data[offset%chunkBytes:])
		total += count
		offset += int64(count)
	}

	if total < len(into) {
		return total, io.EOF
	}

	return total, nil
}

// want gives a chunk, and has it and those behind it fetched where they are
// not there.
func (c *chunks) want(number int64) *chunk {
	c.mu.Lock()
	defer c.mu.Unlock()

	wanted, there := c.take(number)
	if !there {
		return wanted
	}

	// Whoever comes back for a chunk is reading along.
	for next := number + 1; next <= number+ahead && next*chunkBytes < c.media.Size; next++ {
		if c.find(next) < 0 {
			c.take(next)
		}
	}

	return wanted
}

// take gives a chunk, and whether it was there or on its way already.
func (c *chunks) take(number int64) (*chunk, bool) {
	if at := c.find(number); at >= 0 {
		found := c.kept[at]
		c.kept = append(append(c.kept[:at:at], c.kept[at+1:]...), found)

		return found, true
	}

	if len(c.kept) >= keptChunks {
		c.kept = c.kept[1:]
	}

	fresh := &chunk{number: number, done: make(chan struct{})}
	c.kept = append(c.kept, fresh)
	c.running.Go(func() { c.fetch(fresh) })

	return fresh, false
}

func (c *chunks) find(number int64) int {
	for at, of := range c.kept {
		if of.number == number {
			return at
		}
	}

	return -1
}

// fetch reads a chunk. One that failed is forgotten, so that the next reader
// tries again.
func (c *chunks) fetch(of *chunk) {
	defer close(of.done)

	of.data, of.err = c.read(of.number * chunkBytes)
	if of.err == nil {
		return
	}

	c.mu.Lock()
	defer c.mu.Unlock()

	if c.failure == nil && c.ctx.Err() == nil {
		c.failure = of.err
	}

	if at := c.find(of.number); at >= 0 && c.kept[at] == of {
		c.kept = append(c.kept[:at:at], c.kept[at+1:]...)
	}
}

func (c *chunks) read(offset int64) ([]byte, error) {
	length := min(chunkBytes, c.media.Size-offset)

	body, err := c.media.Open(c.ctx, blob.Range{Offset: offset, Length: length})
	if err != nil {
		return nil, fmt.Errorf("open the media at byte %d: %w", offset, err)
	}
	defer body.Close() // it was read

	data := make([]byte, length)
	if _, err := io.ReadFull(body, data); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, errs.Wrap(err, errs.Unavailable, "the media broke off behind byte %d of %d", offset, c.media.Size)
		}

		return nil, fmt.Errorf("read the media at byte %d: %w", offset, err)
	}

	return data, nil
}

// server lets ffmpeg read a media where it likes, by HTTP on this machine. Its
// address cannot be guessed.
type server struct {
	address string
	http    *http.Server
	serving sync.WaitGroup
}

// serve begins to listen. Nothing is answered before begin is called.
func serve(media *chunks) (*server, net.Listener, error) {
	var config net.ListenConfig

	listener, err := config.Listen(media.ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, errs.Wrap(err, errs.Internal, "listen for ffmpeg on 127.0.0.1")
	}

	path := "/" + rand.Text()
	made := &server{address: "http://" + listener.Addr().String() + path}
	made.http = &http.Server{
		Handler:           handler(path, media),
		ReadHeaderTimeout: graceful,
		ConnState:         made.follow,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug), // ffmpeg hangs up as it likes
	}

	return made, listener, nil
}

func (s *server) begin(listener net.Listener) {
	s.serving.Go(func() { _ = s.http.Serve(listener) }) // close is what ends it
}

func (s *server) close() {
	_ = s.http.Close() // there is nobody left to answer
	s.serving.Wait()
}

// follow counts connections, so that none outlives the server.
func (s *server) follow(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.serving.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.serving.Done()
	case http.StateActive, http.StateIdle:
	}
}

// handler serves the media under one path, with ranges.
func handler(path string, media *chunks) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != path {
			http.NotFound(w, r)

			return
		}

		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, r, "", time.Time{}, io.NewSectionReader(media, 0, media.media.Size))
	})
}
