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
	detail, _ := fit(strings.TrimSpace(reported.Detail), maxDetailUnits)
	text := words.html("alert.firing", errs.Args{
		"Store": of.Name, "Title": reported.Title, "Since": words.moment(since, of.TimeZone), "Detail": detail,
	})

	if count > 1 {
		text += "\n" + words.html("alert.counted", errs.Args{"Count": count})
	}

	return message.Text{HTML: text}
}

// Recovered tells an owner that a trouble is over.
func (c *Catalog) Recovered(of store.Store, reported alert.Alert, since time.Time) message.Text {
	words := c.In(of.Language)

	took := words.duration(reported.At.Sub(since))
	if reported.At.Sub(since) < time.Minute {
		took = words.plain("alert.moment", nil)
	}

	return message.Text{HTML: words.html("alert.recovered", errs.Args{
		"Store": of.Name, "Title": reported.Title, "Took": took,
	})}
}
