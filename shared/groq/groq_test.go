package groq_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/groq"
	"github.com/lapak-id/lapak/shared/speech"
	"github.com/lapak-id/lapak/shared/transcript"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	goleak.VerifyTestMain(m)
}

const (
	key    = "gsk_a-key-that-nobody-may-see"
	answer = `{"text":" Good morning. ","language":"english","duration":2.5,
		"segments":[{"start":0.04,"end":1.2,"text":" Good"},{"start":1.2,"end":2.5,"text":" morning."}],
		"words":[{"start":0.04,"end":1.2,"word":"Good"},{"start":1.2,"end":2.5,"word":"morning."}]}`
)

// provider runs a provider that answers as told, and gives a client of it.
func provider(t *testing.T, serve http.HandlerFunc) *groq.Client {
	t.Helper()

	server := httptest.NewServer(serve)
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		server.Close()
	})

	return groq.New(&http.Client{Transport: transport}, server.URL+"/openai/v1/")
}

// says answers once the whole form has been read.
func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return // the client has gone
		}

		w.WriteHeader(status)
		io.WriteString(w, body) //nolint:errcheck // the client may have enough
	}
}

// about asks for the transcript of audio.
func about(audio io.Reader) speech.Question {
	return speech.Question{Model: "whisper-large-v3-turbo", Part: transcript.Part{
		Number: 1, Name: "audio.ogg", Type: "audio/ogg",
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(audio), nil },
	}}
}

func hear(t *testing.T, client *groq.Client, question speech.Question) (transcript.Transcript, error) {
	t.Helper()

	heard, err := client.Hear(t.Context(), key, question)
	if err != nil {
		assert.NotContains(t, err.Error(), key)
		assert.NotContains(t, fmt.Sprintf("%+v %#v", err, err), key)
	}

	return heard, err // it is what is tested
}

func recognize(t *testing.T, client *groq.Client, audio io.Reader) (transcript.Transcript, error) {
	t.Helper()

	return hear(t, client, about(audio))
}

// cue is a stretch of speech, in milliseconds.
type cue struct {
	start, end int
	text       string
}

func cues(all ...cue) []transcript.Segment {
	segments := make([]transcript.Segment, 0, len(all))
	for _, c := range all {
		segments = append(segments, transcript.Segment{
			Start: time.Duration(c.start) * time.Millisecond, End: time.Duration(c.end) * time.Millisecond, Text: c.text,
		})
	}

	return segments
}

func spoken(all ...cue) []transcript.Word {
	words := make([]transcript.Word, 0, len(all))
	for _, segment := range cues(all...) {
		words = append(words, transcript.Word(segment))
	}

	return words
}

func TestRecognize(t *testing.T) {
	t.Parallel()

	client := provider(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, http.MethodPost, r.Method)
		assert.Equal(t, "/openai/v1/audio/transcriptions", r.URL.Path)
		assert.Equal(t, "Bearer "+key, r.Header.Get("Authorization"))

		if !assert.NoError(t, r.ParseMultipartForm(1<<20)) {
			return
		}

		assert.Equal(t, map[string][]string{
			"model":                     {"whisper-large-v3-turbo"},
			"response_format":           {"verbose_json"},
			"timestamp_granularities[]": {"segment", "word"},
			"temperature":               {"0"},
		}, r.MultipartForm.Value)

		file, header, err := r.FormFile("file")
		if !assert.NoError(t, err) {
			return
		}

		sound, err := io.ReadAll(file)
		assert.NoError(t, err)
		assert.Equal(t, "OggS…", string(sound))
		assert.Equal(t, "audio.ogg", header.Filename, "the provider judges by the name")
		io.WriteString(w, answer) //nolint:errcheck // the test would see
	})

	heard, err := recognize(t, client, strings.NewReader("OggS…"))
	require.NoError(t, err)

	assert.Equal(t, transcript.Transcript{
		Text: "Good morning.", Language: "en", Duration: 2500 * time.Millisecond,
		Segments: cues(cue{40, 1200, "Good"}, cue{1200, 2500, "morning."}),
		Words:    spoken(cue{40, 1200, "Good"}, cue{1200, 2500, "morning."}),
	}, heard)
}

