package telegram

import (
	"context"
	"io"
)

// NewDownload makes the stream of a file, for the test that waits.
func NewDownload(body io.ReadCloser, cancel context.CancelFunc) io.ReadCloser {
	return newDownload(body, cancel)
}
