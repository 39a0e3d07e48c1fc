package speech_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/secret"
	secrets "github.com/lapak-id/lapak/shared/secret/memory"
	"github.com/lapak-id/lapak/shared/speech"
	"github.com/lapak-id/lapak/shared/store"
	tables "github.com/lapak-id/lapak/shared/table/memory"
	"github.com/lapak-id/lapak/shared/transcript"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	goleak.VerifyTestMain(m)
}

// fake is a provider that does as it is told.
type fake struct {
	name   string
	models []speech.Model
	hear   func(ctx context.Context, key secret.Value, question speech.Question) (transcript.Transcript, error)
}

func (f *fake) Name() string           { return f.name }
func (f *fake) Models() []speech.Model { return f.models }

func (f *fake) Hear(ctx context.Context, key secret.Value, question speech.Question) (transcript.Transcript, error) {
	return f.hear(ctx, key, question)
}

// world is a Speech with three providers and what they were asked.
type world struct {
	*speech.Speech

	vault   *secrets.Vault
	stores  *store.Registry
	metrics bytes.Buffer

	mu    sync.Mutex
	asked []string          // "provider/model", in order
	keys  []string          // that came with it
	does  map[string][]does // by full name or provider, what the next calls do; the last one repeats
	got   []speech.Question
}

// does is what one call of a provider does.
type does func(ctx context.Context, question speech.Question) (transcript.Transcript, error)

func hears(text string) does {
	return func(ctx context.Context, question speech.Question) (transcript.Transcript, error) {
		return transcript.Transcript{Text: text, Duration: question.Part.Length}, take(ctx, question)
	}
}

// fails reads the audio and fails.
func fails(err error) does {
	return func(ctx context.Context, question speech.Question) (transcript.Transcript, error) {
		if broken := take(ctx, question); broken != nil {
			return transcript.Transcript{}, broken
		}

		return transcript.Transcript{}, err
	}
}

// refuses fails before it has read any audio.
func refuses(err error) does {
	return func(context.Context, speech.Question) (transcript.Transcript, error) {
		return transcript.Transcript{}, err
	}
}

func take(ctx context.Context, question speech.Question) error {
	if question.Link != "" {
		return nil
	}

	audio, err := question.Part.Open(ctx)
	if err != nil {
		return err
	}
	defer audio.Close()

	if _, err := io.Copy(io.Discard, audio); err != nil {
		return errs.Wrap(err, errs.Unavailable, "send")
	}

	return nil
}

// hangs never answers.
func hangs(ctx context.Context, question speech.Question) (transcript.Transcript, error) {
	if err := take(ctx, question); err != nil {
		return transcript.Transcript{}, err
	}

	<-ctx.Done()

	return transcript.Transcript{}, speech.Lost(errs.Wrap(ctx.Err(), errs.Unavailable, "wait for an answer"))
}

var (
	errDown    = errs.New(errs.Unavailable, "it answered 500")
	errDeaf    = errs.New(errs.Invalid, "it cannot hear this").Tell("error.not_heard", nil)
	errKey     = errs.New(errs.Unauthorized, "it refuses the key")
	errNoModel = errs.New(errs.Internal, "it knows no such model")
	errLost    = speech.Lost(errs.New(errs.Unavailable, "its answer is half of a JSON"))
)

func busy(wait time.Duration) error { return errs.New(errs.Limited, "it is busy").After(wait) }

const (
	quick = "groq/turbo"
	good  = "groq/large"
	tells = "deepgram/nova"
	own   = "openai/own"
)

func providers() []*fake {
	formats := []string{"ogg", "mp3"}

	return []*fake{
		{name: "groq", models: []speech.Model{
			{
				Name: "large", Bytes: 25, LinkBytes: 100, Longest: 2 * time.Hour, Formats: []string{"flac", "ogg", "mp3"},
				Languages: []string{"id", "en", "jv"}, Price: speech.Price{Hour: 0.1, Least: 10 * time.Second}, Quality: 2,
			},
			{
				Name: "turbo", Bytes: 25, LinkBytes: 100, Longest: 2 * time.Hour, Formats: []string{"flac", "ogg", "mp3"},
				Languages: []string{"id", "en", "jv"}, Price: speech.Price{Hour: 0.04, Least: 10 * time.Second}, Quality: 1,
			},
		}},
		{name: "deepgram", models: []speech.Model{{
			Name: "nova", Bytes: 50, Longest: 4 * time.Hour, Formats: formats, Languages: []string{"id", "en"}, Speakers: true,
			Price: speech.Price{Hour: 0.25, Speakers: 0.1},
		}}},
		{name: "openai", models: []speech.Model{{
			Name: "own", Bytes: 25, Longest: 3 * time.Hour, Formats: []string{"mp3", "ogg"}, Price: speech.Price{Hour: 1},
		}}},
	}
}

