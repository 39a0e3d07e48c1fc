package chat

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/transcript"
)

// What the buttons of a job say, with the job's id behind it.
const (
	tapCancel = "job:cancel:"
	tapRetry  = "job:retry:"
	tapText   = "job:txt:"
	tapSRT    = "job:srt:"
	tapShow   = "job:show:"
)

const (
	maxMessageUnits = 4096 // UTF-16 units that Telegram takes
	longQuoteUnits  = 600  // above it, a quote is folded until it is tapped
	maxTitleUnits   = 64
)

var _ transcript.Texts = (*Catalog)(nil)

// Title is what the file of a job is called, without markup.
func (c *Catalog) Title(job transcript.Job) string { return title(c.In(job.Language), job) }

// Received is the first answer to a file, while its job begins.
func (c *Catalog) Received(job transcript.Job) message.Text {
	words := c.In(job.Language)

	return running(words, job, words.html("job.received", nil))
}

// Progress shows how far a job is.
func (c *Catalog) Progress(job transcript.Job, at transcript.Progress) message.Text {
	words := c.In(job.Language)

	if at.Stage == transcript.Downloading {
		return running(words, job, bar(at.Percent)+" "+words.html("job.downloading", errs.Args{"Percent": at.Percent}))
	}

	return running(words, job, words.html("job.transcribing", nil))
}

// running is the progress message of a job that can still be cancelled.
func running(words Words, job transcript.Job, line string) message.Text {
	return message.Text{
		HTML:    "🎧 " + describe(words, job) + "\n" + line,
		Buttons: [][]message.Button{{{Text: words.plain("button.cancel", nil), Data: tapCancel + job.ID}}},
	}
}

// bar draws 0 to 100 percent in ten steps.
func bar(percent int) string {
	const steps = 10

	done := min(max(percent, 0)*steps/100, steps) //nolint:mnd // percent

	return strings.Repeat("▰", done) + strings.Repeat("▱", steps-done)
}

// describe gives the file of a job: name, length, size, as far as known.
func describe(words Words, job transcript.Job) string {
	return joined(title(words, job), words.duration(job.Source.Duration), words.size(job.Source.Size))
}

// joined puts texts into one line of HTML and leaves out the empty ones.
func joined(texts ...string) string {
	var shown []string

	for _, text := range texts {
		if text != "" {
			shown = append(shown, escape(text))
		}
	}

	return strings.Join(shown, " · ")
}

// title is what a job is called: its file's name, or what kind of file it is.
func title(words Words, job transcript.Job) string {
	name := job.Title()
	if name == "" {
		return kindName(words, job.Source.Kind)
	}

	short, cut := fit(message.FileName(name), maxTitleUnits)
	if cut {
		short += "…"
	}

	return short
}

func kindName(words Words, kind transcript.Kind) string {
	switch kind {
	case transcript.Voice:
		return words.plain("kind.voice", nil)
	case transcript.Audio:
		return words.plain("kind.audio", nil)
	case transcript.Video:
		return words.plain("kind.video", nil)
	case transcript.VideoNote:
		return words.plain("kind.video_note", nil)
	case transcript.Document:
		return words.plain("kind.document", nil)
	default:
		return words.plain("kind.document", nil)
	}
}

// Result shows a transcript: all of it where one message holds it, else its
// beginning up to the end of a sentence.
func (c *Catalog) Result(job transcript.Job, result transcript.Transcript) message.Text {
	words := c.In(job.Language)
	text := strings.TrimSpace(result.Text)
	language := spoken(words, result.Language)

	if text == "" {
		language = "" // nothing was said in it
	}

	head := "📝 <b>" + escape(title(words, job)) + "</b> · " + joined(words.duration(result.Duration), language,
		words.counted("format.words", len(strings.Fields(text))))

	if text == "" {
		return message.Text{HTML: head + "\n\n" + words.html("job.silent", nil)}
	}

	note := "\n" + words.html("job.shortened", nil)

	shown, cut := fit(text, maxMessageUnits-units(head)-units(note)-len("\n\n…"))
	if cut {
		shown += " …"
	} else {
		note = ""
	}

	return message.Text{
		HTML: head + "\n\n" + quote(shown) + note,
		Buttons: [][]message.Button{{
			{Text: words.plain("button.text", nil), Data: tapText + job.ID},
			{Text: words.plain("button.subtitles", nil), Data: tapSRT + job.ID},
		}},
	}
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
		first, size := utf8.DecodeRuneInString(heard)

		return string(unicode.ToUpper(first)) + heard[size:]
	}
}

// Failure tells that a job could not be done: why, where that is known, else
// with a way to try again.
func (c *Catalog) Failure(job transcript.Job) message.Text {
	words := c.In(job.Language)
	told := message.Text{HTML: "🎧 " + describe(words, job) + "\n\n"}

	if job.Reason != "" {
		told.HTML += words.html("job.refused", errs.Args{"Reason": markup(words.html(job.Reason, job.Args))})

		return told
	}

	told.HTML += words.html("job.failed", nil)
	if job.Reference != "" {
		told.HTML += "\n" + words.html("job.reference", errs.Args{"Reference": job.Reference})
	}

	told.Buttons = [][]message.Button{{{Text: words.plain("button.retry", nil), Data: tapRetry + job.ID}}}

	return told
}

// Cancelled takes the place of the progress message of a job that its person
// did not want any more.
func (c *Catalog) Cancelled(job transcript.Job) message.Text {
	words := c.In(job.Language)

	return message.Text{HTML: "🎧 " + describe(words, job) + "\n" + words.html("job.cancelled", nil)}
}

// Caption is what stands below a transcript that is sent as a file.
func (c *Catalog) Caption(job transcript.Job, _ transcript.Format) message.Text {
	words := c.In(job.Language)

	return message.Text{HTML: words.html("job.caption", errs.Args{"Title": title(words, job)})}
}

// Unsent tells that a transcript could not be sent as a file, with what finds
// the log line.
func (c *Catalog) Unsent(job transcript.Job, reference string) message.Text {
	words := c.In(job.Language)

	return message.Text{
		HTML: words.html("job.unsent", errs.Args{"Title": title(words, job)}) +
			"\n" + words.html("job.reference", errs.Args{"Reference": reference}),
		Buttons: [][]message.Button{{{Text: words.plain("button.retry", nil), Data: tapShow + job.ID}}},
	}
}

// Gone tells that a transcript is not kept any more.
func (c *Catalog) Gone(job transcript.Job) message.Text {
	words := c.In(job.Language)

	return message.Text{HTML: words.html("job.gone", errs.Args{"Title": title(words, job), "Days": keptDays()})}
}

// keptDays is how many days a transcript can be had again.
func keptDays() int {
	const day = 24 * time.Hour

	return int(transcript.CacheFor / day)
}
