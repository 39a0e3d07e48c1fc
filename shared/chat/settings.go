package chat

import (
	"context"
	"slices"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/transcript"
	"github.com/lapak-id/lapak/shared/user"
)

// settings shows what the person prefers, with a way to change each.
func (c *Chat) settings(ctx context.Context, r *request) error {
	if !r.transcribes() {
		return c.showSettings(ctx, r, message.Text{
			HTML:    r.words.html("feature.settings", errs.Args{"Language": r.words.plain("language.self", nil)}),
			Buttons: [][]message.Button{{r.words.open("button.language", "lang")}},
		})
	}

	prefers := c.preferences(r)

	args := errs.Args{
		"Language": r.words.plain("language.self", nil),
		"Spoken":   r.words.spokenName(prefers.Spoken),
		"Model":    r.words.modelLabel(prefers.Model),
		"Speakers": r.words.plain("settings.off", nil),
		"File":     r.words.along(transcript.Format(prefers.Along)),
	}
	speakers := message.Button{Text: r.words.plain("button.speakers_on", nil), Data: tapSpeakers + "on"}

	if prefers.Speakers {
		args["Speakers"] = r.words.plain("settings.on", nil)
		speakers = message.Button{Text: r.words.plain("button.speakers_off", nil), Data: tapSpeakers + "off"}
	}

	html := r.words.html("settings.text", args)
	buttons := [][]message.Button{
		{r.words.open("button.language", "lang"), r.words.open("button.spoken", "spoken")},
		{speakers, r.words.open("button.file", "file")},
	}

	if len(c.offered(r)) > 1 {
		html += "\n" + r.words.html("settings.model", args)
		buttons = append(buttons, []message.Button{r.words.open("button.model", "model")})
	}

	return c.showSettings(ctx, r, message.Text{HTML: html, Buttons: buttons})
}

// showSettings shows settings, with what is asked of everybody where somebody
// broadcasts: whether they want to hear of it.
func (c *Chat) showSettings(ctx context.Context, r *request, text message.Text) error {
	if c.Campaigns != nil {
		state, button := r.broadcastsSetting()
		text.HTML += "\n" + state
		last := len(text.Buttons) - 1

		if len(text.Buttons[last]) < columns {
			text.Buttons[last] = append(text.Buttons[last], button)
		} else {
			text.Buttons = append(text.Buttons, []message.Button{button})
		}
	}

	text.Buttons = append(text.Buttons, r.words.backTo("home"))

	return c.show(ctx, r, text)
}

// preferences are the person's, without what is not offered any more.
func (c *Chat) preferences(r *request) user.Preferences {
	prefers := r.user.Preferences

	if !slices.Contains(c.offered(r), prefers.Model) {
		prefers.Model = ""
	}

	if !transcript.Format(prefers.Along).Valid() {
		prefers.Along = ""
	}

	return prefers
}

// offered are the models that people of the store may choose: as many as a
// screen holds beside the choice of the best one.
func (c *Chat) offered(r *request) []string {
	models := c.Models
	if len(r.store.Speech) > 0 {
		models = r.store.Speech
	}

	var fit []string

	for _, model := range models {
		if len(tapModel)+len(model) <= maxTapBytes && len(fit) < pageItems-1 {
			fit = append(fit, model)
		}
	}

	return fit
}

// choice is one of several values that a person may choose.
type choice struct {
	label  string
	data   string
	chosen bool
}

// offer shows a screen of choices, the present one marked.
func (c *Chat) offer(ctx context.Context, r *request, key string, choices []choice) error {
	var rows [][]message.Button

	for at, one := range choices {
		if one.chosen {
			one.label = r.words.plain("button.chosen", errs.Args{"Name": one.label})
		}

		if at%columns == 0 {
			rows = append(rows, nil)
		}

		row := &rows[len(rows)-1]
		*row = append(*row, message.Button{Text: one.label, Data: one.data})
	}

	return c.show(ctx, r, message.Text{HTML: r.words.html(key, nil), Buttons: append(rows, r.words.backTo("settings"))})
}

// spokenCodes are the languages of recordings that are offered; the empty one
// is recognised. A screen holds six.
func spokenCodes() []string { return []string{"", "id", "en", "ms", "jv", "su"} }

func (w Words) spokenName(code string) string {
	if code == "" {
		return w.plain("settings.recognised", nil)
	}

	return spoken(w, code)
}

func (c *Chat) spokenLanguages(ctx context.Context, r *request) error {
	var choices []choice
	for _, code := range spokenCodes() {
		choices = append(choices, choice{r.words.spokenName(code), tapSpoken + code, code == r.user.Preferences.Spoken})
	}

	return c.offer(ctx, r, "settings.choose_spoken", choices)
}

func (c *Chat) setSpoken(ctx context.Context, r *request) error {
	code := r.value(tapSpoken)
	if !slices.Contains(spokenCodes(), code) {
		return c.oldTap(ctx, r)
	}

	return c.prefer(ctx, r, func(prefers *user.Preferences) { prefers.Spoken = code })
}

// modelLabel is what a model is called; the empty one is chosen for the person.
func (w Words) modelLabel(model string) string {
	if model == "" {
		return w.plain("settings.best", nil)
	}

	return modelName(model)
}

func (c *Chat) models(ctx context.Context, r *request) error {
	present := c.preferences(r).Model

	choices := []choice{{r.words.modelLabel(""), tapModel, present == ""}}
	for _, model := range c.offered(r) {
		choices = append(choices, choice{r.words.modelLabel(model), tapModel + model, present == model})
	}

	return c.offer(ctx, r, "settings.choose_model", choices)
}

func (c *Chat) setModel(ctx context.Context, r *request) error {
	model := r.value(tapModel)
	if model != "" && !slices.Contains(c.offered(r), model) {
		return c.oldTap(ctx, r)
	}

	return c.prefer(ctx, r, func(prefers *user.Preferences) { prefers.Model = model })
}

func (c *Chat) setSpeakers(ctx context.Context, r *request) error {
	return c.prefer(ctx, r, func(prefers *user.Preferences) { prefers.Speakers = r.value(tapSpeakers) == "on" })
}

// along tells which file comes by itself.
func (w Words) along(format transcript.Format) string {
	if format == "" {
		return w.plain("settings.none", nil)
	}

	return w.format(format)
}

func (c *Chat) files(ctx context.Context, r *request) error {
	var choices []choice
	for _, format := range append([]transcript.Format{""}, transcript.Formats()...) {
		choices = append(choices, choice{
			r.words.along(format), tapAlong + string(format), string(format) == r.user.Preferences.Along,
		})
	}

	return c.offer(ctx, r, "settings.choose_file", choices)
}

func (c *Chat) setAlong(ctx context.Context, r *request) error {
	format := transcript.Format(r.value(tapAlong))
	if format != "" && !format.Valid() {
		return c.oldTap(ctx, r)
	}

	return c.prefer(ctx, r, func(prefers *user.Preferences) { prefers.Along = string(format) })
}

// prefer remembers a preference and goes back to the settings, which show it.
func (c *Chat) prefer(ctx context.Context, r *request, change func(*user.Preferences)) error {
	changed, err := c.Users.Change(ctx, r.storeID, r.from.ID, func(user *user.User) { change(&user.Preferences) })
	if err != nil {
		return errs.Context(err, "remember what user %d prefers", r.from.ID)
	}

	r.user = changed
	r.toast = r.words.plain("toast.remembered", nil)

	return c.settings(ctx, r)
}