// settings are those of most tests.
func settings() speech.Settings {
	return speech.Settings{RupiahPerDollar: 16_000, Longest: time.Hour, Timeout: time.Minute}
}

// newWorld makes a Speech whose providers of the given names have the
// environment's key "key-of-NAME".
func newWorld(t require.TestingT, set speech.Settings, keys ...string) *world {
	made := &world{vault: secrets.New(clock.System{}, fault.None{}), does: map[string][]does{}}
	made.stores = store.NewRegistry(tables.New(clock.System{}, fault.None{}), clock.System{})

	all := make([]speech.Provider, 0)

	for _, one := range providers() {
		one.hear = func(ctx context.Context, key secret.Value, question speech.Question) (transcript.Transcript, error) {
			return made.next(one.name, key, question)(ctx, question)
		}
		all = append(all, one)
	}

	for _, name := range keys {
		require.NoError(t, made.vault.Rotate(context.Background(), speech.KeyName(name), secret.Value("key-of-"+name)))
	}

	var err error

	made.Speech, err = speech.New(all, made.vault, made.stores, set, clock.System{}, metric.New(&made.metrics, clock.System{}))
	require.NoError(t, err)

	return made
}

// next gives what a provider does now: it hears, unless it was told otherwise.
func (w *world) next(provider string, key secret.Value, question speech.Question) does {
	w.mu.Lock()
	defer w.mu.Unlock()

	name := provider + "/" + question.Model
	w.asked = append(w.asked, name)
	w.keys = append(w.keys, key.Reveal())
	w.got = append(w.got, question)

	for _, of := range []string{name, provider, key.Reveal()} {
		if planned := w.does[of]; len(planned) > 0 {
			if len(planned) > 1 {
				w.does[of] = planned[1:]
			}

			return planned[0]
		}
	}

	return hears("heard by " + name)
}

func (w *world) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()

	w.asked, w.keys, w.got = nil, nil, nil
}

// sound is a part of a minute.
func sound() transcript.Part {
	return transcript.Part{
		Number: 1, Length: time.Minute, Name: "audio.ogg", Type: "audio/ogg", Size: 5,
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("sound")), nil },
	}
}

func ask(options transcript.Options) transcript.Ask {
	return transcript.Ask{Store: "kopi", Options: options, Part: sound()}
}

func codes(attempts []transcript.Attempt) []string {
	var all []string
	for _, one := range attempts {
		all = append(all, strings.TrimSuffix(one.Provider+"/"+one.Model+" "+string(one.Error), " "))
	}

	return all
}

