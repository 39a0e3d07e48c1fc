package chat

import (
	"context"
	"slices"
	"strings"

	"github.com/lapak-id/lapak/shared/alert"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/telegram"
)

// The owner's own bot, store.OwnerBot in the register, is an office: it tells
// owners of trouble and answers what they ask about their stores. Its operator,
// who has set it up, sees all stores. Whoever owns nothing learns nothing.
//
// To add a command of the office, add a line to officeCommands; a button, one to
// officeTaps; what is asked for in a chat, one to awaited.

// officeCommand is a route that the office's menu shows, with the text of the
// menu.
type officeCommand struct {
	route

	text     string
	operator bool // to everybody else it is as unknown as any word
}

// officeCommands are what people do in the office, in the order of its menu.
func officeCommands() []officeCommand {
	return []officeCommand{
		{route{"start", (*Chat).officeHome}, "office.command_start", false},
		{route{"status", (*Chat).officeStatus}, "status.command", false},
		{route{"mute", (*Chat).officeMuted}, "office.command_mute", false},
		{route{"stores", (*Chat).officeStores}, "office.command_stores", false},
		{route{"newstore", (*Chat).newStore}, "office.command_newstore", true},
		{route{"lang", (*Chat).officeLanguages}, "office.command_lang", false},
		{route{"help", (*Chat).officeHelp}, "office.command_help", false},
	}
}

// officeTaps are the buttons of the office, up to the value that follows.
func officeTaps() []route {
	return []route{
		{tapOpen, (*Chat).openOffice},
		{tapClose, (*Chat).closeMessage},
		{tapLanguage, (*Chat).setOfficeLanguage},
		{tapStatus, (*Chat).openStatus},
		{tapLookNow, (*Chat).lookNow},
		{tapAlert, (*Chat).pressAlert},
		{tapHear, (*Chat).hearAgain},
		{tapForm, (*Chat).tappedForm},
		{tapStores, (*Chat).turnStores},
		{tapPause, (*Chat).pauseStore},
		{tapResume, (*Chat).resumeStore},
	}
}

// routeOffice finds the handler of a message to the owner's own bot.
func (c *Chat) routeOffice(ctx context.Context, r *request) error {
	name, command := commandIn(r.message.Text)
	if !command && !hasContent(r.message) && r.message.Text == "" {
		if _, file := source(r.message); !file {
			return nil // a service message
		}
	}

	if name == "cancel" && r.session.Await != nil {
		return c.leave(ctx, r)
	}

	r.settled()

	found, ok := officeRoute(r, name)
	if !ok {
		found = route{handle: (*Chat).officeHelp}
	}

	return c.inOffice(ctx, r, found)
}

// openOffice opens the screen that a button names.
func (c *Chat) openOffice(ctx context.Context, r *request) error {
	r.settled()

	found, ok := officeRoute(r, r.value(tapOpen))
	if !ok {
		return c.oldTap(ctx, r)
	}

	return c.inOffice(ctx, r, found)
}

// officeRoute gives what the person may do under a name; "home" is where /start
// leads.
func officeRoute(r *request, name string) (route, bool) {
	if name == "home" {
		name = "start"
	}

	for _, command := range officeCommands() {
		if command.name == name && (r.owner || !command.operator) {
			return command.route, true
		}
	}

	return route{}, false
}

// inOffice does something for people who own a store, and for the operator.
func (c *Chat) inOffice(ctx context.Context, r *request, wanted route) error {
	owned, err := c.storesOf(ctx, r)
	if err != nil {
		return err
	}

	if len(owned) == 0 && !r.owner {
		return c.show(ctx, r, message.Text{HTML: r.words.html("office.stranger", nil)})
	}

	r.owned = owned

	return wanted.handle(c, ctx, r)
}

// storesOf gives the stores that a person owns; to the operator all of them.
func (c *Chat) storesOf(ctx context.Context, r *request) ([]store.Store, error) {
	all, err := c.Stores.List(ctx)
	if err != nil {
		return nil, errs.Context(err, "find the stores of user %d", r.from.ID)
	}

	return slices.DeleteFunc(all, func(of store.Store) bool {
		return of.Office || !r.owner && of.Owner != r.from.ID
	}), nil
}

