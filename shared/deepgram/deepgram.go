// Package deepgram provides speech recognition by Deepgram, which tells
// speakers apart.
// API: https://developers.deepgram.com/reference/speech-to-text/listen-pre-recorded
package deepgram

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/speech"
	"github.com/lapak-id/lapak/shared/speech/call"
	"github.com/lapak-id/lapak/shared/transcript"
)

// Name is what the provider is called.
const Name = "deepgram"

// Client hears speech through Deepgram. It implements speech.Provider.
type Client struct {
	http    *http.Client
	baseURL string
}

var _ speech.Provider = (*Client)(nil)

// New makes a client of Deepgram at baseURL, such as https://api.deepgram.com/v1.
func New(client *http.Client, baseURL string) *Client {
	return &Client{http: client, baseURL: strings.TrimRight(baseURL, "/")}
}

// Deepgram takes 2 GB, and works on a call for 10 minutes at most, 20 with its
// Whisper. Ours are lower, so that a call that fails loses little.
// https://developers.deepgram.com/docs/supported-audio-formats
const (
	upload         = 50_000_000
	longest        = 4 * time.Hour
	longestWhisper = time.Hour
)

// Models are those of Deepgram that this product uses, with its prices of 2026
// (see infra/decisions/speech.md).
func Models() []speech.Model {
	model := speech.Model{
		Bytes: upload, Longest: longest, Speakers: true,
		Formats: []string{"ogg", "mp3", "m4a", "wav", "flac", "webm"},
	}

	const speakers = 0.12

	nova, whisper := model, model
	nova.Name, nova.Quality = "nova-3", 3
	nova.Price = speech.Price{Hour: 0.258, Speakers: speakers}
	nova.Languages = languages()
	whisper.Name, whisper.Quality = "whisper-large", 1
	whisper.Price = speech.Price{Hour: 0.288, Speakers: speakers}
	whisper.Languages, whisper.Longest = speech.WhisperLanguages(), longestWhisper

	return []speech.Model{nova, whisper}
}

// languages are those that nova-3 hears when it is told.
// https://developers.deepgram.com/docs/nova-3-language-prompting
func languages() []string {
	return strings.Fields("af ar be bg bn bs ca cs da de el en es et fa fi fr gl gu he hi hr hu id it ja kn ko lt lv " +
		"mk mr ms nl no pl pt ro ru sk sl sr sv ta te th tl tr uk vi xh zh zu")
}

// Name implements speech.Provider.
func (c *Client) Name() string { return Name }

// Models implements speech.Provider.
func (c *Client) Models() []speech.Model { return Models() }

// Hear implements speech.Provider. It streams the part as the request's body.
func (c *Client) Hear(ctx context.Context, key secret.Value, question speech.Question) (transcript.Transcript, error) {
	audio, err := question.Part.Open(ctx)
	if err != nil {
		return transcript.Transcript{}, errs.Context(err, "open part %d", question.Part.Number)
	}

	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.baseURL+"/listen?"+query(question).Encode(), audio)
	if err != nil {
		audio.Close() // it was not read, nothing can be lost

		return transcript.Transcript{}, errs.Wrap(err, errs.Internal, "make a request to speech provider %s", Name)
	}

	if question.Part.Size > 0 {
		request.ContentLength = question.Part.Size
	}

	request.Header.Set("Content-Type", question.Part.Type)
	request.Header.Set("Authorization", "Token "+key.Reveal())

	var given answer
	if err := call.Do(c.http, request, key, &given); err != nil {
		return transcript.Transcript{}, err
	}

	if len(given.Results.Channels) == 0 || len(given.Results.Channels[0].Alternatives) == 0 {
		return transcript.Transcript{}, speech.Lost(
			errs.New(errs.Unavailable, "the answer of speech provider %s holds no transcript", Name))
	}

	return given.transcript(question.Speakers), nil
}

func query(question speech.Question) url.Values {
	asked := url.Values{
		"model":        {question.Model},
		"smart_format": {"true"},
		"punctuate":    {"true"},
		"utterances":   {"true"},
	}
	if question.Speakers {
		asked.Set("diarize", "true")
	}

	if question.Language != "" {
		asked.Set("language", question.Language)
	} else {
		asked.Set("detect_language", "true") // else it takes everything for English
	}

	return asked
}

type answer struct {
	Metadata struct {
		Duration float64 `json:"duration"` // seconds
	} `json:"metadata"`
	Results struct {
		Channels []struct {
			DetectedLanguage string `json:"detected_language"`
			Alternatives     []struct {
				Transcript string `json:"transcript"`
				Words      []word `json:"words"`
			} `json:"alternatives"`
		} `json:"channels"`
		Utterances []utterance `json:"utterances"`
	} `json:"results"`
}

type word struct {
	Start      float64 `json:"start"` // seconds
	End        float64 `json:"end"`
	Word       string  `json:"word"`
	Punctuated string  `json:"punctuated_word"`
	Speaker    *int    `json:"speaker"` // from 0
}

type utterance struct {
	Start      float64 `json:"start"` // seconds
	End        float64 `json:"end"`
	Transcript string  `json:"transcript"`
	Speaker    *int    `json:"speaker"` // from 0
}

func (a answer) transcript(speakers bool) transcript.Transcript {
	best := a.Results.Channels[0].Alternatives[0]
	heard := speech.Answer{
		Text: best.Transcript, Language: a.Results.Channels[0].DetectedLanguage, Duration: a.Metadata.Duration,
	}

	for _, one := range best.Words {
		text := one.Punctuated
		if text == "" {
			text = one.Word
		}

		heard.Words = append(heard.Words, speech.Stretch{
			Start: one.Start, End: one.End, Text: text, Speaker: speaker(one.Speaker, speakers),
		})
	}

	for _, one := range a.Results.Utterances {
		heard.Segments = append(heard.Segments, speech.Stretch{
			Start: one.Start, End: one.End, Text: one.Transcript, Speaker: speaker(one.Speaker, speakers),
		})
	}

	return heard.Transcript()
}

// speaker counts from 1, where it was asked for and is known.
func speaker(given *int, asked bool) int {
	if given == nil || !asked || *given < 0 {
		return 0
	}

	return *given + 1
}
