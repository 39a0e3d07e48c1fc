package main

import (
	"bytes"
	"context"
	"io"
	"time"

	"github.com/lapak-id/lapak/shared/blob"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/ffmpeg"
	"github.com/lapak-id/lapak/shared/groq"
	"github.com/lapak-id/lapak/shared/transcript"
)

// maxAudio bounds the audio that is held in memory: two hours of speech.
const maxAudio = 25 << 20

// encoder prepares any media as one part.
type encoder struct{ *ffmpeg.Encoder }

// Prepare implements transcript.Preparer.
func (e encoder) Prepare(
	ctx context.Context, media transcript.Media, _ transcript.Bounds, _ time.Duration,
) (transcript.Prepared, error) {
	content, err := media.Open(ctx, blob.Range{})
	if err != nil {
		return nil, err
	}
	defer content.Close()

	audio, err := e.Encode(ctx, content)
	if err != nil {
		return nil, err
	}

	sound, err := io.ReadAll(io.LimitReader(audio, maxAudio+1))
	if closed := audio.Close(); closed != nil {
		err = closed
	}

	if err != nil {
		return nil, errs.Context(err, "compress a recording")
	}

	if len(sound) > maxAudio {
		return nil, errs.New(errs.Invalid, "the audio is larger than %d bytes", maxAudio).Tell("error.too_long", nil)
	}

	return &whole{sound: sound}, nil
}

// whole is audio in one part.
type whole struct {
	sound []byte
	given bool
}

func (w *whole) About() transcript.About {
	return transcript.About{Parts: 1, Bytes: int64(len(w.sound))}
}

func (w *whole) Next(context.Context) (transcript.Part, error) {
	if w.given {
		return transcript.Part{}, io.EOF
	}

	w.given = true

	return transcript.Part{
		Number: 1, Name: "audio.ogg", Type: "audio/ogg", Size: int64(len(w.sound)),
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(w.sound)), nil },
	}, nil
}

func (*whole) Done() time.Duration    { return 0 }
func (*whole) Missing() time.Duration { return 0 }
func (*whole) Close() error           { return nil }

// provider hears by the one provider there is.
type provider struct{ *groq.Client }

// Bounds implements transcript.Speech.
func (provider) Bounds(context.Context, string, transcript.Options) (transcript.Bounds, error) {
	return transcript.Bounds{Bytes: maxAudio}, nil
}

// Recognize implements transcript.Speech.
func (p provider) Recognize(ctx context.Context, ask transcript.Ask) (transcript.Transcript, []transcript.Attempt, error) {
	audio, err := ask.Part.Open(ctx)
	if err != nil {
		return transcript.Transcript{}, nil, err
	}
	defer audio.Close()

	started := time.Now()
	heard, err := p.Client.Recognize(ctx, ask.Store, audio)

	return heard, []transcript.Attempt{{
		Provider: "groq", Model: p.Model(), Audio: heard.Duration, Took: time.Since(started), Error: errs.CodeOf(err),
	}}, err
}