// officeHome greets, and lists the stores.
func (c *Chat) officeHome(ctx context.Context, r *request) error {
	lines := []string{r.words.html("office.welcome", nil), ""}
	for _, of := range r.owned[:min(len(r.owned), listed)] {
		lines = append(lines, r.words.html("office.store", errs.Args{"Store": of.Name, "Bot": of.BotUsername}))
	}

	if more := len(r.owned) - listed; more > 0 {
		lines = append(lines, r.words.html("office.more", errs.Args{"Count": more}))
	}

	if len(r.owned) == 0 {
		lines = append(lines, r.words.html("office.none", nil))
	}

	return c.show(ctx, r, message.Text{HTML: strings.Join(lines, "\n"), Buttons: [][]message.Button{
		{r.words.open("office.button_status", "status"), r.words.open("office.button_muted", "mute")},
		{r.words.open("button.language", "lang"), r.words.open("button.help", "help")},
	}})
}

// listed is how many stores a greeting names.
const listed = 30

// officeMuted lists the troubles that are silent, with a way to hear of them.
func (c *Chat) officeMuted(ctx context.Context, r *request) error {
	var muted []alert.Trouble

	if c.Alerts != nil {
		var err error
		if muted, err = c.Alerts.Muted(ctx, r.from.ID); err != nil {
			return errs.Context(err, "list what user %d has muted", r.from.ID)
		}
	}

	if len(muted) == 0 {
		return c.show(ctx, r, message.Text{
			HTML: r.words.html("office.nothing_muted", nil), Buttons: [][]message.Button{r.words.backTo("home")},
		})
	}

	lines := []string{r.words.html("office.muted", nil)}

	var buttons [][]message.Button

	for _, of := range muted[:min(len(muted), pageItems)] {
		title, _ := told(r.words, of.Alert)
		lines = append(lines, r.words.html("office.muted_one", errs.Args{
			"Store": of.Name, "Title": title, "Until": r.words.moment(of.Muted, of.TimeZone),
		}))
		label, _ := fit(title, longestLabel)
		buttons = append(buttons, []message.Button{{
			Text: r.words.plain("office.button_unmute", errs.Args{"Title": label}), Data: tapHear + of.Button(alert.Unmute),
		}})
	}

	return c.show(ctx, r, message.Text{HTML: strings.Join(lines, "\n"), Buttons: append(buttons, r.words.backTo("home"))})
}

// tapHear begins the buttons below that list.
const tapHear = "hear:"

// hearAgain ends a mute and shows what is left of the list.
func (c *Chat) hearAgain(ctx context.Context, r *request) error {
	if err := c.decide(ctx, r, r.value(tapHear)); err != nil {
		return err
	}

	return c.inOffice(ctx, r, route{handle: (*Chat).officeMuted})
}

// longestLabel is how much of a title stands in a button.
const longestLabel = 30

func (c *Chat) officeHelp(ctx context.Context, r *request) error {
	var lines []string
	for _, command := range c.Catalog.OfficeCommands(r.words.language, r.owner) {
		lines = append(lines, "/"+command.Name+" · "+escape(command.Text))
	}

	return c.show(ctx, r, message.Text{
		HTML:    r.words.html("office.help", errs.Args{"Commands": markup(strings.Join(lines, "\n"))}),
		Buttons: [][]message.Button{r.words.backTo("home")},
	})
}

// officeLanguages offers each language in its own words.
func (c *Chat) officeLanguages(ctx context.Context, r *request) error {
	var row []message.Button
	for _, code := range languages() {
		row = append(row, message.Button{Text: c.Catalog.In(code).plain("language.self", nil), Data: tapLanguage + code})
	}

	return c.show(ctx, r, message.Text{
		HTML: r.words.html("lang.choose", nil), Buttons: [][]message.Button{row, r.words.backTo("home")},
	})
}

func (c *Chat) setOfficeLanguage(ctx context.Context, r *request) error {
	known, err := c.speak(ctx, r)
	if err != nil || !known {
		return err
	}

	return c.inOffice(ctx, r, route{handle: (*Chat).officeHome})
}

// OfficeCommands are what the menu of the owner's own bot shows in a language,
// to its operator or to the owners of stores.
func (c *Catalog) OfficeCommands(language string, operator bool) []telegram.Command {
	words := c.In(language)

	var menu []telegram.Command
	for _, command := range officeCommands() {
		if operator || !command.operator {
			menu = append(menu, telegram.Command{Name: command.name, Text: words.plain(command.text, nil)})
		}
	}

	return menu
}