func TestTheFirstThatFitsIsAsked(t *testing.T) {
	t.Parallel()

	all := []string{"groq", "deepgram", "openai"}

	for name, c := range map[string]struct {
		keys    []string
		stack   []string
		store   []string
		prices  speech.Prices
		options transcript.Options
		want    []string // in the order in which they are asked while they are busy
	}{
		"the cheapest": {keys: all, want: []string{quick, good, tells, own}},
		"with a key":   {keys: []string{"openai", "deepgram"}, want: []string{tells, own}},
		"by the operator's price": {
			keys: all, prices: speech.Prices{own: {Hour: 0.05}}, want: []string{quick, own, good, tells},
		},
		"the better at one price": {
			keys: all, prices: speech.Prices{own: {Hour: 0.1}, tells: {Hour: 0.1}, quick: {Hour: 0.1}},
			want: []string{good, quick, tells, own},
		},
		"the stack's order":             {keys: all, stack: []string{own, good}, want: []string{own, good}},
		"the store's order":             {keys: all, stack: []string{own}, store: []string{tells, quick}, want: []string{tells, quick}},
		"the store's, without the gone": {keys: all, store: []string{"groq/gone", good}, want: []string{good}},
		"the stack's when all are gone": {keys: all, stack: []string{own}, store: []string{"groq/gone"}, want: []string{own}},
		"the model that is named":       {keys: all, options: transcript.Options{Model: good}, want: []string{good}},
		"any, where that has no key":    {keys: []string{"openai"}, options: transcript.Options{Model: good}, want: []string{own}},
		"who tells speakers apart":      {keys: all, options: transcript.Options{Speakers: true}, want: []string{tells}},
		"anybody, where nobody does":    {keys: []string{"groq"}, options: transcript.Options{Speakers: true}, want: []string{quick, good}},
		"who hears the language":        {keys: all, options: transcript.Options{Language: "jv"}, want: []string{quick, good, own}},
		"the price of telling speakers": {
			keys: all, prices: speech.Prices{tells: {Hour: 0.01, Speakers: 5}}, want: []string{tells, quick, good, own},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			set := settings()
			set.Order, set.Prices = c.stack, c.prices
			w := newWorld(t, set, c.keys...)

			if c.store != nil {
				require.NoError(t, w.stores.Save(t.Context(), store.Store{ID: "kopi", TimeZone: "UTC", Speech: c.store}))
			}

			for _, provider := range all {
				w.does[provider] = []does{refuses(busy(time.Hour))}
			}

			_, attempts, err := w.Recognize(t.Context(), ask(c.options))
			assert.Equal(t, errs.Limited, errs.CodeOf(err), err)
			assert.Equal(t, c.want, w.asked)
			assert.Len(t, attempts, len(c.want))
		})
	}
}

func TestNobodyIsSetUp(t *testing.T) {
	t.Parallel()

	w := newWorld(t, settings())

	_, attempts, err := w.Recognize(t.Context(), ask(transcript.Options{}))
	assert.Equal(t, errs.Internal, errs.CodeOf(err))
	require.ErrorContains(t, err, "ctl provider set groq")
	assert.Empty(t, attempts)

	_, err = w.Bounds(t.Context(), "kopi", transcript.Options{})
	assert.Equal(t, errs.Internal, errs.CodeOf(err))
}

func TestSettingsMustNameModelsThatAreThere(t *testing.T) {
	t.Parallel()

	for _, set := range []speech.Settings{{Order: []string{"groq/none"}}, {Prices: speech.Prices{"none/turbo": {}}}} {
		_, err := speech.New([]speech.Provider{providers()[0]}, nil, nil, set, clock.System{}, nil)
		assert.Equal(t, errs.Invalid, errs.CodeOf(err))
		assert.ErrorContains(t, err, quick)
	}
}

func TestWhatIsAskedAndWhatComesBack(t *testing.T) {
	t.Parallel()

	w := newWorld(t, settings(), "groq", "deepgram")
	w.does[tells] = []does{func(ctx context.Context, question speech.Question) (transcript.Transcript, error) {
		return transcript.Transcript{Text: "halo"}, take(ctx, question)
	}}

	heard, attempts, err := w.Recognize(t.Context(), ask(transcript.Options{Speakers: true, Language: "id"}))
	require.NoError(t, err)
	assert.Equal(t, transcript.Transcript{Text: "halo", Language: "id", Duration: time.Minute, Model: tells}, heard)
	assert.True(t, w.got[0].Speakers)
	assert.Equal(t, "id", w.got[0].Language)

	require.Len(t, attempts, 1)
	attempts[0].Took = 0
	// A minute at 0.35 dollars an hour and 16,000 rupiah a dollar: 93.334 rupiah.
	assert.Equal(t, transcript.Attempt{Provider: "deepgram", Model: "nova", Audio: time.Minute, Cost: 93_334}, attempts[0])

	// Nobody who tells speakers apart hears Javanese: who speaks was asked for first.
	_, _, err = w.Recognize(t.Context(), ask(transcript.Options{Speakers: true, Language: "jv"}))
	require.NoError(t, err)
	assert.Empty(t, w.got[1].Language)
}

