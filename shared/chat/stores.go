package chat

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"github.com/lapak-id/lapak/shared/audit"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/telegram"
	"github.com/lapak-id/lapak/shared/user"
)

// Opening opens stores: opening.Service.
type Opening interface {
	// Keep checks a bot token and keeps it. Invalid where it is none,
	// Unauthorized where Telegram does not know it, Conflict where its bot serves
	// a store.
	Keep(ctx context.Context, token secret.Value) (telegram.Profile, error)
	// OpenKept opens a store with the kept token of a bot. Conflict where there
	// is one of that id.
	OpenKept(ctx context.Context, given store.Store, bot int64, hook string, with ...table.Op) (store.Store, error)
}

// What the buttons of the stores' list say.
const (
	tapStores = "stores:" // a page, by its number
	tapPause  = "pause:"  // ID:PAGE
	tapResume = "resume:" // ID:PAGE
)

func (c *Chat) officeStores(ctx context.Context, r *request) error { return c.listStores(ctx, r, 1) }

func (c *Chat) turnStores(ctx context.Context, r *request) error {
	number, err := strconv.Atoi(r.value(tapStores))
	if err != nil {
		return c.oldTap(ctx, r)
	}

	return c.inOffice(ctx, r, route{handle: func(c *Chat, ctx context.Context, r *request) error {
		return c.listStores(ctx, r, number)
	}})
}

// listStores shows a page of the person's stores, each with a button that
// pauses it or opens it again.
func (c *Chat) listStores(ctx context.Context, r *request, page int) error {
	pages := max((len(r.owned)+pageItems-1)/pageItems, 1)
	page = min(max(page, 1), pages)
	shown := r.owned[(page-1)*pageItems : min(page*pageItems, len(r.owned))]

	lines := []string{r.words.html("stores.title", errs.Args{"Count": len(r.owned)}), ""}

	var rows [][]message.Button

	for at, of := range shown {
		state, label, data := "stores.open", "stores.button_pause", tapPause
		if of.Paused {
			state, label, data = "stores.paused", "stores.button_resume", tapResume
		}

		lines = append(lines, r.words.html(state, errs.Args{"Store": of.Name, "Bot": of.BotUsername, "ID": of.ID}))

		if at%columns == 0 {
			rows = append(rows, nil)
		}

		row := &rows[len(rows)-1]
		*row = append(*row, message.Button{
			Text: r.words.plain(label, errs.Args{"Store": of.Name}), Data: data + of.ID + ":" + strconv.Itoa(page),
		})
	}

	if len(r.owned) == 0 {
		lines = append(lines, r.words.html("office.none", nil))
	}

	rows = append(rows, r.words.pager(tapStores, page, pages)...)

	return c.show(ctx, r, message.Text{HTML: strings.Join(lines, "\n"), Buttons: append(rows, r.words.backTo("home"))})
}

// pager turns the pages of a list by their numbers; none where there is one.
func (w Words) pager(tap string, page, pages int) [][]message.Button {
	var row []message.Button

	if page > 1 {
		row = append(row, message.Button{Text: w.plain("shop.button_previous", nil), Data: tap + strconv.Itoa(page-1)})
	}

	if page < pages {
		row = append(row, message.Button{Text: w.plain("shop.button_next", nil), Data: tap + strconv.Itoa(page+1)})
	}

	if row == nil {
		return nil
	}

	return [][]message.Button{row}
}

func (c *Chat) pauseStore(ctx context.Context, r *request) error {
	return c.setPaused(ctx, r, r.value(tapPause), true)
}

func (c *Chat) resumeStore(ctx context.Context, r *request) error {
	return c.setPaused(ctx, r, r.value(tapResume), false)
}

