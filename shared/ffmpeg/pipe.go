package ffmpeg

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"time"
)

const (
	// maxComplaint is how much of ffmpeg's own words is kept for the log.
	maxComplaint = 2 << 10
	// graceful is how long ffmpeg has to end after its input or its reader is gone.
	graceful = 5 * time.Second
)

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
