package chat

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/alert"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
)

var _ alert.Texts = (*Catalog)(nil)

// maxDetailUnits leaves room for the rest of an alert.
const maxDetailUnits = 2000

// tapAlert begins what the buttons of alerts say.
const tapAlert = "alert:"

// Alerts do what the buttons of alerts say. shared/alert has them.
type Alerts interface {
	Press(ctx context.Context, press alert.Press) (alert.Action, error)
	Muted(ctx context.Context, person int64) ([]alert.Trouble, error)
}

// Trouble tells an owner of a trouble, or that it is over.
func (c *Catalog) Trouble(language string, of alert.Trouble, now time.Time) message.Text {
	words := c.In(cmp.Or(language, of.Language))

	if of.Over {
		return message.Text{HTML: words.recovered(of)}
	}

	title, detail := told(words, of.Alert)
	lines := []string{words.html("alert.firing", errs.Args{
		"Sign": sign(of.Alert.Severity), "Severity": words.severity(of.Alert.Severity),
		"Store": of.Name, "Title": title, "Since": words.moment(of.Since, of.TimeZone),
	})}

	if detail != "" {
		lines = append(lines, words.html("alert.means", errs.Args{"Detail": detail}))
	}

	if advice := advised(words, of.Alert); advice != "" {
		lines = append(lines, escape(advice))
	}

	if of.Count > 1 {
		lines = append(lines, words.html("alert.counted", errs.Args{"Count": of.Count}))
	}

	if of.Alert.Severity == alert.Info { // there is nothing to decide
		return message.Text{HTML: strings.Join(lines, "\n"), Buttons: words.guide(nil, of.Guide)}
	}

	lines = append(lines, words.stamps(of, now)...)
	buttons := words.alertButtons(of.Button, of.AckedBy != "", of.Silent(now))

	return message.Text{HTML: strings.Join(lines, "\n"), Buttons: words.guide(buttons, of.Guide)}
}

func (w Words) recovered(of alert.Trouble) string {
	title, _ := told(w, of.Alert)

	return w.html("alert.recovered", errs.Args{"Store": of.Name, "Title": title, "Took": w.took(of.Last.Sub(of.Since))})
}

// took says how long a trouble lasted.
func (w Words) took(length time.Duration) string {
	if length < time.Minute {
		return w.plain("alert.moment", nil)
	}

	return w.duration(length)
}

// stamps say who knows of a trouble, and until when it is silent.
func (w Words) stamps(of alert.Trouble, now time.Time) []string {
	var lines []string

	if of.AckedBy != "" {
		lines = append(lines, w.html("alert.acked", errs.Args{"Name": of.AckedBy, "At": w.moment(of.AckedAt, of.TimeZone)}))
	}

	if of.Silent(now) {
		lines = append(lines, w.html("alert.muted", errs.Args{"Until": w.moment(of.Muted, of.TimeZone)}))
	}

	return lines
}

// alertButtons are those by which owners decide.
func (w Words) alertButtons(say func(alert.Action) string, acked, silent bool) [][]message.Button {
	var row []message.Button
	if !acked {
		row = append(row, message.Button{Text: w.plain("alert.button_ack", nil), Data: tapAlert + say(alert.Acknowledge)})
	}

	if silent {
		row = append(row, message.Button{Text: w.plain("alert.button_unmute", nil), Data: tapAlert + say(alert.Unmute)})
	} else {
		row = append(row, message.Button{Text: w.plain("alert.button_mute", nil), Data: tapAlert + say(alert.Mute)})
	}

	return [][]message.Button{row}
}

// guide adds the way to the runbook, where there is one.
func (w Words) guide(buttons [][]message.Button, address string) [][]message.Button {
	if address == "" {
		return buttons
	}

	return append(buttons, []message.Button{{Text: w.plain("alert.button_guide", nil), URL: address}})
}

// mostOfStorm is how many troubles of a storm are listed.
const mostOfStorm = 20

