package chat

import (
	"context"
	"slices"
	"strings"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/health"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/store"
)

// Health tells how stores do, and has them looked at.
type Health interface {
	Status(ctx context.Context, of string) (health.Status, error)
	Ask(ctx context.Context, wish health.Wish) error
}

// Buttons of /status; what follows is a store, or nothing for what all share.
const (
	tapStatus  = "status:"
	tapLookNow = "looknow:"
)

var _ health.Texts = (*Catalog)(nil)

// officeStatus shows how the person's store does, or asks which.
func (c *Chat) officeStatus(ctx context.Context, r *request) error {
	if c.Health == nil {
		return c.officeHelp(ctx, r)
	}

	if len(r.owned) == 1 && !r.owner {
		return c.showStatus(ctx, r, r.owned[0])
	}

	var rows [][]message.Button

	if r.owner {
		rows = append(rows, []message.Button{{Text: r.words.plain("status.platform", nil), Data: tapStatus}})
	}

	for _, of := range r.owned[:min(len(r.owned), listed)] {
		rows = append(rows, []message.Button{{Text: of.Name, Data: tapStatus + of.ID}})
	}

	return c.show(ctx, r, message.Text{
		HTML: r.words.html("status.choose", nil), Buttons: append(rows, r.words.backTo("home")),
	})
}

// openStatus shows how the store of a button does.
func (c *Chat) openStatus(ctx context.Context, r *request) error {
	return c.ofStatus(ctx, r, tapStatus, c.showStatus)
}

// lookNow has the store of a button looked at: its screen is shown anew then.
func (c *Chat) lookNow(ctx context.Context, r *request) error {
	return c.ofStatus(ctx, r, tapLookNow, func(ctx context.Context, r *request, of store.Store) error {
		err := c.Health.Ask(ctx, health.Wish{
			Cause: r.storeID + "-" + r.cause, Store: of.ID, Language: r.words.language,
			Bot: r.storeID, Chat: r.chat, Message: r.tap.Message.GetMessageID(),
		})
		if err != nil {
			return errs.Context(err, "have %q looked at", of.ID)
		}

		r.toast = r.words.plain("status.looking", nil)

		return nil
	})
}

// ofStatus does something with the store of a button, if it is the person's: a
// button may be older than what they own.
func (c *Chat) ofStatus(
	ctx context.Context, r *request, tap string, do func(ctx context.Context, r *request, of store.Store) error,
) error {
	return c.inOffice(ctx, r, route{handle: func(c *Chat, ctx context.Context, r *request) error {
		wanted := r.value(tap)
		at := slices.IndexFunc(r.owned, func(of store.Store) bool { return of.ID == wanted })

		switch {
		case c.Health == nil || at < 0 && (wanted != "" || !r.owner):
			return c.officeHelp(ctx, r)
		case at < 0:
			return do(ctx, r, store.Store{})
		default:
			return do(ctx, r, r.owned[at])
		}
	}})
}

func (c *Chat) showStatus(ctx context.Context, r *request, of store.Store) error {
	status, err := c.Health.Status(ctx, of.ID)
	if err != nil {
		return errs.Context(err, "show the status of %q", of.ID)
	}

	return c.show(ctx, r, c.Catalog.Status(r.words.language, of, status))
}

// Status puts the status of a store into words; of the zero Store that of the
// platform, which all stores share.
func (c *Catalog) Status(language string, of store.Store, status health.Status) message.Text {
	words := c.In(language)

	name, zone := of.Name, of.TimeZone
	if of.ID == "" {
		name, zone = words.plain("status.platform", nil), store.DefaultTimeZone
	}

	lines := []string{words.html("status.title", errs.Args{"Name": name})}

	if status.At.IsZero() {
		lines = append(lines, words.html("status.never", nil))
	} else {
		lines = append(lines, words.html("status.seen", errs.Args{
			"When": words.moment(status.At, zone), "Second": inZone(status.At, zone).Format("05"), // a look now shows at once
		}), "")
		lines = append(lines, words.parts(status)...)
		lines = append(lines, words.troubles(status, zone)...)
	}

	return message.Text{HTML: strings.Join(lines, "\n"), Buttons: [][]message.Button{
		{{Text: words.plain("status.button_now", nil), Data: tapLookNow + of.ID}},
		{words.open("status.button_choose", "status")},
	}}
}

// A status stays one message: so many troubles, each in so many units.
const (
	maxTroubles     = 10
	maxTroubleUnits = 250
)

// parts gives a line for each component that is looked at.
func (w Words) parts(status health.Status) []string {
	names := map[health.Component]string{
		health.Chat: "status.bots", health.Payments: "status.payments", health.Transcription: "status.transcription",
		health.Storage: "status.storage", health.Processing: "status.processing", health.Inside: "status.inside",
	}

	var lines []string

	for _, component := range []health.Component{
		health.Chat, health.Payments, health.Transcription, health.Storage, health.Processing, health.Inside,
	} {
		if state := status.Of(component); state != "" {
			lines = append(lines, w.html("status.part", errs.Args{
				"Sign": stateSign(state), "Part": w.plain(names[component], nil),
			}))
		}
	}

	return lines
}

// troubles tells what is not well, each with what it means.
func (w Words) troubles(status health.Status, zone string) []string {
	found := status.Trouble()
	if len(found) == 0 {
		return []string{"", w.html("status.well", nil)}
	}

	var lines []string

	for _, result := range found[:min(len(found), maxTroubles)] {
		title, detail := result.Title, result.Detail
		if result.Words.Title != "" {
			title = w.plain(result.Words.Title, w.spelled(result.Words.Args))
		}

		if result.Words.Detail != "" {
			detail = w.plain(result.Words.Detail, w.spelled(result.Words.Args))
		}

		detail, _ = fit(detail, maxTroubleUnits)
		lines = append(lines, "", w.html("status.trouble", errs.Args{
			"Sign": stateSign(result.State), "Title": title, "Since": w.moment(result.Since, zone),
		}), w.html("status.detail", errs.Args{"Detail": detail}))
	}

	if more := len(found) - maxTroubles; more > 0 {
		lines = append(lines, "", w.html("office.more", errs.Args{"Count": more}))
	}

	return lines
}

// spelled gives the values of a sentence with its numbers as people write them.
func (w Words) spelled(args errs.Args) errs.Args {
	spelled := make(errs.Args, len(args))

	for name, value := range args {
		switch value := value.(type) {
		case float64: // any number that has been through JSON
			spelled[name] = w.number(int64(value))
		default:
			spelled[name] = value
		}
	}

	return spelled
}

func stateSign(state health.State) string {
	switch state {
	case health.Critical:
		return "🔴"
	case health.Warning:
		return "🟠"
	case health.Unknown:
		return "⚪"
	case health.OK:
		return "🟢"
	}

	return "⚪"
}