func TestFailuresAreFollowedByTheNext(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		does map[string][]does
		want []string // attempts
		code errs.Code
	}{
		"500":               {map[string][]does{"groq": {fails(errDown)}}, []string{quick + " unavailable", tells}, ""},
		"corrupt JSON":      {map[string][]does{"groq": {fails(errLost)}}, []string{quick + " unavailable", tells}, ""},
		"no such model":     {map[string][]does{"groq": {refuses(errNoModel)}}, []string{quick + " internal", tells}, ""},
		"one model is busy": {map[string][]does{quick: {refuses(busy(time.Hour))}}, []string{quick + " limited", good}, ""},
		"busy, then down": {
			map[string][]does{quick: {refuses(busy(time.Hour))}, good: {fails(errDown)}},
			[]string{quick + " limited", good + " unavailable", tells},
			"",
		},
		"the key is refused": {map[string][]does{"groq": {refuses(errKey)}}, []string{quick + " unauthorized", tells}, ""},
		"deaf":               {map[string][]does{"groq": {fails(errDeaf)}}, []string{quick + " invalid", tells}, ""},
		"two are deaf": {
			map[string][]does{"groq": {fails(errDeaf)}, "deepgram": {fails(errDeaf)}},
			[]string{quick + " invalid", tells + " invalid"},
			errs.Invalid,
		},
		"deaf, down, deaf": {
			map[string][]does{"groq": {fails(errDeaf)}, "deepgram": {fails(errDown)}, "openai": {fails(errDeaf)}},
			[]string{quick + " invalid", tells + " unavailable", own + " invalid"},
			errs.Invalid,
		},
		"deaf, and the others down": {
			map[string][]does{"groq": {fails(errDeaf)}, "deepgram": {fails(errDown)}, "openai": {refuses(errNoModel)}},
			[]string{quick + " invalid", tells + " unavailable", own + " internal"},
			errs.Unavailable,
		},
		"all down": {
			map[string][]does{"groq": {fails(errDown)}, "deepgram": {fails(errDown)}, "openai": {fails(errDown)}},
			[]string{quick + " unavailable", tells + " unavailable", own + " unavailable"},
			errs.Unavailable,
		},
		"nobody takes the key": {
			map[string][]does{"groq": {refuses(errKey)}, "deepgram": {refuses(errKey)}, "openai": {refuses(errKey)}},
			[]string{quick + " unauthorized", tells + " unauthorized", own + " unauthorized"},
			errs.Internal,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			w := newWorld(t, settings(), "groq", "deepgram", "openai")
			w.does = c.does

			heard, attempts, err := w.Recognize(t.Context(), ask(transcript.Options{}))
			assert.Equal(t, c.want, codes(attempts))
			assert.Equal(t, c.code, errs.CodeOf(err), err)

			if c.code == "" {
				assert.Equal(t, "heard by "+heard.Model, heard.Text)
			}

			if c.code == errs.Invalid {
				sentence, _, _ := errs.Sentence(err)
				assert.Equal(t, "error.not_heard", sentence)
			}

			for _, one := range attempts {
				if one.Error != "" && !one.Unknown {
					assert.Zero(t, one.Cost, "a failure that was told is not billed")
				}
			}
		})
	}
}

// Where there is one provider only, what it says is final.
func TestOnlyOneProvider(t *testing.T) {
	t.Parallel()

	w := newWorld(t, settings(), "groq")
	w.does["groq"] = []does{fails(errDeaf)}

	_, attempts, err := w.Recognize(t.Context(), ask(transcript.Options{}))
	assert.Equal(t, errs.Invalid, errs.CodeOf(err))
	assert.Equal(t, []string{quick + " invalid"}, codes(attempts))
}

// A call whose answer was lost behind all the audio may have been billed.
func TestUnknownCosts(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		does    does
		unknown bool
	}{
		"lost":                {fails(errLost), true},
		"lost before it went": {refuses(errLost), false},
		"told":                {fails(errDown), false},
	} {
		w := newWorld(t, settings(), "groq")
		w.does["groq"] = []does{c.does}

		_, attempts, err := w.Recognize(t.Context(), ask(transcript.Options{}))
		require.Error(t, err, name)
		require.Len(t, attempts, 1, name)
		assert.Equal(t, c.unknown, attempts[0].Unknown, name)
		assert.Equal(t, time.Minute, attempts[0].Audio, name)

		if c.unknown {
			assert.Equal(t, int64(10_667), attempts[0].Cost, "a minute at 0.04 dollars an hour")
		} else {
			assert.Zero(t, attempts[0].Cost, name)
		}
	}
}

