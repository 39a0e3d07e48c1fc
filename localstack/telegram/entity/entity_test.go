package entity_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/localstack/telegram/entity"
)

func TestParse(t *testing.T) {
	t.Parallel()

	tests := map[string]struct {
		mode, in, text string
		want           []entity.Entity
	}{
		"plain command":    {"", "/start@lapak_bot 12", "/start@lapak_bot 12", []entity.Entity{{Type: "bot_command", Length: 16}}},
		"plain no command": {"", "<b>x</b> a/b /a/b", "<b>x</b> a/b /a/b", []entity.Entity{}},
		"plain url": {
			"", "see https://lapak.id/x?y=1, ok", "see https://lapak.id/x?y=1, ok",
			[]entity.Entity{{Type: "url", Offset: 4, Length: 22}},
		},
		"html nested": {
			"HTML", "<b>a <i>b</i></b>", "a b",
			[]entity.Entity{{Type: "bold", Length: 3}, {Type: "italic", Offset: 2, Length: 1}},
		},
		"html emoji counts two": {"html", "👋 <b>x</b>", "👋 x", []entity.Entity{{Type: "bold", Offset: 3, Length: 1}}},
		"html references":       {"HTML", "&lt;b&gt; &amp;&quot;&#33;&nbsp;", "<b> &\"!&nbsp;", []entity.Entity{}},
		"html link": {
			"HTML", `<a href="https://lapak.id">x</a>`, "x",
			[]entity.Entity{{Type: "text_link", Length: 1, URL: "https://lapak.id"}},
		},
		"html mention": {
			"HTML", `<a href="tg://user?id=42">x</a>`, "x",
			[]entity.Entity{{Type: "text_mention", Length: 1, UserID: 42}},
		},
		"html no script link": {"HTML", `<a href="javascript://a.b">x</a>`, "x", []entity.Entity{}},
		"html code block": {
			"HTML", `<pre><code class="language-go">x</code></pre>`, "x",
			[]entity.Entity{{Type: "pre", Length: 1, Language: "go"}},
		},
		"html expandable": {
			"HTML", `<blockquote expandable>x</blockquote>`, "x",
			[]entity.Entity{{Type: "expandable_blockquote", Length: 1}},
		},
		"html spoiler": {"HTML", `<span class="tg-spoiler">x</span>`, "x", []entity.Entity{{Type: "spoiler", Length: 1}}},
		"html trimmed": {"HTML", "\n <b> x </b>\n", "x", []entity.Entity{{Type: "bold", Length: 1}}},
		"v2 marks": {"MarkdownV2", `*b* _i_ __u__ ~s~ ||p|| \.`, "b i u s p .", []entity.Entity{
			{Type: "bold", Offset: 0, Length: 1},
			{Type: "italic", Offset: 2, Length: 1},
			{Type: "underline", Offset: 4, Length: 1},
			{Type: "strikethrough", Offset: 6, Length: 1},
			{Type: "spoiler", Offset: 8, Length: 1},
		}},
		"v2 link and code": {"MarkdownV2", "[x](http://a.b/\\)) `a_b` ```go\nf()```", "x a_b f()", []entity.Entity{
			{Type: "text_link", Length: 1, URL: "http://a.b/)"},
			{Type: "code", Offset: 2, Length: 3},
			{Type: "pre", Offset: 6, Length: 3, Language: "go"},
		}},
		"v2 quote": {"MarkdownV2", ">a\n>b\nc", "a\nb\nc", []entity.Entity{{Type: "blockquote", Length: 4}}},
		"v1": {"Markdown", "*b* _i_ `c` [x](a.id) \\_", "b i c x _", []entity.Entity{
			{Type: "bold", Offset: 0, Length: 1},
			{Type: "italic", Offset: 2, Length: 1},
			{Type: "code", Offset: 4, Length: 1},
			{Type: "text_link", Offset: 6, Length: 1, URL: "http://a.id"},
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			text, entities, err := entity.Parse(test.mode, test.in)
			require.NoError(t, err)
			assert.Equal(t, test.text, text)
			assert.Equal(t, test.want, entities)
		})
	}
}

func TestParseErrors(t *testing.T) {
	t.Parallel()

	tests := []struct{ mode, in, want string }{
		{"HTML", "<b>x", `can't parse entities: Can't find end tag corresponding to start tag "b"`},
		{"HTML", "<b>x</i>", `can't parse entities: Unmatched end tag at byte offset 4, expected "</b>", found "</i>"`},
		{"HTML", "x</b>", `can't parse entities: Unexpected end tag at byte offset 1`},
		{"HTML", "a <foo>", `can't parse entities: Unsupported start tag "foo" at byte offset 2`},
		{"HTML", "a <b", `can't parse entities: Unclosed start tag at byte offset 2`},
		{"MarkdownV2", "a.b", `can't parse entities: Character '.' is reserved and must be escaped with the preceding '\'`},
		{"MarkdownV2", "*a", `can't parse entities: Can't find end of Bold entity at byte offset 0`},
		{"Markdown", "a *b", `can't parse entities: Can't find end of the entity starting at byte offset 2`},
		{"bbcode", "x", `unsupported parse_mode`},
	}
	for _, test := range tests {
		t.Run(test.mode+" "+test.in, func(t *testing.T) {
			t.Parallel()

			_, _, err := entity.Parse(test.mode, test.in)
			require.EqualError(t, err, test.want)
		})
	}
}

// TestEscapedTextIsKept holds that text escaped as Telegram's documentation
// tells comes out unchanged in every mode.
func TestEscapedTextIsKept(t *testing.T) {
	t.Parallel()

	html := strings.NewReplacer("<", "&lt;", ">", "&gt;", "&", "&amp;")

	rapid.Check(t, func(t *rapid.T) {
		in := rapid.String().Draw(t, "text")
		want := strings.Trim(in, " \n\t\r")

		var v2 strings.Builder
		for _, r := range in {
			if strings.ContainsRune("_*[]()~`>#+-=|{}.!\\", r) {
				v2.WriteByte('\\')
			}
			v2.WriteRune(r)
		}

		for mode, escaped := range map[string]string{"HTML": html.Replace(in), "MarkdownV2": v2.String(), "": in} {
			got, _, err := entity.Parse(mode, escaped)
			if err != nil || got != want {
				t.Fatalf("%s: %q came out as %q, %v", mode, in, got, err)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("HTML", `<b>x <a href="http://a.b">y</a> &lt;</b> /start #tag a@b.id`)
	f.Add("MarkdownV2", "*b* [x](http://a.b) ```go\nx``` >q||\n![e](tg://emoji?id=1)")
	f.Add("Markdown", "*b* _i_ [x](y.id)")
	f.Fuzz(func(t *testing.T, mode, in string) {
		text, entities, err := entity.Parse(mode, in)
		if err != nil {
			return
		}

		for _, e := range entities {
			if e.Offset < 0 || e.Length <= 0 || e.Offset+e.Length > entity.Units(text) {
				t.Fatalf("entity %+v lies outside %q", e, text)
			}
		}
	})
}
