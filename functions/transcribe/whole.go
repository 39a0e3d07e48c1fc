package main

import (
	"context"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/groq"
	"github.com/lapak-id/lapak/shared/transcript"
)

// maxAudio is what Groq takes in one call.
const maxAudio = 25 << 20

// provider hears by the one provider there is.
type provider struct{ *groq.Client }

// Bounds implements transcript.Speech.
func (provider) Bounds(context.Context, string, transcript.Options) (transcript.Bounds, error) {
	return transcript.Bounds{Bytes: maxAudio, Duration: 2 * time.Hour}, nil
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