// setPaused pauses a store of the person's, or opens it again, and shows the
// page that it stands on.
func (c *Chat) setPaused(ctx context.Context, r *request, value string, paused bool) error {
	name, number, _ := strings.Cut(value, ":")

	page, err := strconv.Atoi(number)
	if err != nil {
		return c.oldTap(ctx, r)
	}

	return c.inOffice(ctx, r, route{handle: func(c *Chat, ctx context.Context, r *request) error {
		at := slices.IndexFunc(r.owned, func(of store.Store) bool { return of.ID == name })
		if at < 0 {
			return c.oldTap(ctx, r)
		}

		action, toast := "store_pause", "stores.toast_paused"
		if !paused {
			action, toast = "store_resume", "stores.toast_open"
		}

		recorded, err := c.recordIn(r, name, audit.Entry{Action: action, Target: "store " + name})
		if err != nil {
			return err
		}

		changed, err := c.Stores.Change(ctx, name, func(of *store.Store) {
			if of.Paused != paused {
				of.Paused, of.PausedText = paused, nil
			}
		}, recorded)
		if err != nil {
			return errs.Context(err, "%s %s", action, name)
		}

		r.owned[at] = changed
		r.toast = r.words.plain(toast, nil)

		return c.listStores(ctx, r, page)
	}})
}

// awaitToken is the kind of the question for the token of a new store's bot.
const awaitToken = "token"

// newStore asks for the token of a new store's bot.
func (c *Chat) newStore(ctx context.Context, r *request) error {
	if c.Opening == nil || hookBeside(r.store.Hook, "new") == "" {
		return c.show(ctx, r, message.Text{
			HTML: r.words.html("stores.by_command", nil), Buttons: [][]message.Button{r.words.backTo("home")},
		})
	}

	c.expect(r, awaitToken, nil)

	return c.show(ctx, r, message.Text{
		HTML: r.words.html("stores.ask_token", nil), Buttons: [][]message.Button{r.words.backTo("home")},
	})
}

// hookBeside gives where the updates of a new store go: beside those of the
// owner's own bot. Empty where that has an address of another form.
func hookBeside(office, id string) string {
	base, ok := strings.CutSuffix(office, "/"+store.OwnerBot)
	if !ok {
		return ""
	}

	return base + "/" + id
}

// takeBotToken takes the message with the token out of the chat, first of all, and
// hands the token to the vault: it stands nowhere else.
func (c *Chat) takeBotToken(ctx context.Context, r *request) error {
	if !r.store.Office || !r.owner || c.Opening == nil {
		r.settled()

		return c.oldQuestion(ctx, r)
	}

	sent := r.here()
	sent.Message = r.message.MessageID

	removed := c.Messenger.Delete(ctx, sent)
	if removed != nil {
		slog.WarnContext(ctx, "a message with a token stays in the chat", "error", removed)
	}

	me, err := c.Opening.Keep(ctx, secret.Value(strings.TrimSpace(r.message.Text)))

	wrong, known := map[errs.Code]string{
		errs.Invalid: "stores.token_shape", errs.Unauthorized: "stores.token_wrong", errs.Conflict: "stores.token_used",
	}[errs.CodeOf(err)]

	switch {
	case known:
		slog.InfoContext(ctx, "token refused", "because", err)

		return c.show(ctx, r, message.Text{
			HTML: r.words.html(wrong, nil), Buttons: [][]message.Button{r.words.backTo("home")},
		})
	case err != nil:
		return errs.Context(err, "take the token of a new store")
	}

	if removed != nil {
		if err := c.show(ctx, r, message.Text{HTML: r.words.html("stores.token_stays", nil)}); err != nil {
			return err
		}
	}

	return c.begin(ctx, r, filling{Form: "store", About: map[string]string{
		"bot": strconv.FormatInt(me.ID, 10), "username": me.Username,
	}})
}

// oldQuestion answers what nobody has asked for any more.
func (c *Chat) oldQuestion(ctx context.Context, r *request) error {
	return c.guide(ctx, r, r.words.html("unknown.text", nil))
}

