package deepgram_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/lapak-id/lapak/shared/deepgram"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/speech"
	"github.com/lapak-id/lapak/shared/transcript"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	goleak.VerifyTestMain(m)
}

const (
	key    = "a-key-that-nobody-may-see"
	answer = `{"metadata":{"duration":4.5,"channels":1},"results":{
		"channels":[{"detected_language":"id","alternatives":[{"transcript":"Selamat pagi. Pagi!","confidence":0.99,"words":[
			{"word":"selamat","start":0.08,"end":0.5,"confidence":0.9,"punctuated_word":"Selamat","speaker":0},
			{"word":"pagi","start":0.5,"end":0.9,"confidence":0.9,"punctuated_word":"pagi.","speaker":0},
			{"word":"pagi","start":2,"end":2.5,"confidence":0.9,"speaker":1}]}]}],
		"utterances":[{"start":0.08,"end":0.9,"transcript":"Selamat pagi.","speaker":0},
			{"start":2,"end":2.5,"transcript":"Pagi!","speaker":1}]}}`
)

func provider(t *testing.T, serve http.HandlerFunc) *deepgram.Client {
	t.Helper()

	server := httptest.NewServer(serve)
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		server.Close()
	})

	return deepgram.New(&http.Client{Transport: transport}, server.URL+"/v1/")
}

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return // the client has gone
		}

		w.WriteHeader(status)
		io.WriteString(w, body) //nolint:errcheck // the client may have enough
	}
}

func about(sound string) speech.Question {
	return speech.Question{Model: "nova-3", Part: transcript.Part{
		Number: 1, Name: "audio.ogg", Type: "audio/ogg", Size: int64(len(sound)),
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(sound)), nil },
	}}
}

func ms(count int) time.Duration { return time.Duration(count) * time.Millisecond }

func TestHear(t *testing.T) {
	t.Parallel()

	client := provider(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, http.MethodPost, r.Method)
		assert.Equal(t, "/v1/listen", r.URL.Path)
		assert.Equal(t, "Token "+key, r.Header.Get("Authorization"))
		assert.Equal(t, "audio/ogg", r.Header.Get("Content-Type"))
		assert.Equal(t, int64(5), r.ContentLength)
		assert.Equal(t, url.Values{
			"model": {"nova-3"}, "smart_format": {"true"}, "punctuate": {"true"}, "utterances": {"true"},
			"diarize": {"true"}, "detect_language": {"true"},
		}, r.URL.Query())

		sound, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.Equal(t, "OggS!", string(sound))
		io.WriteString(w, answer) //nolint:errcheck // the test would see
	})

	question := about("OggS!")
	question.Speakers = true

	heard, err := client.Hear(t.Context(), key, question)
	require.NoError(t, err)
	assert.Equal(t, transcript.Transcript{
		Text: "Selamat pagi. Pagi!", Language: "id", Duration: ms(4500),
		Segments: []transcript.Segment{
			{Start: ms(80), End: ms(900), Text: "Selamat pagi.", Speaker: 1}, {Start: ms(2000), End: ms(2500), Text: "Pagi!", Speaker: 2},
		},
		Words: []transcript.Word{
			{Start: ms(80), End: ms(500), Text: "Selamat", Speaker: 1},
			{Start: ms(500), End: ms(900), Text: "pagi.", Speaker: 1},
			{Start: ms(2000), End: ms(2500), Text: "pagi", Speaker: 2},
		},
	}, heard)
}

// Who did not ask who speaks is not told.
func TestLanguageWithoutSpeakers(t *testing.T) {
	t.Parallel()

	client := provider(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "id", r.URL.Query().Get("language"))
		assert.False(t, r.URL.Query().Has("detect_language"))
		assert.False(t, r.URL.Query().Has("diarize"))
		says(200, answer)(w, r)
	})

	question := about("sound")
	question.Language = "id"

	heard, err := client.Hear(t.Context(), key, question)
	require.NoError(t, err)

	for _, segment := range heard.Segments {
		assert.Zero(t, segment.Speaker)
	}

	for _, word := range heard.Words {
		assert.Zero(t, word.Speaker)
	}
}

// The provider reads the first sound before the last is there.
func TestAudioIsStreamed(t *testing.T) {
	t.Parallel()

	arrived := make(chan struct{})
	client := provider(t, func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadFull(r.Body, make([]byte, 5))
		assert.NoError(t, err)
		close(arrived)
		says(200, answer)(w, r)
	})

	sound, recorder := io.Pipe()

	go func() {
		io.WriteString(recorder, strings.Repeat("first", 20_000)) //nolint:errcheck // the test would hang
		<-arrived
		io.WriteString(recorder, "last") //nolint:errcheck // the same
		recorder.Close()                 //nolint:errcheck // never fails
	}()

	question := about("")
	question.Part.Open = func(context.Context) (io.ReadCloser, error) { return sound, nil }

	heard, err := client.Hear(t.Context(), key, question)
	require.NoError(t, err)
	assert.Equal(t, "Selamat pagi. Pagi!", heard.Text)
}

