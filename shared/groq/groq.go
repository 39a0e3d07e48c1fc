// Package groq provides speech recognition by Groq, and by anything else that
// speaks OpenAI's POST /audio/transcriptions.
// API: https://console.groq.com/docs/api-reference#audio-transcription
package groq

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/transcript"
)

// KeyName names the secret with the provider's key.
const KeyName = "providers/speech"

const (
	// maxAnswer bounds an answer: a day of speech with word times is under 32 MB.
	maxAnswer = 64 << 20
	// maxComplaint is how much of a refusal is kept for the log.
	maxComplaint = 1 << 10
)

// Client hears speech through the provider at a base URL.
type Client struct {
	http    *http.Client
	baseURL string
	model   string
	vault   secret.Vault
}

// New makes a client of the provider at baseURL, such as
// https://api.groq.com/openai/v1, that asks for model.
func New(client *http.Client, baseURL, model string, vault secret.Vault) *Client {
	return &Client{http: client, baseURL: strings.TrimRight(baseURL, "/"), model: model, vault: vault}
}

// Model names the model that hears.
func (c *Client) Model() string { return c.model }

// Recognize streams audio to the provider while it is being read.
func (c *Client) Recognize(ctx context.Context, _ string, audio io.Reader) (transcript.Transcript, error) {
	key, err := c.vault.Get(ctx, KeyName)
	if err != nil {
		return transcript.Transcript{}, errs.Wrap(err, errs.Internal,
			"get the speech provider's key (set it with: ctl provider set speech)")
	}

	body, contentType := c.form(audio)
	defer body.Close() // ends the writer of an unfinished form

	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.baseURL+"/audio/transcriptions", body)
	if err != nil {
		return transcript.Transcript{}, errs.Wrap(err, errs.Internal, "make a request to the speech provider")
	}

	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Authorization", "Bearer "+key.Current.Reveal())

	response, err := c.http.Do(request)
	if err != nil {
		return transcript.Transcript{}, sendFailure(err)
	}
	defer response.Body.Close() // it was read, nothing can be lost

	if response.StatusCode != http.StatusOK {
		return transcript.Transcript{}, refusal(response, key.Current)
	}

	return parse(io.LimitReader(response.Body, maxAnswer))
}

// sendFailure keeps the code of an error that came from reading the audio.
func sendFailure(err error) error {
	if cause, ok := errors.AsType[*errs.Error](err); ok {
		return errs.Context(cause, "read audio for the speech provider")
	}

	return errs.Wrap(err, errs.Unavailable, "send audio to the speech provider")
}

// form gives the request's body, which is written while it is being read.
func (c *Client) form(audio io.Reader) (io.ReadCloser, string) {
	reader, writer := io.Pipe()
	form := multipart.NewWriter(writer)

	go func() {
		writer.CloseWithError(c.writeForm(form, audio))
	}()

	return reader, form.FormDataContentType()
}

func (c *Client) writeForm(form *multipart.Writer, audio io.Reader) error {
	fields := [][2]string{
		{"model", c.model},
		{"response_format", "verbose_json"},
		{"timestamp_granularities[]", "segment"},
		{"timestamp_granularities[]", "word"},
		{"temperature", "0"},
	}
	for _, field := range fields {
		if err := form.WriteField(field[0], field[1]); err != nil {
			return fmt.Errorf("write form field %s: %w", field[0], err)
		}
	}

	file, err := form.CreateFormFile("file", "audio.ogg")
	if err != nil {
		return fmt.Errorf("begin the form's file: %w", err)
	}

	if _, err := io.Copy(file, audio); err != nil {
		return fmt.Errorf("stream audio: %w", err)
	}

	if err := form.Close(); err != nil {
		return fmt.Errorf("end the form: %w", err)
	}

	return nil
}

