package mtproto

import (
	"context"
	"errors"
	"io"

	"github.com/lapak-id/lapak/shared/telegram"
	"github.com/lapak-id/lapak/shared/transcript"
)

// Above gives the files of the Bot API up to what it carries
// (telegram.MaxDownloadBytes), and those of MTProto above.
func Above(small, large transcript.Files) transcript.Files {
	return above{small: small, large: large}
}

type above struct{ small, large transcript.Files }

// Open opens a file by the way that carries it. Where its size is not known,
// the Bot API is asked first.
func (a above) Open(ctx context.Context, of transcript.FileRef, offset int64) (io.ReadCloser, int64, error) {
	if of.Size > telegram.MaxDownloadBytes {
		return a.large.Open(ctx, of, offset)
	}

	opened, size, err := a.small.Open(ctx, of, offset)
	if errors.Is(err, telegram.ErrTooBig) {
		return a.large.Open(ctx, of, offset)
	}

	return opened, size, err
}