func TestATimeoutAfterSuccessIsCountedAndFollowed(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, settings(), "groq", "deepgram")
		w.does["groq"] = []does{hangs}

		began := time.Now()
		heard, attempts, err := w.Recognize(t.Context(), ask(transcript.Options{}))
		require.NoError(t, err)
		assert.Equal(t, tells, heard.Model)
		assert.Equal(t, 2*time.Minute, time.Since(began), "the timeout, and as long as the audio lasts")
		assert.Equal(t, []string{quick + " unavailable", tells}, codes(attempts))
		assert.True(t, attempts[0].Unknown)
		assert.Positive(t, attempts[0].Cost)
		assert.Equal(t, 2*time.Minute, attempts[0].Took)
	})
}

func TestWhoIsNotWantedAnyMoreStops(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, settings(), "groq", "deepgram")
		w.does["groq"] = []does{hangs}

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()

		_, attempts, err := w.Recognize(ctx, ask(transcript.Options{}))
		require.Error(t, err)
		assert.Equal(t, []string{quick + " unavailable"}, codes(attempts), "nobody else is asked")
	})
}

// Audio that cannot be read is nobody's fault, and no other provider helps.
func TestUnreadableAudio(t *testing.T) {
	t.Parallel()

	gone := errs.New(errs.Invalid, "ffmpeg does not understand it").Tell("error.not_media", nil)

	for name, open := range map[string]func(context.Context) (io.ReadCloser, error){
		"at once": func(context.Context) (io.ReadCloser, error) { return nil, gone },
		"later": func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(strings.NewReader("so"), iotest.ErrReader(gone))), nil
		},
	} {
		w := newWorld(t, settings(), "groq", "deepgram")
		asking := ask(transcript.Options{})
		asking.Part.Open = open

		for range 4 { // more than open a breaker
			_, attempts, err := w.Recognize(t.Context(), asking)
			assert.Equal(t, errs.Invalid, errs.CodeOf(err), name)
			require.ErrorIs(t, err, gone, name)
			assert.Len(t, attempts, 1, name)
			assert.Zero(t, attempts[0].Cost, name)
		}

		w.forget()
		_, _, err := w.Recognize(t.Context(), ask(transcript.Options{}))
		require.NoError(t, err)
		assert.Equal(t, []string{quick}, w.asked, "the provider is well")
	}
}

func TestABusyProviderIsWaitedForAWhile(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, settings(), "deepgram")
		w.does["deepgram"] = []does{refuses(busy(7 * time.Second)), refuses(busy(0)), hears("at last")}

		began := time.Now()
		heard, attempts, err := w.Recognize(t.Context(), ask(transcript.Options{}))
		require.NoError(t, err)
		assert.Equal(t, "at last", heard.Text)
		assert.Equal(t, 12*time.Second, time.Since(began), "7 s as it said, and 5 where it said nothing")
		assert.Len(t, attempts, 3)
	})
}

func TestRetryAfterIsObeyed(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, settings(), "groq")
		w.does[quick] = []does{refuses(busy(time.Minute)), hears("free")}
		w.does[good] = []does{refuses(busy(2 * time.Minute))}

		_, attempts, err := w.Recognize(t.Context(), ask(transcript.Options{}))
		assert.Equal(t, errs.Limited, errs.CodeOf(err))
		assert.Equal(t, time.Minute, errs.RetryAfter(err), "of the one that is free first")
		assert.Len(t, attempts, 2)

		time.Sleep(20 * time.Second)
		w.forget()

		_, attempts, err = w.Recognize(t.Context(), ask(transcript.Options{}))
		assert.Equal(t, 40*time.Second, errs.RetryAfter(err))
		assert.Empty(t, attempts)
		assert.Empty(t, w.asked, "nobody is bothered")

		time.Sleep(40 * time.Second)

		heard, _, err := w.Recognize(t.Context(), ask(transcript.Options{}))
		require.NoError(t, err)
		assert.Equal(t, "free", heard.Text)
	})
}

