package telegram

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/mymmrac/telego"
	ta "github.com/mymmrac/telego/telegoapi"

	"github.com/lapak-id/lapak/shared/errs"
)

const (
	// MaxDownloadBytes is the largest file that the Bot API gives.
	MaxDownloadBytes = 20 << 20
	// stalledAfter is how long a download may bring nothing.
	stalledAfter = 30 * time.Second
)

// Open streams a file that a person has sent from an offset and gives the whole
// file's size in bytes, -1 where Telegram does not say. Invalid, with a sentence for the person, where
// the file is over MaxDownloadBytes or Telegram does not have it any more. The
// caller closes the stream.
func (c *Client) Open(ctx context.Context, fileID string, offset int64) (io.ReadCloser, int64, error) {
	var file *telego.File

	err := obeying(ctx, func() error {
		var err error
		file, err = c.bot.GetFile(ctx, &telego.GetFileParams{FileID: fileID})

		return explain(err, "get the link of a file")
	})

	switch {
	case errs.Is(err, errs.Invalid) && isTooBig(err):
		return nil, 0, tooBig(err)
	case errs.Is(err, errs.Invalid):
		return nil, 0, errs.Context(err, "open a file that Telegram does not have").Tell("error.file_gone", nil)
	case err != nil:
		return nil, 0, err
	case file.FilePath == "":
		return nil, 0, errs.New(errs.Unavailable, "get the link of a file: Telegram gave none")
	}

	return c.download(ctx, file, offset)
}

func (c *Client) download(ctx context.Context, file *telego.File, offset int64) (io.ReadCloser, int64, error) {
	ctx, cancel := context.WithCancel(ctx)

	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.bot.FileDownloadURL(file.FilePath), http.NoBody)
	if err != nil {
		cancel()

		return nil, 0, errs.Wrap(withoutAddress(err), errs.Internal, "open a file: its link is malformed")
	}

	response, err := c.by.http.Do(request)
	if err != nil {
		cancel()

		return nil, 0, errs.Wrap(withoutAddress(err), errs.Unavailable, "open a file")
	}

	if response.StatusCode != http.StatusOK {
		cancel()
		response.Body.Close() // it says nothing

		return nil, 0, refusal(response)
	}

	size := response.ContentLength
	if size < 0 && file.FileSize > 0 {
		size = file.FileSize
	}

	opened := newDownload(response.Body, cancel)

	// Files of this way are small: what was read before is read past.
	if _, err := io.CopyN(io.Discard, opened, offset); err != nil {
		return nil, 0, errors.Join(errs.Wrap(err, errs.Unavailable, "open a file at byte %d", offset), opened.Close())
	}

	return opened, size, nil
}

// refusal explains the status of a link that gives no file.
func refusal(response *http.Response) error {
	said := &ta.Error{ErrorCode: response.StatusCode, Description: "the link answers " + response.Status}

	if response.StatusCode == http.StatusTooManyRequests {
		seconds, _ := strconv.Atoi(response.Header.Get("Retry-After")) // zero where it is not said
		said.Parameters = &ta.ResponseParameters{RetryAfter: seconds}
	}

	if response.StatusCode >= http.StatusInternalServerError || response.StatusCode == http.StatusTooManyRequests {
		return explain(said, "open a file")
	}

	// A link lives for an hour and was made just now: another try makes another.
	return errs.Wrap(said, errs.Unavailable, "open a file")
}

// ErrTooBig marks a file over MaxDownloadBytes. Its code is Invalid.
var ErrTooBig = errors.New("the Bot API does not give files of this size")

func isTooBig(err error) bool { return containsWords(err, "file is too big") }

func tooBig(err error) error {
	return errs.Wrap(errors.Join(ErrTooBig, err), errs.Invalid, "open a file over the %d bytes that the Bot API gives", MaxDownloadBytes).
		Tell("error.too_big", errs.Args{"Limit": MaxDownloadBytes >> 20})
}

// download is the stream of a file. One that brings nothing for stalledAfter
// is given up, since a dead connection does not end by itself.
type download struct {
	body    io.ReadCloser
	cancel  context.CancelFunc
	timer   *time.Timer
	stalled atomic.Bool
}

func newDownload(body io.ReadCloser, cancel context.CancelFunc) *download {
	opened := &download{body: body, cancel: cancel}
	opened.timer = time.AfterFunc(stalledAfter, func() {
		opened.stalled.Store(true)
		cancel()
	})

	return opened
}

// Read reads on; an error says Unavailable.
func (d *download) Read(into []byte) (int, error) {
	d.timer.Reset(stalledAfter)

	count, err := d.body.Read(into)

	switch {
	case err == nil || err == io.EOF:
		return count, err //nolint:wrapcheck // EOF must stay what it is
	case d.stalled.Load():
		return count, errs.Wrap(err, errs.Unavailable, "read a file: nothing came for %s", stalledAfter)
	default:
		return count, errs.Wrap(err, errs.Unavailable, "read a file")
	}
}

// Close ends the download.
func (d *download) Close() error {
	d.timer.Stop()
	d.cancel()

	return d.body.Close() //nolint:wrapcheck // nothing to add
}