// storeForm asks for what a new store is beside its bot.
func storeForm() form {
	return form{
		name: "store", may: user.SeePlatform, title: "stores.form",
		fields: func(f filling) []field {
			return []field{
				{
					name: "id", label: "stores.store_id", ask: "stores.ask_id", read: readStoreID,
					offered: func(context.Context, *Chat, *request) ([]option, error) {
						return suggestedID(f.About["username"]), nil
					},
				},
				{name: "name", label: "stores.name", ask: "stores.ask_name", read: readText(maxStoreName)},
				{
					name: "owner", label: "stores.owner", ask: "stores.ask_owner", read: readOwner,
					offered: func(_ context.Context, _ *Chat, r *request) ([]option, error) {
						return []option{{strconv.FormatInt(r.from.ID, 10), r.words.plain("stores.me", nil)}}, nil
					},
				},
				{
					name: "language", label: "stores.language", ask: "stores.ask_language",
					offered: func(_ context.Context, c *Chat, _ *request) ([]option, error) {
						var offered []option
						for _, code := range languages() {
							offered = append(offered, option{code, c.Catalog.In(code).plain("language.self", nil)})
						}

						return offered, nil
					},
				},
			}
		},
		save: func(c *Chat, ctx context.Context, r *request, f filling) (message.Text, error) {
			return c.saveStore(ctx, r, f)
		},
	}
}

// maxStoreName is as long as Telegram lets the name of a bot be.
const maxStoreName = 64

// suggestedID makes an id of a bot's username: "Toko_Kopi_bot" gives "toko-kopi".
func suggestedID(username string) []option {
	id := strings.ReplaceAll(strings.ToLower(username), "_", "-")
	id = strings.Trim(strings.TrimSuffix(id, "bot"), "-")

	if _, err := table.TenantOf(id); err != nil || id == store.OwnerBot {
		return nil
	}

	return []option{{id, id}}
}

func readStoreID(r *request, given input) (string, string) {
	id := strings.ToLower(given.text)
	if _, err := table.TenantOf(id); err != nil || id == store.OwnerBot {
		return "", r.words.html("stores.id_wrong", nil)
	}

	return id, ""
}

// readOwner takes a user id, or a message that was forwarded from the owner.
func readOwner(r *request, given input) (string, string) {
	owner := given.from
	if owner == 0 {
		owner, _ = strconv.ParseInt(given.text, 10, 64)
	}

	if owner <= 0 {
		return "", r.words.html("stores.owner_wrong", nil)
	}

	return strconv.FormatInt(owner, 10), ""
}

// saveStore opens the store that a form describes.
func (c *Chat) saveStore(ctx context.Context, r *request, f filling) (message.Text, error) {
	owner, err := strconv.ParseInt(f.Values["owner"], 10, 64)
	if err != nil {
		return message.Text{}, errs.Wrap(err, errs.Internal, "read the owner of a new store")
	}

	bot, err := strconv.ParseInt(f.About["bot"], 10, 64)
	if err != nil || !r.store.Office || !r.owner || c.Opening == nil {
		return message.Text{}, errs.Wrap(err, errs.Internal, "open a store where that cannot be done")
	}

	given := store.Store{
		ID: f.Values["id"], Name: f.Values["name"], Owner: owner, Language: f.Values["language"], TimeZone: r.store.TimeZone,
	}

	recorded, err := c.record(r, audit.Entry{Action: "store_open", Target: "store " + given.ID, After: given.Name})
	if err != nil {
		return message.Text{}, err
	}

	opened, err := c.Opening.OpenKept(ctx, given, bot, hookBeside(r.store.Hook, given.ID), recorded)

	switch errs.CodeOf(err) {
	case "":
	case errs.Conflict:
		return message.Text{}, errs.Wrap(err, errs.Conflict, "open a store").Tell("stores.taken", nil)
	case errs.Unauthorized:
		return message.Text{}, errs.Wrap(err, errs.Unauthorized, "open a store").Tell("stores.token_wrong", nil)
	default:
		return message.Text{}, err
	}

	slog.InfoContext(ctx, "store opened", "opened", opened.ID)

	return message.Text{
		HTML: r.words.html("stores.done", errs.Args{"Store": opened.Name, "Bot": opened.BotUsername, "ID": opened.ID}),
		Buttons: [][]message.Button{
			{{Text: r.words.plain("stores.button_visit", nil), URL: "https://t.me/" + opened.BotUsername}},
			r.words.backTo("home"),
		},
	}, nil
}