func TestWhoFailsOftenIsAskedLast(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, settings(), "groq", "deepgram")
		w.does["groq"] = []does{fails(errDown)}

		for range 3 {
			_, _, err := w.Recognize(t.Context(), ask(transcript.Options{}))
			require.NoError(t, err)
		}

		w.forget()
		_, _, err := w.Recognize(t.Context(), ask(transcript.Options{}))
		require.NoError(t, err)
		assert.Equal(t, []string{tells}, w.asked, "the breaker is open")

		w.forget()
		w.does["deepgram"] = []does{fails(errDown), hears("well")}
		_, _, err = w.Recognize(t.Context(), ask(transcript.Options{}))
		require.Error(t, err)
		assert.Equal(t, []string{tells, quick}, w.asked, "but a last hope it is")

		time.Sleep(31 * time.Second)
		w.forget()
		w.does["groq"] = []does{fails(errDown), hears("well again")}
		_, _, err = w.Recognize(t.Context(), ask(transcript.Options{}))
		require.NoError(t, err)
		assert.Equal(t, []string{quick, tells}, w.asked, "one call tries it")

		time.Sleep(31 * time.Second)
		w.forget()

		for range 3 {
			_, _, err = w.Recognize(t.Context(), ask(transcript.Options{}))
			require.NoError(t, err)
		}

		assert.Equal(t, []string{quick, quick, quick}, w.asked, "and finds it well")
	})
}

// A store whose key is out of credit harms nobody else.
func TestHealthIsOfAKey(t *testing.T) {
	t.Parallel()

	w := newWorld(t, settings(), "groq", "deepgram")
	require.NoError(t, w.vault.Rotate(t.Context(), speech.StoreKeyName("teh", "groq"), "own-key"))
	w.does["own-key"] = []does{refuses(errKey)}

	for range 5 {
		asking := ask(transcript.Options{})
		asking.Store = "teh"
		_, _, err := w.Recognize(t.Context(), asking)
		require.NoError(t, err)
	}

	w.forget()
	_, _, err := w.Recognize(t.Context(), ask(transcript.Options{}))
	require.NoError(t, err)
	assert.Equal(t, []string{"key-of-groq"}, w.keys)
}

func TestAStoresOwnKeyIsUsed(t *testing.T) {
	t.Parallel()

	w := newWorld(t, settings(), "deepgram")
	require.NoError(t, w.vault.Rotate(t.Context(), speech.StoreKeyName("kopi", "groq"), "own"))

	_, _, err := w.Recognize(t.Context(), ask(transcript.Options{}))
	require.NoError(t, err)
	assert.Equal(t, []string{"own"}, w.keys)

	// Refused, it is not replaced by the environment's: somebody else would pay.
	require.NoError(t, w.vault.Rotate(t.Context(), speech.KeyName("groq"), "everybodys"))
	w.does["own"] = []does{refuses(errKey)}
	w.forget()
	_, _, err = w.Recognize(t.Context(), ask(transcript.Options{}))
	require.NoError(t, err)
	assert.Equal(t, []string{"own", "key-of-deepgram"}, w.keys)
}

func TestAKeyIsRotatedWithoutDeployment(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, settings(), "groq")
		require.NoError(t, w.vault.Rotate(t.Context(), speech.KeyName("groq"), "next"))
		w.does["next"] = []does{refuses(errKey)}

		_, attempts, err := w.Recognize(t.Context(), ask(transcript.Options{}))
		require.NoError(t, err)
		assert.Equal(t, []string{"next", "key-of-groq"}, w.keys)
		assert.Equal(t, []string{quick + " unauthorized", quick}, codes(attempts))
		assert.Zero(t, attempts[0].Cost)

		w.forget()
		_, _, err = w.Recognize(t.Context(), ask(transcript.Options{}))
		require.NoError(t, err)
		assert.Equal(t, []string{"key-of-groq"}, w.keys, "who was refused is not sent 25 MB again")

		w.forget()
		w.does["key-of-groq"], w.does["next"] = []does{refuses(errKey)}, []does{hears("the new one works")}
		_, _, err = w.Recognize(t.Context(), ask(transcript.Options{}))
		require.NoError(t, err)
		assert.Equal(t, []string{"key-of-groq", "next"}, w.keys, "the old one was revoked")

		time.Sleep(5*time.Minute + time.Second)
		w.forget()
		_, _, err = w.Recognize(t.Context(), ask(transcript.Options{}))
		require.NoError(t, err)
		assert.Equal(t, []string{"next"}, w.keys)
	})
}