// refusal turns an answer that is no transcript into an error, without the
// key, which some providers repeat.
func refusal(response *http.Response, key secret.Value) error {
	text, _ := io.ReadAll(io.LimitReader(response.Body, maxComplaint)) // a cut complaint is still one
	said := strings.Join(strings.Fields(string(text)), " ")
	said = strings.ReplaceAll(said, key.Reveal(), key.String())

	switch status := response.StatusCode; status {
	case http.StatusTooManyRequests:
		return errs.New(errs.Limited, "the speech provider is busy: %s", said).After(retryAfter(response.Header))
	case http.StatusRequestEntityTooLarge:
		return errs.New(errs.Invalid, "the speech provider takes no file of this size: %s", said).Tell("error.too_long", nil)
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return errs.New(errs.Invalid, "the speech provider cannot hear this file: %s", said).Tell("error.not_heard", nil)
	case http.StatusUnauthorized, http.StatusForbidden:
		return errs.New(errs.Internal, "the speech provider refuses the key (renew it with: ctl provider set speech): %s", said)
	case http.StatusNotFound:
		return errs.New(errs.Internal, "the speech provider knows no such model or address: %s", said)
	default:
		return errs.New(errs.Unavailable, "the speech provider answered %d: %s", status, said)
	}
}

// retryAfter reads the header in seconds; zero where it is missing or a date.
func retryAfter(header http.Header) time.Duration {
	seconds, err := strconv.ParseFloat(header.Get("Retry-After"), 64)
	if err != nil || math.IsNaN(seconds) || seconds < 0 || seconds > time.Hour.Seconds() {
		return 0
	}

	return time.Duration(seconds * float64(time.Second))
}

// answer is verbose_json.
type answer struct {
	Text     *string  `json:"text"`
	Language string   `json:"language"`
	Duration float64  `json:"duration"` // seconds
	Segments []timing `json:"segments"`
	Words    []timing `json:"words"`
}

type timing struct {
	Start float64 `json:"start"` // seconds
	End   float64 `json:"end"`
	Text  string  `json:"text"`
	Word  string  `json:"word"`
}

// parse reads an answer. A provider that answers nonsense is Unavailable:
// another try may help. Times are put in order and kept inside the audio.
func parse(body io.Reader) (transcript.Transcript, error) {
	var given answer
	if err := json.NewDecoder(body).Decode(&given); err != nil {
		return transcript.Transcript{}, errs.Wrap(err, errs.Unavailable, "read the speech provider's answer")
	}

	if given.Text == nil {
		return transcript.Transcript{}, errs.New(errs.Unavailable, "the speech provider's answer holds no text")
	}

	heard := transcript.Transcript{
		Text:     strings.TrimSpace(strings.ToValidUTF8(*given.Text, "�")),
		Language: given.Language,
		Duration: seconds(given.Duration),
	}

	// A provider that does not say how long the audio is bounds nothing.
	within := heard.Duration
	if within == 0 {
		within = longest
	}

	for _, segment := range given.Segments {
		start, end := segment.span(within)
		heard.Segments = append(heard.Segments, transcript.Segment{
			Start: start, End: end, Text: strings.TrimSpace(strings.ToValidUTF8(segment.Text, "�")),
		})
	}

	for _, word := range given.Words {
		start, end := word.span(within)
		heard.Words = append(heard.Words, transcript.Word{
			Start: start, End: end, Text: strings.TrimSpace(strings.ToValidUTF8(word.Word, "�")),
		})
	}

	slices.SortStableFunc(heard.Segments, func(a, b transcript.Segment) int { return cmp.Compare(a.Start, b.Start) })
	slices.SortStableFunc(heard.Words, func(a, b transcript.Word) int { return cmp.Compare(a.Start, b.Start) })

	return heard, nil
}

// span gives a stretch that does not end before it starts, nor after the audio.
func (t timing) span(within time.Duration) (time.Duration, time.Duration) {
	start := min(seconds(t.Start), within)

	return start, max(start, min(seconds(t.End), within))
}

// longest bounds a time that a provider names: more is nonsense.
const longest = 24 * time.Hour

func seconds(value float64) time.Duration {
	if math.IsNaN(value) || value < 0 {
		return 0
	}

	if value > longest.Seconds() {
		return longest
	}

	return time.Duration(value * float64(time.Second)).Round(time.Millisecond)
}