// A file that is too large to be uploaded is fetched by the provider.
func TestLink(t *testing.T) {
	t.Parallel()

	client := provider(t, func(w http.ResponseWriter, r *http.Request) {
		if !assert.NoError(t, r.ParseMultipartForm(1<<20)) {
			return
		}

		assert.Equal(t, []string{"https://bucket/media?signed=1"}, r.MultipartForm.Value["url"])
		assert.Equal(t, []string{"id"}, r.MultipartForm.Value["language"])
		assert.Equal(t, []string{"whisper-large-v3"}, r.MultipartForm.Value["model"])
		assert.Empty(t, r.MultipartForm.File)
		io.WriteString(w, answer) //nolint:errcheck // the test would see
	})

	heard, err := hear(t, client, speech.Question{
		Model: "whisper-large-v3", Language: "id", Link: "https://bucket/media?signed=1",
		Part: transcript.Part{Open: func(context.Context) (io.ReadCloser, error) { panic("it is not to be read") }},
	})
	require.NoError(t, err)
	assert.Equal(t, "Good morning.", heard.Text)
}

func TestModels(t *testing.T) {
	t.Parallel()

	assert.Equal(t, "groq", groq.New(nil, "").Name())

	for _, model := range groq.New(nil, "").Models() {
		assert.Contains(t, model.Formats, "ogg")
		assert.Contains(t, model.Languages, "jv")
		assert.Positive(t, model.Price.Hour)
		assert.Equal(t, 10*time.Second, model.Price.Least)
		assert.False(t, model.Speakers)
	}

	own := groq.NewCompatible(nil, "http://localhost/v1", "my-model")
	assert.Equal(t, "openai", own.Name())
	assert.Equal(t, "my-model", own.Models()[0].Name)
}

// Some servers write the duration as text.
func TestDurationAsText(t *testing.T) {
	t.Parallel()

	for text, want := range map[string]time.Duration{
		`"8.47"`: 8470 * time.Millisecond, `8.47`: 8470 * time.Millisecond, `"NaN"`: 0, `"-1"`: 0, `null`: 0, `"Inf"`: 24 * time.Hour,
	} {
		heard, err := recognize(t, provider(t, says(200, `{"text":"x","duration":`+text+`}`)), strings.NewReader("sound"))
		require.NoError(t, err, text)
		assert.Equal(t, want, heard.Duration, text)
	}
}

// The provider reads the first sound before the last is there.
func TestAudioIsStreamed(t *testing.T) {
	t.Parallel()

	arrived := make(chan struct{})
	client := provider(t, func(w http.ResponseWriter, r *http.Request) {
		_, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if !assert.NoError(t, err) {
			return
		}

		form := multipart.NewReader(r.Body, parameters["boundary"])

		for {
			part, err := form.NextPart()
			if err != nil {
				break
			}

			if part.FormName() == "file" {
				first := make([]byte, 5)
				_, err := io.ReadFull(part, first)
				assert.NoError(t, err)
				close(arrived)
			}

			io.Copy(io.Discard, part) //nolint:errcheck // the rest
		}

		io.WriteString(w, answer) //nolint:errcheck // the test would see
	})

	sound, recorder := io.Pipe()

	go func() {
		io.WriteString(recorder, strings.Repeat("first", 20_000)) //nolint:errcheck // the test would hang
		<-arrived
		io.WriteString(recorder, "last") //nolint:errcheck // the same
		recorder.Close()                 //nolint:errcheck // never fails
	}()

	heard, err := recognize(t, client, sound)
	require.NoError(t, err)
	assert.Equal(t, "Good morning.", heard.Text)
}

