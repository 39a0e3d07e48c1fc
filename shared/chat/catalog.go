package chat

import (
	"embed"
	"log/slog"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/nicksnyder/go-i18n/v2/i18n"
	"github.com/nicksnyder/go-i18n/v2/i18n/template"
	"golang.org/x/text/language"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/store"
)

// locales holds the texts: one file for each language.
//
//go:embed locales/*.toml
var locales embed.FS

// Catalog holds the bot's texts in every language it speaks. Add one by adding
// a file to locales and its code to languages.
type Catalog struct {
	words map[string]Words
}

// languages are those that the bot speaks, in the order in which they are
// offered.
func languages() []string { return []string{"id", "en"} }

// NewCatalog reads the texts that are built in.
func NewCatalog() (*Catalog, error) {
	bundle := i18n.NewBundle(language.Indonesian)
	bundle.RegisterUnmarshalFunc("toml", toml.Unmarshal)

	catalog := &Catalog{words: map[string]Words{}}

	for _, code := range languages() {
		if _, err := bundle.LoadMessageFileFS(locales, "locales/active."+code+".toml"); err != nil {
			return nil, errs.Wrap(err, errs.Internal, "read the texts of language %s", code)
		}

		catalog.words[code] = Words{language: code, localizer: i18n.NewLocalizer(bundle, code)}
	}

	return catalog, nil
}

// In gives the words of a language, those of store.DefaultLanguage where the
// bot does not speak it.
func (c *Catalog) In(code string) Words {
	if words, ok := c.words[code]; ok {
		return words
	}

	return c.words[store.DefaultLanguage]
}

// understood gives the language that the bot speaks with someone whose client
// is set to a language tag such as "en-GB": false where it speaks none such.
func (c *Catalog) understood(tag string) (string, bool) {
	code, _, _ := strings.Cut(strings.ToLower(tag), "-")
	_, ok := c.words[code]

	return code, ok
}

// Words are the texts in one language.
type Words struct {
	language  string
	localizer *i18n.Localizer
}

// markup is text that is Telegram's HTML already: it is not escaped again.
type markup string

// escape makes any text safe inside Telegram's HTML.
func escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

// html gives a text with its values filled in, escaped unless they are markup.
func (w Words) html(key string, args errs.Args) string {
	safe := make(errs.Args, len(args))

	for name, value := range args {
		switch value := value.(type) {
		case string:
			safe[name] = escape(value)
		case int:
			safe[name] = w.number(int64(value))
		case int64:
			safe[name] = w.number(value)
		case time.Duration:
			safe[name] = w.length(value)
		case float64: // a whole number that has been through JSON
			safe[name] = w.number(int64(value))
		default:
			safe[name] = value
		}
	}

	return w.fill(key, safe, nil)
}

// plain gives a text for a place that knows no markup: a button or a toast.
func (w Words) plain(key string, args errs.Args) string {
	return w.fill(key, args, nil)
}

// counted gives a text in the plural form of count, which it knows as Count.
func (w Words) counted(key string, count int) string {
	return w.fill(key, errs.Args{"Count": w.number(int64(count))}, count)
}

// fill looks a text up and fills in its values. What cannot be filled is a
// defect: it is logged, and the key stands for the text.
func (w Words) fill(key string, args errs.Args, count any) string {
	text, err := w.localizer.Localize(&i18n.LocalizeConfig{
		MessageID:    key,
		TemplateData: map[string]any(args),
		PluralCount:  count,
		// A missing value is an error instead of "<no value>" in a chat.
		TemplateParser: &template.TextParser{Option: "missingkey=error"},
	})
	if err != nil {
		slog.Error("text not filled in", "key", key, "language", w.language, "error", err)

		return key
	}

	return text
}
