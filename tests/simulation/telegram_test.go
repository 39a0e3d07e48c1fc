package simulation_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/blob"
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

// passthrough stands for ffmpeg: the audio is the media, in parts of a few
// words each.
type passthrough struct{ plan fault.Plan }

// partWords is how many words a part has.
const partWords = 2

func (p passthrough) Prepare(
	ctx context.Context, media transcript.Media, _ transcript.Bounds, _ time.Duration,
) (transcript.Prepared, error) {
	if _, err := fault.Around(ctx, p.plan, "ffmpeg.prepare", func() error { return nil }); err != nil {
		return nil, err
	}

	content, err := media.Open(ctx, blob.Range{})
	if err != nil {
		return nil, err
	}
	defer content.Close()

	sound, err := io.ReadAll(content)
	if err != nil {
		return nil, errs.Wrap(err, errs.Unavailable, "read media")
	}

	words := strings.Fields(string(sound))

	return &passing{passthrough: p, content: string(sound), words: words, parts: (len(words) + partWords - 1) / partWords}, nil
}

type passing struct {
	passthrough

	content string
	words   []string
	parts   int
	given   int
}

func (p *passing) About() transcript.About {
	return transcript.About{Parts: p.parts, Duration: time.Duration(p.parts) * time.Minute}
}

func (p *passing) Next(ctx context.Context) (transcript.Part, error) {
	if p.given == p.parts {
		return transcript.Part{}, io.EOF
	}

	if _, err := fault.Around(ctx, p.plan, "ffmpeg.next", func() error { return nil }); err != nil {
		return transcript.Part{}, err
	}

	sound := strings.Join(p.words[p.given*partWords:min((p.given+1)*partWords, len(p.words))], " ")
	p.given++

	return transcript.Part{
		Number: p.given, Start: time.Duration(p.given-1) * time.Minute, Length: time.Minute,
		Name: fmt.Sprintf("%s-%d.ogg", p.content, p.given),
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(sound)), nil },
	}, nil
}

func (*passing) Done() time.Duration    { return 0 }
func (*passing) Missing() time.Duration { return 0 }
func (*passing) Close() error           { return nil }

// spoken is the beginning of a file in which something is said; what follows
// is what is said.
const spoken = "OggS\x00sound:"

// noise is the beginning of a file in which nothing can be heard.
const noise = "OggS\x00noise"

// Nothing is sold in this simulation: who shows a picture here is lost.
func (*fakeTelegram) SendPhoto(context.Context, message.Address, message.Photo) (int, error) {
	return 0, errs.New(errs.Internal, "pictures are not sent here")
}

// EditCaption stands beside SendPhoto.
func (*fakeTelegram) EditCaption(context.Context, message.Address, message.Text) error {
	return errs.New(errs.Internal, "pictures are not sent here")
}

// SendFile stands beside SendPhoto.
func (*fakeTelegram) SendFile(context.Context, message.Address, message.Document) (int, error) {
	return 0, errs.New(errs.Internal, "files of Telegram's are not sent here")
}