// Storm tells an owner of many troubles that came at once.
func (c *Catalog) Storm(language string, of alert.Storm, now time.Time) message.Text {
	first := of.Troubles[0]
	words := c.In(cmp.Or(language, first.Language))
	going := slices.DeleteFunc(slices.Clone(of.Troubles), func(t alert.Trouble) bool { return t.Over })
	lines := []string{words.stormHead(of, len(going))}

	// Those that go on are listed first: they are what is left to do.
	all := slices.Clone(of.Troubles)
	slices.SortStableFunc(all, func(a, b alert.Trouble) int { return boolOf(a.Over) - boolOf(b.Over) })

	for _, one := range all[:min(len(all), mostOfStorm)] {
		lines = append(lines, words.stormLine(one))
	}

	if more := len(all) - mostOfStorm; more > 0 {
		lines = append(lines, words.html("alert.storm_more", errs.Args{"Count": more}))
	}

	if len(going) == 0 {
		return message.Text{HTML: strings.Join(lines, "\n")}
	}

	acked := !slices.ContainsFunc(going, func(t alert.Trouble) bool { return t.AckedBy == "" })
	silent := !slices.ContainsFunc(going, func(t alert.Trouble) bool { return !t.Silent(now) })

	if acked || silent {
		lines = append(lines, words.stamps(going[0], now)...)
	}

	return message.Text{
		HTML: strings.Join(lines, "\n"), Buttons: words.guide(words.alertButtons(of.Button, acked, silent), of.Guide),
	}
}

func boolOf(yes bool) int {
	if yes {
		return 1
	}

	return 0
}

// stormHead says how many troubles there are, of which stores.
func (w Words) stormHead(of alert.Storm, going int) string {
	var names []string

	since, last := of.Troubles[0].Since, of.Troubles[0].Last
	for _, one := range of.Troubles {
		if !slices.Contains(names, one.Name) {
			names = append(names, one.Name)
		}

		if one.Last.After(last) {
			last = one.Last
		}
	}

	store := names[0]
	if len(names) > 1 {
		store = fmt.Sprintf("%s +%d", store, len(names)-1)
	}

	args := errs.Args{
		"Store": store, "Count": len(of.Troubles), "Took": w.took(last.Sub(since)), "Sign": sign(of.Severity()),
		"Severity": w.severity(of.Severity()), "Since": w.moment(since, of.Troubles[0].TimeZone),
	}
	if going == 0 {
		return w.html("alert.storm_over", args)
	}

	return w.html("alert.storm", args)
}

func (w Words) stormLine(of alert.Trouble) string {
	title, _ := told(w, of.Alert)
	args := errs.Args{"Sign": sign(of.Alert.Severity), "Store": of.Name, "Title": title, "Count": of.Count}

	if of.Over {
		return w.html("alert.storm_well", args)
	}

	return w.html("alert.storm_line", args)
}

// pressAlert does what a button of an alert says. The message follows by itself.
func (c *Chat) pressAlert(ctx context.Context, r *request) error {
	if c.Alerts == nil {
		return c.oldTap(ctx, r)
	}

	return c.decide(ctx, r, r.value(tapAlert))
}

func (c *Chat) decide(ctx context.Context, r *request, button string) error {
	done, err := c.Alerts.Press(ctx, alert.Press{Person: r.from.ID, Name: r.person().Name, Button: button})
	if errs.Is(err, errs.NotFound) {
		r.toast = r.words.plain("alert.toast_old", nil)

		return nil
	}

	if err != nil {
		return errs.Context(err, "press a button of an alert")
	}

	r.toast = r.words.plain(pressed(done), nil)

	return nil
}

// pressed gives the text of what a button has done.
func pressed(done alert.Action) string {
	switch done {
	case alert.Mute:
		return "alert.toast_muted"
	case alert.Unmute:
		return "alert.toast_heard"
	default:
		return "alert.toast_acked"
	}
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
		return words.plain(keys.Advice, wholeNumbers(keys.Args))
	}

	return reported.Advice
}

// told gives an alert in the words of a language where the catalogs have it,
// else as its operators read it: CloudWatch's alarms, for example.
func told(words Words, reported alert.Alert) (string, string) {
	title, detail := reported.Title, reported.Detail

	if keys := reported.Keys; keys.Title != "" {
		title = words.plain(keys.Title, wholeNumbers(keys.Args))
	}

	if keys := reported.Keys; keys.Detail != "" {
		detail = words.plain(keys.Detail, wholeNumbers(keys.Args))
	}

	detail, _ = fit(strings.TrimSpace(detail), maxDetailUnits)

	return title, detail
}

// wholeNumbers gives numbers that have been through JSON as whole ones again.
func wholeNumbers(args errs.Args) errs.Args {
	made := make(errs.Args, len(args))

	for name, value := range args {
		if number, ok := value.(float64); ok {
			value = int64(number)
		}

		made[name] = value
	}

	return made
}
