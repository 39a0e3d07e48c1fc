package simulation_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/transcript"
)

// shown is one message of a bot as its reader sees it, with all that it has
// said before.
type shown struct {
	texts    []string // the last is what stands there now
	document string   // content, where it is a file
	own      bool     // the person's own
}

func (s shown) now() string { return s.texts[len(s.texts)-1] }

// chatKey names a chat of a store's bot.
type chatKey struct {
	store string
	chat  int64
}

// fakeTelegram is what people see, and the files they have sent.
type fakeTelegram struct {
	plan  fault.Plan
	chats map[chatKey][]*shown
	files map[string][]byte // by store and file id
}

func newFakeTelegram(plan fault.Plan) *fakeTelegram {
	return &fakeTelegram{plan: plan, chats: map[chatKey][]*shown{}, files: map[string][]byte{}}
}

func (f *fakeTelegram) Send(ctx context.Context, to message.Address, text message.Text) (int, error) {
	var number int

	_, err := fault.Around(ctx, f.plan, "telegram.send", func() error {
		key := chatKey{to.Store, to.Chat}
		f.chats[key] = append(f.chats[key], &shown{texts: []string{text.HTML}})
		number = len(f.chats[key])

		return nil
	})

	return number, err
}

func (f *fakeTelegram) Edit(ctx context.Context, to message.Address, text message.Text) error {
	_, err := fault.Around(ctx, f.plan, "telegram.edit", func() error {
		messages := f.chats[chatKey{to.Store, to.Chat}]
		if to.Message < 1 || to.Message > len(messages) {
			return errs.New(errs.NotFound, "no message %d", to.Message)
		}

		edited := messages[to.Message-1]
		if edited.now() != text.HTML {
			edited.texts = append(edited.texts, text.HTML)
		}

		return nil
	})

	return err
}

func (f *fakeTelegram) Delete(ctx context.Context, _ message.Address) error {
	_, err := fault.Around(ctx, f.plan, "telegram.delete", func() error { return nil })

	return err
}

func (f *fakeTelegram) Answer(ctx context.Context, _, _, _ string) error {
	_, err := fault.Around(ctx, f.plan, "telegram.answer", func() error { return nil })

	return err
}

func (f *fakeTelegram) SendDocument(
	ctx context.Context, to message.Address, name, _ string, content io.Reader, _ message.Text,
) error {
	_, err := fault.Around(ctx, f.plan, "telegram.document", func() error {
		text, err := io.ReadAll(content)
		if err != nil {
			return fmt.Errorf("read document %s: %w", name, err)
		}

		key := chatKey{to.Store, to.Chat}
		f.chats[key] = append(f.chats[key], &shown{texts: []string{name}, document: string(text)})

		return nil
	})

	return err
}

// Open gives a file; under a fault it breaks off in the middle.
func (f *fakeTelegram) Open(ctx context.Context, of transcript.FileRef, offset int64) (io.ReadCloser, int64, error) {
	content, ok := f.files[of.Store+"/"+of.FileID]
	if !ok {
		return nil, 0, errs.New(errs.Invalid, "no file %s", of.FileID).Tell("error.file_gone", nil)
	}

	var from io.Reader = bytes.NewReader(content[offset:])

	kind, err := fault.Around(ctx, f.plan, "telegram.open", func() error { return nil })
	if kind == fault.FailAfter {
		from = io.LimitReader(from, int64(len(content)/2)) // a cut connection that looks like an end
	} else if err != nil {
		return nil, 0, err
	}

	return io.NopCloser(from), int64(len(content)), nil
}

// passthrough stands for ffmpeg: the audio is the media.
type passthrough struct{ plan fault.Plan }

func (p passthrough) Encode(ctx context.Context, media io.Reader) (io.ReadCloser, error) {
	_, err := fault.Around(ctx, p.plan, "ffmpeg.encode", func() error { return nil })

	return io.NopCloser(media), err
}

// spoken is the beginning of a file in which something is said; what follows
// is what is said.
const spoken = "sound:"

func isSpeech(content []byte) bool { return strings.HasPrefix(string(content), spoken) }
