package chat

import (
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/alert"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/store"
)

var _ alert.Texts = (*Catalog)(nil)

// maxDetailUnits leaves room for the rest of an alert.
const maxDetailUnits = 2000

// Firing tells an owner of a trouble that was reported count times.
func (c *Catalog) Firing(of store.Store, reported alert.Alert, since time.Time, count int) message.Text {
	words := c.In(of.Language)
	title, detail := told(words, reported)
	text := words.html("alert.firing", errs.Args{
		"Sign": sign(reported.Severity), "Severity": words.severity(reported.Severity),
		"Store": of.Name, "Title": title, "Since": words.moment(since, of.TimeZone),
	})

	if detail != "" {
		text += "\n" + words.html("alert.means", errs.Args{"Detail": detail})
	}

	if advice := advised(words, reported); advice != "" {
		text += "\n" + escape(advice)
	}

	if count > 1 {
		text += "\n" + words.html("alert.counted", errs.Args{"Count": count})
	}

	return message.Text{HTML: text}
}

// sign is the colour of a severity, beside its word.
func sign(of alert.Severity) string {
	switch of {
	case alert.Critical:
		return "🔴"
	case alert.Info:
		return "🔵"
	default:
		return "🟠"
	}
}

// severity names a severity.
func (w Words) severity(of alert.Severity) string {
	switch of {
	case alert.Critical:
		return w.plain("alert.critical", nil)
	case alert.Info:
		return w.plain("alert.info", nil)
	default:
		return w.plain("alert.warning", nil)
	}
}

// advised says what to do, in the words of a language where they are there.
func advised(words Words, reported alert.Alert) string {
	if keys := reported.Keys; keys.Advice != "" {
		return words.plain(keys.Advice, keys.Args)
	}

	return reported.Advice
}

// told gives an alert in the words of a language where the catalogs have it,
// else as its operators read it: CloudWatch's alarms, for example.
func told(words Words, reported alert.Alert) (string, string) {
	title, detail := reported.Title, reported.Detail

	if keys := reported.Keys; keys.Title != "" {
		title = words.plain(keys.Title, keys.Args)
	}

	if keys := reported.Keys; keys.Detail != "" {
		detail = words.plain(keys.Detail, keys.Args)
	}

	detail, _ = fit(strings.TrimSpace(detail), maxDetailUnits)

	return title, detail
}

// Recovered tells an owner that a trouble is over.
func (c *Catalog) Recovered(of store.Store, reported alert.Alert, since time.Time) message.Text {
	words := c.In(of.Language)

	title, _ := told(words, reported)

	took := words.duration(reported.At.Sub(since))
	if reported.At.Sub(since) < time.Minute {
		took = words.plain("alert.moment", nil)
	}

	return message.Text{HTML: words.html("alert.recovered", errs.Args{
		"Store": of.Name, "Title": title, "Took": took,
	})}
}
