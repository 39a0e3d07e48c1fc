// Package groq provides speech recognition by Groq, and by anything else that
// speaks OpenAI's POST /audio/transcriptions.
// API: https://console.groq.com/docs/api-reference#audio-transcription
package groq

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/speech"
	"github.com/lapak-id/lapak/shared/speech/call"
	"github.com/lapak-id/lapak/shared/transcript"
)

// The providers that this package speaks to.
const (
	Name       = "groq"
	Compatible = "openai" // OpenAI itself, or a server that speaks as it does
)

// Client hears speech through a provider. It implements speech.Provider.
type Client struct {
	http    *http.Client
	name    string
	baseURL string
	models  []speech.Model
}

var _ speech.Provider = (*Client)(nil)

// New makes a client of Groq at baseURL, such as https://api.groq.com/openai/v1.
func New(client *http.Client, baseURL string) *Client {
	return &Client{http: client, name: Name, baseURL: strings.TrimRight(baseURL, "/"), models: Models()}
}

// NewCompatible makes a client of the server at baseURL, such as
// https://api.openai.com/v1, that asks for its model of that name.
func NewCompatible(client *http.Client, baseURL, model string) *Client {
	return &Client{http: client, name: Compatible, baseURL: strings.TrimRight(baseURL, "/"), models: []speech.Model{{
		// Limits as OpenAI has them. What it costs the operator must say: a
		// server of one's own costs nothing by the hour.
		Name: model, Bytes: upload, Longest: longest, Formats: []string{"ogg", "mp3", "m4a", "wav", "flac", "webm"},
	}}}
}

// Limits of Groq. https://console.groq.com/docs/speech-to-text
const (
	upload   = 25_000_000
	byLink   = 100_000_000
	longest  = 2 * time.Hour // ours: what one call may lose
	leastFor = 10 * time.Second
)

// Models are those of Groq, with its prices of November 2026 (see
// infra/decisions/speech.md).
func Models() []speech.Model {
	model := speech.Model{
		Bytes: upload, LinkBytes: byLink, Longest: longest,
		Formats:   []string{"ogg", "mp3", "m4a", "wav", "flac", "webm"},
		Languages: speech.WhisperLanguages(),
	}

	turbo, large := model, model
	turbo.Name, turbo.Price, turbo.Quality = "whisper-large-v3-turbo", speech.Price{Hour: 0.04, Least: leastFor}, 1
	large.Name, large.Price, large.Quality = "whisper-large-v3", speech.Price{Hour: 0.111, Least: leastFor}, 2

	return []speech.Model{turbo, large}
}

// Name implements speech.Provider.
func (c *Client) Name() string { return c.name }

// Models implements speech.Provider.
func (c *Client) Models() []speech.Model { return c.models }

// Hear implements speech.Provider. It streams the part while it is being read.
func (c *Client) Hear(ctx context.Context, key secret.Value, question speech.Question) (transcript.Transcript, error) {
	audio := io.NopCloser(strings.NewReader(""))

	if question.Link == "" {
		var err error
		if audio, err = question.Part.Open(ctx); err != nil {
			return transcript.Transcript{}, errs.Context(err, "open part %d", question.Part.Number)
		}
	}

	body, contentType := form(question, audio)
	defer body.Close() // ends the writer of an unfinished form

	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.baseURL+"/audio/transcriptions", body)
	if err != nil {
		return transcript.Transcript{}, errs.Wrap(err, errs.Internal, "make a request to speech provider %s", c.name)
	}

	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Authorization", "Bearer "+key.Reveal())

	var given answer
	if err := call.Do(c.http, request, key, &given); err != nil {
		return transcript.Transcript{}, err
	}

	if given.Text == nil {
		return transcript.Transcript{}, speech.Lost(errs.New(errs.Unavailable, "the answer of speech provider %s holds no text", c.name))
	}

	return given.transcript(), nil
}

// form gives the request's body, which is written while it is being read, and
// closes audio.
func form(question speech.Question, audio io.ReadCloser) (io.ReadCloser, string) {
	reader, writer := io.Pipe()
	form := multipart.NewWriter(writer)

	go func() {
		defer audio.Close() // it was read, nothing can be lost

		writer.CloseWithError(writeForm(form, question, audio))
	}()

	return reader, form.FormDataContentType()
}

func writeForm(form *multipart.Writer, question speech.Question, audio io.Reader) error {
	fields := [][2]string{
		{"model", question.Model},
		{"response_format", "verbose_json"},
		{"timestamp_granularities[]", "segment"},
		{"timestamp_granularities[]", "word"},
		{"temperature", "0"},
	}
	if question.Language != "" {
		fields = append(fields, [2]string{"language", question.Language})
	}

	if question.Link != "" {
		fields = append(fields, [2]string{"url", question.Link})
	}

	for _, field := range fields {
		if err := form.WriteField(field[0], field[1]); err != nil {
			return fmt.Errorf("write form field %s: %w", field[0], err)
		}
	}

	if question.Link == "" {
		file, err := form.CreatePart(fileHeader(question.Part))
		if err != nil {
			return fmt.Errorf("begin the form's file: %w", err)
		}

		if _, err := io.Copy(file, audio); err != nil {
			return fmt.Errorf("stream audio: %w", err)
		}
	}

	if err := form.Close(); err != nil {
		return fmt.Errorf("end the form: %w", err)
	}

	return nil
}

// fileHeader names the file: the provider goes by its ending.
func fileHeader(part transcript.Part) textproto.MIMEHeader {
	return textproto.MIMEHeader{
		"Content-Disposition": {multipart.FileContentDisposition("file", part.Name)},
		"Content-Type":        {part.Type},
	}
}

// answer is verbose_json.
type answer struct {
	Text     *string  `json:"text"`
	Language string   `json:"language"`
	Duration number   `json:"duration"` // seconds
	Segments []timing `json:"segments"`
	Words    []timing `json:"words"`
}

type timing struct {
	Start float64 `json:"start"` // seconds
	End   float64 `json:"end"`
	Text  string  `json:"text"`
	Word  string  `json:"word"`
}

// number is one that some servers write as text: OpenAI's own description has
// the duration both ways.
type number float64

// UnmarshalJSON implements json.Unmarshaler.
func (n *number) UnmarshalJSON(text []byte) error {
	var value float64
	if err := json.Unmarshal(text, &value); err == nil {
		*n = number(value)

		return nil
	}

	var quoted string
	if err := json.Unmarshal(text, &quoted); err != nil {
		return fmt.Errorf("read a number: %w", err)
	}

	value, err := strconv.ParseFloat(quoted, 64)
	if err != nil {
		return fmt.Errorf("read a number: %w", err)
	}

	*n = number(value)

	return nil
}

func (a answer) transcript() transcript.Transcript {
	heard := speech.Answer{Text: *a.Text, Language: a.Language, Duration: float64(a.Duration)}

	for _, segment := range a.Segments {
		heard.Segments = append(heard.Segments, speech.Stretch{Start: segment.Start, End: segment.End, Text: segment.Text})
	}

	for _, word := range a.Words {
		heard.Words = append(heard.Words, speech.Stretch{Start: word.Start, End: word.End, Text: word.Word})
	}

	return heard.Transcript()
}
