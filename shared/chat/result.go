package chat

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/speech"
	"github.com/lapak-id/lapak/shared/transcript"
)

// Result shows a transcript: all of it where one message holds it, else its
// beginning up to the end of a sentence.
func (c *Catalog) Result(job transcript.Job, result transcript.Transcript) message.Text {
	words := c.In(job.Language)
	shown := words.result(job, result)

	return message.Text{HTML: shown.html(words), Buttons: words.resultButtons(job, shown.text != "", len(shown.rest))}
}

// Read is Result once the rest of the text was sent too.
func (c *Catalog) Read(job transcript.Job, result transcript.Transcript) message.Text {
	words := c.In(job.Language)
	shown := words.result(job, result)
	shown.note = ""

	return message.Text{HTML: shown.html(words), Buttons: words.resultButtons(job, shown.text != "", 0)}
}

// Rest is what Result has no room for, in messages that end with sentences.
// There is none where Result holds all, or where it would be too many.
func (c *Catalog) Rest(job transcript.Job, result transcript.Transcript) []message.Text {
	words := c.In(job.Language)

	var texts []message.Text

	for number, part := range words.result(job, result).rest {
		texts = append(texts, message.Text{HTML: words.restHead(job, number+1) + escape(part)})
	}

	return texts
}

// restHead stands above a part of the rest: which of how many messages it is.
func (w Words) restHead(job transcript.Job, number int) string {
	return w.html("job.rest", errs.Args{"Title": title(w, job), "Number": number + 1}) + "\n\n"
}

// result is a transcript cut into messages.
type result struct {
	head string   // HTML
	text string   // what the first message holds
	note string   // HTML: what else there is to say
	rest []string // what further messages would hold; empty where they would be too many
}

func (r result) html(words Words) string {
	if r.text == "" {
		return r.head + "\n\n" + words.html("job.silent", nil) + r.note
	}

	return r.head + "\n\n" + quote(r.text) + r.note
}

// maxNoteUnits is what the remarks below a result take at most: a test sees to that.
const maxNoteUnits = 300

func (w Words) result(job transcript.Job, heard transcript.Transcript) result {
	text := heard.Plain(func(number int) string { return w.plain("job.speaker", errs.Args{"Number": number}) })
	language := spoken(w, heard.Language)

	if text == "" {
		language = "" // nothing was said in it
	}

	shown := result{head: "📝 <b>" + escape(title(w, job)) + "</b> · " + joined(w.duration(heard.Duration), language,
		w.counted("format.words", len(strings.Fields(heard.Text))), modelName(heard.Model))}

	if job.Result != nil && job.Result.Missing > 0 {
		shown.note = "\n" + w.html("job.missing", errs.Args{"Missing": w.duration(max(job.Result.Missing, time.Second))})
	}

	first, cut := fit(text, maxMessageUnits-units(shown.head)-maxNoteUnits)
	shown.text = first

	if !cut {
		return shown
	}

	shown.text += " …"
	shown.rest = parts(strings.TrimSpace(text[len(first):]), maxMessageUnits-units(w.restHead(job, hundred)))

	if count := len(shown.rest); count > maxRest {
		shown.rest = nil
		shown.note = "\n" + w.html("job.long", errs.Args{"Count": count}) + shown.note
	} else {
		shown.note = "\n" + w.counted("job.more", count) + shown.note
	}

	return shown
}

// parts cuts a text into parts of at most limit UTF-16 units.
func parts(text string, limit int) []string {
	var cut []string

	for text != "" {
		part, _ := fit(text, limit)
		cut = append(cut, part)
		text = strings.TrimLeftFunc(text[len(part):], unicode.IsSpace)
	}

	return cut
}

// modelName gives a model without its provider.
func modelName(model string) string { return model[strings.LastIndexByte(model, '/')+1:] }

// resultButtons offer the files of a transcript, its rest and its end.
func (w Words) resultButtons(job transcript.Job, hasText bool, rest int) [][]message.Button {
	var rows [][]message.Button

	if !hasText { // files of nothing help nobody
		return [][]message.Button{{w.delete(job)}}
	}

	for at, format := range transcript.Formats() {
		if at%columns == 0 {
			rows = append(rows, nil)
		}

		row := &rows[len(rows)-1]
		*row = append(*row, message.Button{Text: w.format(format), Data: tapFile(format) + job.ID})
	}

	last := []message.Button{w.delete(job)}
	if rest > 0 {
		last = append([]message.Button{{Text: w.plain("button.rest", nil), Data: tapRest + job.ID}}, last...)
	}

	return append(rows, last)
}

// columns is how many buttons stand side by side.
const columns = 2

// format is what a format is called on buttons.
func (w Words) format(format transcript.Format) string {
	switch format {
	case transcript.Text:
		return w.plain("format.txt", nil)
	case transcript.SubRip:
		return w.plain("format.srt", nil)
	case transcript.WebVTT:
		return w.plain("format.vtt", nil)
	case transcript.JSON:
		return w.plain("format.json", nil)
	default:
		return string(format)
	}
}

// delete is the button that asks whether a job should be deleted.
func (w Words) delete(job transcript.Job) message.Button {
	return message.Button{Text: w.plain("button.delete", nil), Data: tapDelete + job.ID}
}

// quote sets off what was said, folded where it is long.
func quote(text string) string {
	if units(text) > longQuoteUnits {
		return "<blockquote expandable>" + escape(text) + "</blockquote>"
	}

	return "<blockquote>" + escape(text) + "</blockquote>"
}

// spoken names the language that a provider has heard, which it gives as a
// code or in English.
func spoken(words Words, heard string) string {
	switch heard := strings.ToLower(heard); heard {
	case "", "unknown":
		return ""
	case "id", "indonesian":
		return words.plain("language.indonesian", nil)
	case "en", "english":
		return words.plain("language.english", nil)
	case "ms", "malay":
		return words.plain("language.malay", nil)
	case "jv", "jw", "javanese":
		return words.plain("language.javanese", nil)
	case "su", "sundanese":
		return words.plain("language.sundanese", nil)
	case "ar", "arabic":
		return words.plain("language.arabic", nil)
	case "zh", "chinese":
		return words.plain("language.chinese", nil)
	case "ja", "japanese":
		return words.plain("language.japanese", nil)
	case "ko", "korean":
		return words.plain("language.korean", nil)
	default:
		heard = speech.LanguageName(heard)
		first, size := utf8.DecodeRuneInString(heard)

		return string(unicode.ToUpper(first)) + heard[size:]
	}
}