func TestRefusals(t *testing.T) {
	t.Parallel()

	for status, want := range map[int]errs.Code{
		400: errs.Invalid, 401: errs.Unauthorized, 402: errs.Unauthorized, 413: errs.Invalid, 429: errs.Limited, 500: errs.Unavailable,
		504: errs.Unavailable,
	} {
		_, err := provider(t, says(status, `{"err_code":"X","err_msg":"no `+key+`"}`)).Hear(t.Context(), key, about("sound"))
		assert.Equal(t, want, errs.CodeOf(err), status)
		assert.NotContains(t, fmt.Sprintf("%+v", err), key)
	}

	failing := about("")
	failing.Part.Open = func(context.Context) (io.ReadCloser, error) { return nil, errs.New(errs.NotFound, "it is gone") }
	_, err := provider(t, says(200, answer)).Hear(t.Context(), key, failing)
	assert.Equal(t, errs.NotFound, errs.CodeOf(err))

	_, err = deepgram.New(&http.Client{}, "://").Hear(t.Context(), key, about("sound"))
	assert.Equal(t, errs.Internal, errs.CodeOf(err))
}

// hostile are answers that a broken or malicious provider may give.
func hostile() []string {
	const channel = `{"results":{"channels":[{"alternatives":[{"transcript":"x","words":[`

	return []string{
		"", "null", "{}", "[]", "7", "<html>502</html>", answer[:200], `{"results":null}`, `{"results":{"channels":[]}}`,
		`{"results":{"channels":[null]}}`, `{"results":{"channels":[{"alternatives":[]}]}}`, `{"results":{"channels":{}}}`,
		channel + `{"start":1e999}]}]}]}}`, channel + `{"start":NaN}]}]}]}}`, channel + `{"speaker":1.5}]}]}]}}`,
		channel + `{"speaker":"one"}]}]}]}}`, channel + `{"speaker":99999999999999999999}]}]}]}}`,
		`{"metadata":{"duration":"long"},"results":{"channels":[{"alternatives":[{}]}]}}`,
		strings.Repeat(`{"results":`, 20_000),
	}
}

func TestNonsense(t *testing.T) {
	t.Parallel()

	for _, body := range hostile() {
		_, err := provider(t, says(200, body)).Hear(t.Context(), key, about("sound"))
		assert.Equal(t, errs.Unavailable, errs.CodeOf(err), body[:min(len(body), 80)])
	}
}

func TestTimesAndSpeakersAreMadeSense(t *testing.T) {
	t.Parallel()

	question := about("sound")
	question.Speakers = true

	heard, err := provider(t, says(200, `{"metadata":{"duration":10},"results":{
		"channels":[{"detected_language":"EN-us","alternatives":[{"transcript":"a","words":[
			{"word":"c","start":5,"end":1e12,"speaker":9223372036854775807},{"word":"a","start":-3,"end":-1,"speaker":-1},
			{"word":"b","start":3,"end":2,"speaker":null}]}]}],
		"utterances":[null]}}`)).Hear(t.Context(), key, question)
	require.NoError(t, err)
	assert.Equal(t, "en", heard.Language)
	assert.Equal(t, []transcript.Word{
		{Text: "a"}, {Start: ms(3000), End: ms(3000), Text: "b"}, {Start: ms(5000), End: ms(10_000), Text: "c"},
	}, heard.Words)
	assert.Equal(t, []transcript.Segment{{}}, heard.Segments)
}

func TestModels(t *testing.T) {
	t.Parallel()

	client := deepgram.New(nil, "")
	assert.Equal(t, "deepgram", client.Name())
	require.Len(t, client.Models(), 2)

	for _, model := range client.Models() {
		assert.True(t, model.Speakers)
		assert.Contains(t, model.Languages, "id")
		assert.Positive(t, model.Price.Hour)
		assert.Equal(t, int64(50_000_000), model.Bytes)
	}
}

// canned answers every request with a body, without a network.
type canned []byte

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return nil, fmt.Errorf("read the audio: %w", err)
	}

	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(string(c))), Request: r}, nil
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(answer), true)

	for _, seed := range hostile() {
		f.Add([]byte(seed), false)
	}

	f.Fuzz(func(t *testing.T, body []byte, speakers bool) {
		question := about("sound")
		question.Speakers = speakers

		heard, err := deepgram.New(&http.Client{Transport: canned(body)}, "http://provider").Hear(t.Context(), key, question)
		if err != nil {
			if errs.CodeOf(err) != errs.Unavailable {
				t.Fatal(err)
			}

			return
		}

		last := time.Duration(0)
		for _, word := range heard.Words {
			if word.Start < last || word.End < word.Start || heard.Duration > 0 && word.End > heard.Duration {
				t.Fatalf("%v after %s in %s", word, last, heard.Duration)
			}

			if word.Speaker < 0 || word.Speaker > 0 && !speakers {
				t.Fatalf("it is spoken by %d", word.Speaker)
			}

			last = word.Start
		}

		if _, err := json.Marshal(heard); err != nil {
			t.Fatal(err)
		}
	})
}