func TestRefusals(t *testing.T) {
	t.Parallel()

	for status, c := range map[int]struct {
		code errs.Code
		tell string
	}{
		201: {errs.Unavailable, ""}, 204: {errs.Unavailable, ""}, 302: {errs.Unavailable, ""},
		400: {errs.Invalid, "error.not_heard"}, 422: {errs.Invalid, "error.not_heard"},
		401: {errs.Unauthorized, ""}, 402: {errs.Unauthorized, ""}, 403: {errs.Unauthorized, ""},
		404: {errs.Internal, ""},
		408: {errs.Unavailable, ""}, 413: {errs.Invalid, "error.too_long"}, 415: {errs.Invalid, "error.not_heard"},
		418: {errs.Unavailable, ""},
		429: {errs.Limited, ""}, 498: {errs.Unavailable, ""},
		500: {errs.Unavailable, ""}, 502: {errs.Unavailable, ""}, 503: {errs.Unavailable, ""}, 504: {errs.Unavailable, ""},
	} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			t.Parallel()

			said := "no\n\tgood, " + key + strings.Repeat(" and so on", 10_000)
			_, err := recognize(t, provider(t, says(status, said)), strings.NewReader("sound"))
			require.Error(t, err)
			assert.Equal(t, c.code, errs.CodeOf(err), err)
			assert.Less(t, len(err.Error()), 1500, "as much as a log line bears")
			assert.NotContains(t, err.Error(), "\n")

			sentence, _, _ := errs.Sentence(err)
			assert.Equal(t, c.tell, sentence)

			if status != 204 { // which has no body
				assert.ErrorContains(t, err, "no good")
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()

	for header, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "0": 0, "1.5": 1500 * time.Millisecond, "3600": time.Hour,
		"3601": time.Hour, "-1": 0, "NaN": 0, "Inf": time.Hour, "-Inf": 0, "1e300": time.Hour, "soon": 0,
		"Sat, 21 Nov 2020 12:00:00 GMT": 0,
	} {
		client := provider(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", header)
			says(http.StatusTooManyRequests, "slow down")(w, r)
		})

		_, err := recognize(t, client, strings.NewReader("sound"))
		assert.Equal(t, want, errs.RetryAfter(err), "%q", header)
		assert.Equal(t, errs.Limited, errs.CodeOf(err))
	}
}

// An answer that makes no sense is the provider's fault, and may be better next time.
func TestNonsense(t *testing.T) {
	t.Parallel()

	for _, body := range []string{
		"", "garbage", "null", "[]", "7", "{}", `{"text":null}`, `{"text":5}`, answer[:60], `{"text":"x","duration":"long"}`,
		`{"text":"x","segments":{}}`, `{"text":"x","segments":[{"start":1e999}]}`, `{"text":"x","segments":[{"start":NaN}]}`,
		"<html>502</html>",
	} {
		_, err := recognize(t, provider(t, says(200, body)), strings.NewReader("sound"))
		assert.Equal(t, errs.Unavailable, errs.CodeOf(err), body)
	}
}

func TestTimesAreMadeSense(t *testing.T) {
	t.Parallel()

	heard, err := recognize(t, provider(t, says(200, `{"text":"a b c","duration":10,
		"segments":[{"start":5,"end":1e12,"text":"c"},{"start":-3,"end":-1,"text":"a"},{"start":3,"end":2,"text":"b"},
			{"start":99,"end":100,"text":"d"}],
		"words":[{"start":4,"end":3,"word":"b"},{"start":-1,"end":0.0004,"word":"a"}]}`)), strings.NewReader("sound"))
	require.NoError(t, err)
	assert.Equal(t, cues(cue{0, 0, "a"}, cue{3000, 3000, "b"}, cue{5000, 10_000, "c"}, cue{10_000, 10_000, "d"}), heard.Segments)
	assert.Equal(t, spoken(cue{0, 0, "a"}, cue{4000, 4000, "b"}), heard.Words)

	heard, err = recognize(t, provider(t, says(200, `{"text":"a","duration":-1,"segments":[{"start":1,"end":1e300}]}`)),
		strings.NewReader("sound"))
	require.NoError(t, err)
	assert.Zero(t, heard.Duration)
	assert.Equal(t, 24*time.Hour, heard.Segments[0].End)
}

func TestTextIsMadeWhole(t *testing.T) {
	t.Parallel()

	heard, err := recognize(t, provider(t, says(200, "{\"text\":\"a\xffb \\ud800\",\"words\":null}")), strings.NewReader(""))
	require.NoError(t, err)
	assert.Equal(t, "a\ufffdb \ufffd", heard.Text)
}

func TestAnAnswerIsReadUpTo64MB(t *testing.T) {
	t.Parallel()

	var sent atomic.Int64

	client := provider(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)    //nolint:errcheck // the form
		io.WriteString(w, `{"text":"`) //nolint:errcheck // the client ends it

		chunk := strings.Repeat("x", 1<<20)
		for range 1000 {
			if _, err := io.WriteString(w, chunk); err != nil {
				return
			}

			sent.Add(1)
		}
	})

	_, err := recognize(t, client, strings.NewReader("sound"))
	assert.Equal(t, errs.Unavailable, errs.CodeOf(err))
	assert.Less(t, sent.Load(), int64(200), "MB sent before the client hung up")
}