//nolint:paralleltest // it looks at what is logged by everybody
func TestKeysThatAreRefusedAreToldToTheOperatorButNotShown(t *testing.T) {
	var logged bytes.Buffer

	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&logged, nil)))

	defer slog.SetDefault(before)

	w := newWorld(t, settings(), "groq")
	require.NoError(t, w.vault.Rotate(t.Context(), speech.KeyName("groq"), "next-key"))
	w.does["groq"] = []does{refuses(errKey)}

	_, attempts, err := w.Recognize(t.Context(), ask(transcript.Options{}))
	assert.Equal(t, errs.Internal, errs.CodeOf(err))
	require.ErrorContains(t, err, "ctl provider set groq")
	assert.Len(t, attempts, 2)
	assert.Contains(t, logged.String(), `"level":"ERROR"`)
	assert.Contains(t, logged.String(), "providers/groq")

	for _, key := range []string{"key-of-groq", "next-key"} {
		assert.NotContains(t, logged.String(), key)
		assert.NotContains(t, fmt.Sprintf("%+v %#v", err, err), key)
	}
}

func TestAVaultThatFailsIsNotTakenForNoKey(t *testing.T) {
	t.Parallel()

	plan := fault.NewSeeded(1, 1, 0, fault.FailBefore)
	stores := store.NewRegistry(tables.New(clock.System{}, fault.None{}), clock.System{})
	made, err := speech.New([]speech.Provider{providers()[0]}, secrets.New(clock.System{}, plan), stores, settings(), clock.System{}, nil)
	require.NoError(t, err)

	_, _, err = made.Recognize(t.Context(), ask(transcript.Options{}))
	assert.Equal(t, errs.Unavailable, errs.CodeOf(err), err)

	failing := store.NewRegistry(tables.New(clock.System{}, plan), clock.System{})
	made, err = speech.New(
		[]speech.Provider{providers()[0]}, secrets.New(clock.System{}, fault.None{}), failing, settings(), clock.System{}, nil)
	require.NoError(t, err)

	_, err = made.Bounds(t.Context(), "kopi", transcript.Options{})
	assert.Equal(t, errs.Unavailable, errs.CodeOf(err), err)
}

func TestBoundsFitEverybodyWhoMayBeAsked(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		keys    []string
		longest time.Duration
		options transcript.Options
		want    transcript.Bounds
	}{
		"one": {
			[]string{"groq"},
			0,
			transcript.Options{},
			transcript.Bounds{Bytes: 25, LinkBytes: 100, Duration: 2 * time.Hour, Formats: []string{"flac", "ogg", "mp3"}},
		},
		"all": {
			[]string{"groq", "deepgram", "openai"},
			time.Hour,
			transcript.Options{},
			transcript.Bounds{Bytes: 25, LinkBytes: 25, Duration: time.Hour, Formats: []string{"ogg", "mp3"}},
		},
		"two": {
			[]string{"groq", "deepgram"},
			10 * time.Hour,
			transcript.Options{},
			transcript.Bounds{Bytes: 25, LinkBytes: 50, Duration: 2 * time.Hour, Formats: []string{"ogg", "mp3"}},
		},
		"speakers are told apart within a call": {
			[]string{"groq", "deepgram"},
			time.Hour,
			transcript.Options{Speakers: true},
			transcript.Bounds{Bytes: 50, LinkBytes: 50, Duration: 4 * time.Hour, Formats: []string{"ogg", "mp3"}, Whole: true},
		},
	} {
		set := settings()
		set.Longest = c.longest

		bounds, err := newWorld(t, set, c.keys...).Bounds(t.Context(), "kopi", c.options)
		require.NoError(t, err, name)
		assert.Equal(t, c.want, bounds, name)
	}
}

func TestLargePartsGoByTheirAddress(t *testing.T) {
	t.Parallel()

	w := newWorld(t, settings(), "groq", "deepgram", "openai")
	large := ask(transcript.Options{})
	large.Part.Size = 40
	w.does["groq"] = []does{fails(errLost), hears("it")}

	_, attempts, err := w.Recognize(t.Context(), large)
	require.NoError(t, err)
	assert.Equal(t, []string{tells}, codes(attempts), "who takes it as it is")

	large.Part.Link = func(context.Context) (string, error) { return "https://bucket/it", nil }
	_, attempts, err = w.Recognize(t.Context(), large)
	require.NoError(t, err)
	assert.Equal(t, []string{quick + " unavailable", tells}, codes(attempts))
	assert.Equal(t, "https://bucket/it", w.got[1].Link)
	assert.True(t, attempts[0].Unknown, "the provider had it all")
	assert.Empty(t, w.got[2].Link)

	large.Part.Link = func(context.Context) (string, error) { return "", errors.New("no link") }
	_, _, err = w.Recognize(t.Context(), large)
	require.ErrorContains(t, err, "no link")

	large.Part.Size = 101
	_, attempts, err = w.Recognize(t.Context(), large)
	assert.Equal(t, errs.Unavailable, errs.CodeOf(err))
	assert.Empty(t, attempts)
}

