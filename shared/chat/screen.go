package chat

import (
	"context"
	"slices"
	"strings"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/user"
)

// largestMB is the largest file that the person can send to the bot, in
// megabytes.
func (c *Chat) largestMB(r *request) int {
	const mega = 1 << 20

	return int(c.terms(r).Tier.Largest / mega)
}

// open is a button that opens a screen.
func (w Words) open(label, screen string) message.Button {
	return message.Button{Text: w.plain(label, nil), Data: tapOpen + screen}
}

// homeButtons lead to every screen.
func (c *Chat) homeButtons(ctx context.Context, r *request) [][]message.Button {
	rows := [][]message.Button{{r.words.open("button.settings", "settings"), r.words.open("button.help", "help")}}
	if r.transcribes() {
		rows = slices.Insert(rows, 0,
			[]message.Button{r.words.open("button.transcribe", "transcribe"), r.words.open("button.history", "history")})
	}

	if c.selling(r) {
		rows = append(c.shopButtons(ctx, r), rows...)
	}

	if r.staff() { // whose commands stand in no menu
		rows = append(rows, []message.Button{r.words.duty("staff.button_home", "home")})
	}

	return rows
}

// homeButton leads home, from a place that is on no way.
func (w Words) homeButton() [][]message.Button {
	return [][]message.Button{{w.open("button.home", "home")}}
}

// backTo is the last row of a screen: back to the one before it.
func (w Words) backTo(screen string) []message.Button {
	return []message.Button{w.open("button.back", screen)}
}

// start greets, or opens the screen that a deep link names.
func (c *Chat) start(ctx context.Context, r *request) error {
	link := ""
	if r.message != nil {
		link = argumentIn(r.message.Text)
	}

	if found, ok := c.findScreen(link); ok && link != "start" {
		return found.handle(c, ctx, r)
	}

	if product, ok := strings.CutPrefix(link, linkProduct); ok && c.selling(r) {
		return c.product(ctx, r, product, 1)
	}

	return c.show(ctx, r, message.Text{
		HTML:    r.words.html(c.greeting(r, "home.welcome", "shop.welcome"), errs.Args{"Store": r.store.Name}),
		Buttons: c.homeButtons(ctx, r),
	})
}

func (c *Chat) home(ctx context.Context, r *request) error {
	return c.show(ctx, r, message.Text{
		HTML:    r.words.html(c.greeting(r, "home.again", "shop.home"), errs.Args{"Store": r.store.Name}),
		Buttons: c.homeButtons(ctx, r),
	})
}

// greeting gives the text of a home: of one that only transcribes, or with more or less.
func (c *Chat) greeting(r *request, without, with string) string {
	if c.selling(r) || !r.transcribes() {
		return with
	}

	return without
}

func (c *Chat) transcribe(ctx context.Context, r *request) error {
	if !r.transcribes() {
		r.toast = r.words.plain("feature.no_transcription", nil)

		return c.home(ctx, r)
	}

	return c.show(ctx, r, message.Text{
		HTML:    r.words.html("transcribe.how", errs.Args{"Limit": c.largestMB(r), "Days": keptDays()}),
		Buttons: [][]message.Button{r.words.backTo("home")},
	})
}

func (c *Chat) help(ctx context.Context, r *request) error {
	html := r.words.html("help.text", errs.Args{"Limit": c.largestMB(r), "Commands": markup(c.menu(r))})
	if !r.transcribes() {
		html = r.words.html("feature.help", errs.Args{"Commands": markup(c.menu(r))})
	}

	if c.selling(r) {
		html += "\n\n" + r.words.html("shop.help", nil)
	}

	if r.owner {
		html += "\n\n" + r.words.html("help.owner", nil)
	}

	return c.show(ctx, r, message.Text{HTML: html, Buttons: [][]message.Button{r.words.backTo("home")}})
}

// lang offers each language in its own words.
func (c *Chat) lang(ctx context.Context, r *request) error {
	var choices []choice

	for _, code := range languages() {
		choices = append(choices, choice{c.Catalog.In(code).plain("language.self", nil), tapLanguage + code, code == r.words.language})
	}

	return c.offer(ctx, r, "lang.choose", choices)
}

func (c *Chat) setLanguage(ctx context.Context, r *request) error {
	known, err := c.speak(ctx, r)
	if err != nil || !known {
		return err
	}

	return c.settings(ctx, r)
}

// speak has the bot speak the language that was tapped from now on; false, and
// the tap answered, where there is none such.
func (c *Chat) speak(ctx context.Context, r *request) (bool, error) {
	code, ok := c.Catalog.understood(r.value(tapLanguage))
	if !ok {
		return false, c.oldTap(ctx, r)
	}

	_, err := c.Users.Change(ctx, r.storeID, r.from.ID, func(user *user.User) { user.Language = code })
	if err != nil {
		return false, errs.Context(err, "set the language of user %d", r.from.ID)
	}

	r.words = c.Catalog.In(code)
	r.toast = r.words.plain("lang.changed", nil)

	return true, nil
}