// Half a file must not look like a whole one.
func TestBrokenAudioIsNotSentAsWhole(t *testing.T) {
	t.Parallel()

	notMedia := errs.New(errs.Invalid, "ffmpeg does not understand it").Tell("error.not_media", nil)

	for name, broken := range map[string]io.Reader{
		"at once":  iotest.ErrReader(notMedia),
		"later on": io.MultiReader(strings.NewReader(strings.Repeat("sound", 200_000)), iotest.ErrReader(notMedia)),
	} {
		var whole atomic.Bool

		client := provider(t, func(w http.ResponseWriter, r *http.Request) {
			if r.ParseMultipartForm(8<<20) == nil {
				whole.Store(true)
			}

			io.WriteString(w, answer) //nolint:errcheck // nobody listens
		})

		_, err := recognize(t, client, broken)
		require.ErrorIs(t, err, notMedia, name)
		assert.False(t, whole.Load(), name)
	}

	failing := about(nil)
	failing.Part.Open = func(context.Context) (io.ReadCloser, error) { return nil, notMedia }
	_, err := hear(t, provider(t, says(200, answer)), failing)
	assert.Equal(t, errs.Invalid, errs.CodeOf(err))
}

// endless is sound until it is closed.
type endless struct{ closed atomic.Bool }

func (e *endless) Read(into []byte) (int, error) {
	if e.closed.Load() {
		return 0, io.ErrClosedPipe
	}

	return len(into), nil
}

// A provider may answer before it has read everything: goleak shows that
// nobody goes on sending.
func TestAnEarlyAnswer(t *testing.T) {
	t.Parallel()

	for status, want := range map[int]errs.Code{413: errs.Invalid, 401: errs.Unauthorized, 503: errs.Unavailable} {
		client := provider(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		sound := &endless{}
		_, err := recognize(t, client, sound)

		// The connection may break before the answer is read; that is tried again.
		if code := errs.CodeOf(err); code != want {
			assert.Equal(t, errs.Unavailable, code, err)
		}

		sound.closed.Store(true)
	}
}

func TestTimeIsUp(t *testing.T) {
	t.Parallel()

	reached := make(chan struct{})
	client := provider(t, func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) //nolint:errcheck // the form
		close(reached)
		<-r.Context().Done()
	})

	ctx, cancel := context.WithCancel(t.Context())

	go func() {
		<-reached
		cancel()
	}()

	_, err := client.Hear(ctx, key, about(strings.NewReader("sound")))
	assert.Equal(t, errs.Unavailable, errs.CodeOf(err))
	require.ErrorIs(t, err, context.Canceled)
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()

	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()

	_, err := recognize(t, groq.New(&http.Client{}, server.URL), strings.NewReader("sound"))
	assert.Equal(t, errs.Unavailable, errs.CodeOf(err))

	_, err = recognize(t, groq.New(&http.Client{}, "://"), strings.NewReader("sound"))
	assert.Equal(t, errs.Internal, errs.CodeOf(err))
}

// canned answers every request with a body, without a network.
type canned []byte

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return nil, fmt.Errorf("read the form: %w", err)
	}

	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(string(c))), Request: r}, nil
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		answer, "", "{}", `{"text":""}`, `{"text":"x","duration":"7.5","language":7}`,
		`{"text":"x","language":"en-US"}`, `{"text":"x","duration":1e308}`, `{"text":"x","segments":[{"start":2,"end":1}]}`,
		`{"text":"x","duration":3,"words":[{"start":5,"end":-5,"word":"w"}]}`, "{\"text\":\"\xff\"}",
	} {
		f.Add([]byte(seed))
	}

	f.Fuzz(func(t *testing.T, body []byte) {
		heard, err := groq.New(&http.Client{Transport: canned(body)}, "http://provider").
			Hear(t.Context(), key, about(strings.NewReader("sound")))
		if err != nil {
			if errs.CodeOf(err) != errs.Unavailable {
				t.Fatal(err)
			}

			return
		}

		if heard.Duration < 0 || heard.Duration > 24*time.Hour {
			t.Fatalf("it lasts %s", heard.Duration)
		}

		last := time.Duration(0)
		for _, segment := range heard.Segments {
			if segment.Start < last || segment.End < segment.Start || heard.Duration > 0 && segment.End > heard.Duration {
				t.Fatalf("%v after %s in %s", segment, last, heard.Duration)
			}

			last = segment.Start
		}

		if _, err := json.Marshal(heard); err != nil {
			t.Fatal(err)
		}
	})
}
