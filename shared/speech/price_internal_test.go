package speech

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/errs"
)

func TestCost(t *testing.T) {
	t.Parallel()

	groq := Price{Hour: 0.04, Least: 10 * time.Second}
	deepgram := Price{Hour: 0.258, Speakers: 0.12}

	for _, c := range []struct {
		price    Price
		audio    time.Duration
		speakers bool
		want     int64 // thousandths of a rupiah
	}{
		{groq, time.Hour, false, 640_000},
		{groq, time.Second, false, 1778}, // 10 s are billed
		{groq, 0, false, 1778},
		{groq, 10 * time.Second, true, 1778},
		{deepgram, time.Hour, false, 4_128_000},
		{deepgram, time.Hour, true, 6_048_000},
		{deepgram, 0, true, 0},
		{Price{}, time.Hour, true, 0},
		{Price{Hour: mostDollars}, 1000 * time.Hour, false, 24 * mostDollars * 16_000 * 1000},
	} {
		assert.Equal(t, c.want, c.price.cost(c.audio, c.speakers, 16_000), "%+v", c)
	}
}

func TestMoreAudioNeverCostsLess(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(rt *rapid.T) {
		price := Price{
			Hour:     rapid.Float64Range(0, mostDollars).Draw(rt, "hour"),
			Speakers: rapid.Float64Range(0, mostDollars).Draw(rt, "speakers"),
			Least:    time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(rt, "least")),
		}
		audio := time.Duration(rapid.Int64Range(0, int64(longestBilled)).Draw(rt, "audio"))
		more := time.Duration(rapid.Int64Range(int64(audio), int64(longestBilled)).Draw(rt, "more"))

		alone := price.cost(audio, false, 16_500)
		if alone < 0 || price.cost(more, false, 16_500) < alone || price.cost(audio, true, 16_500) < alone {
			rt.Fatalf("%+v", price)
		}
	})
}

func TestPricesAreRead(t *testing.T) {
	t.Parallel()

	var read Prices
	require.NoError(t, read.UnmarshalText([]byte("groq/whisper-large-v3=0.1, deepgram/nova-3=0.258+0.12\n")))
	assert.Equal(t, Prices{"groq/whisper-large-v3": {Hour: 0.1}, "deepgram/nova-3": {Hour: 0.258, Speakers: 0.12}}, read)

	require.NoError(t, read.UnmarshalText(nil))
	assert.Empty(t, read)

	for _, wrong := range []string{"groq", "=1", "a/b=", "a/b=x", "a/b=-1", "a/b=NaN", "a/b=1+x", "a/b=1001", "a/b=1+Inf"} {
		assert.Equal(t, errs.Invalid, errs.CodeOf(read.UnmarshalText([]byte(wrong))), wrong)
	}

	// What the operator sets leaves the least that is billed.
	assert.Equal(t, Price{Hour: 1, Least: time.Second}, Price{Hour: 2, Speakers: 3, Least: time.Second}.with(Price{Hour: 1}))
}

func TestNamesAreRead(t *testing.T) {
	t.Parallel()

	var read Names
	require.NoError(t, read.UnmarshalText([]byte("groq/a, openai/org/b deepgram/c")))
	assert.Equal(t, Names{"groq/a", "openai/org/b", "deepgram/c"}, read)

	require.NoError(t, read.UnmarshalText([]byte(" ")))
	assert.Empty(t, read)

	for _, wrong := range []string{"groq", "groq/", "/a", "groq/a, groq/a"} {
		assert.Equal(t, errs.Invalid, errs.CodeOf(read.UnmarshalText([]byte(wrong))), wrong)
	}
}

func FuzzPrices(f *testing.F) {
	for _, seed := range []string{"", "a/b=1", "a/b=1+2 c/d=0", "a=1=2", "a/b=1e3", ",,", "a/b=0x1p-2"} {
		f.Add(seed)
	}

	f.Fuzz(func(t *testing.T, text string) {
		var read Prices
		if read.UnmarshalText([]byte(text)) != nil {
			return
		}

		for name, price := range read {
			if name == "" || !(price.Hour >= 0 && price.Hour <= mostDollars && price.Speakers >= 0 && price.Speakers <= mostDollars) {
				t.Fatalf("%q: %+v", name, price)
			}
		}
	})
}

func TestLanguage(t *testing.T) {
	t.Parallel()

	for name, want := range map[string]string{
		"Indonesian": "id", "indonesian": "id", "id": "id", "ID": "id", "en-US": "en", "english": "en", "English": "en", "jw": "jv",
		"Javanese": "jv", "Haitian Creole": "ht", "zh-Hans": "zh", "zh": "zh", "cantonese": "yue", "yue": "yue", "": "", "unknown": "",
		"Unknown": "", "multi": "", "klingon": "klingon", "xx": "xx", "=": "=", "en\xff": "en",
	} {
		assert.Equal(t, want, Language(name), name)
	}

	assert.Len(t, WhisperLanguages(), 100)
	assert.Contains(t, WhisperLanguages(), "jv")

	for _, code := range WhisperLanguages() {
		assert.Equal(t, code, Language(LanguageName(code)))
	}

	for code, want := range map[string]string{"fr": "french", "ht": "haitian creole", "": "", "xx": "xx", "french": "french", "=": "="} {
		assert.Equal(t, want, LanguageName(code), code)
	}
}