func TestFigures(t *testing.T) {
	t.Parallel()

	w := newWorld(t, settings(), "groq", "deepgram")
	w.does["groq"] = []does{fails(errDown)}

	_, _, err := w.Recognize(t.Context(), ask(transcript.Options{}))
	require.NoError(t, err)

	for _, want := range []string{
		`"ProviderErrors":1`, `"ProviderErrors":0`, `"TranscribedSeconds":60`, `"CostMilliRupiah":0`, `"CostMilliRupiah":66667`,
		`"ProviderTime":`, `"Provider":"groq"`, `"Model":"turbo"`, `"Provider":"deepgram"`, `"Model":"nova"`,
	} {
		assert.Contains(t, w.metrics.String(), want)
	}
}

// Whatever providers do, the books are right and the outcome follows from what
// they did.
func TestAnyPlan(t *testing.T) {
	t.Parallel()

	outcomes := map[string]does{
		"hears": hears("it"), "down": fails(errDown), "lost": fails(errLost), "deaf": fails(errDeaf), "key": refuses(errKey),
		"busy": refuses(busy(time.Hour)), "briefly": refuses(busy(time.Second)), "model": refuses(errNoModel),
	}
	names := []string{"hears", "down", "lost", "deaf", "key", "busy", "briefly", "model"}

	rapid.Check(t, func(rt *rapid.T) {
		keys := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"groq", "deepgram", "openai"}), 1, 3, rapid.ID).Draw(rt, "keys")
		options := transcript.Options{
			Model:    rapid.SampledFrom([]string{"", quick, tells, "gone/gone"}).Draw(rt, "model"),
			Language: rapid.SampledFrom([]string{"", "id", "jv", "xx"}).Draw(rt, "language"),
			Speakers: rapid.Bool().Draw(rt, "speakers"),
		}
		plan := rapid.SliceOfN(rapid.SampledFrom(names), 1, 12).Draw(rt, "plan")

		synctest.Test(t, func(*testing.T) {
			w := newWorld(rt, settings(), keys...)

			for _, provider := range keys {
				for _, name := range plan {
					w.does[provider] = append(w.does[provider], outcomes[name])
				}
			}

			for range 3 {
				w.forget()

				began := time.Now()
				heard, attempts, err := w.Recognize(context.Background(), ask(options))

				if took := time.Since(began); len(attempts) != len(w.asked) || took > 20*time.Second {
					rt.Fatalf("%d attempts for %d calls in %s", len(attempts), len(w.asked), took)
				}

				if (err == nil) != (heard.Text == "it") {
					rt.Fatalf("%q and %v", heard.Text, err)
				}

				checkAttempts(rt, attempts, err)
				checkOutcome(rt, err)
			}
		})
	})
}

func checkAttempts(t *rapid.T, attempts []transcript.Attempt, err error) {
	deaf := map[string]bool{}

	for at, one := range attempts {
		last := at == len(attempts)-1
		if (one.Error == "") != (err == nil && last) {
			t.Fatalf("call %d of %d: %q, in the end %v", at+1, len(attempts), one.Error, err)
		}

		if billed := one.Error == "" || one.Unknown; billed != (one.Cost > 0) {
			t.Fatalf("%+v", one)
		}

		if deaf[one.Provider] {
			t.Fatalf("%s was asked again", one.Provider)
		}

		deaf[one.Provider] = deaf[one.Provider] || one.Error == errs.Invalid
	}
}

func checkOutcome(t *rapid.T, err error) {
	sentence, _, _ := errs.Sentence(err)

	switch errs.CodeOf(err) {
	case "", errs.Unavailable, errs.Internal:
	case errs.Invalid:
		if sentence != "error.not_heard" {
			t.Fatalf("Invalid without a sentence: %v", err)
		}
	case errs.Limited:
		if errs.RetryAfter(err) <= 0 {
			t.Fatalf("Limited without a time: %v", err)
		}
	default:
		t.Fatalf("%s: %v", errs.CodeOf(err), err)
	}
}
