package chat

import (
	"context"
	"maps"
	"strconv"
	"strings"

	"github.com/lapak-id/lapak/shared/audit"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/user"
)

// shopDuties are what the owner does to the shop itself.
func shopDuties() []duty {
	return []duty{
		{"shop", user.Settings, (*Chat).shopSettings},
		{"set", user.Settings, (*Chat).askSetting},
	}
}

// setting is one setting of a shop.
type setting struct {
	field

	get func(of store.Shop) string
	set func(of *store.Shop, value string)
}

// What settings take.
const (
	maxPayMinutes = 24 * 60
	maxTermsDays  = 365
	maxShopText   = 1000 // characters: with the rest of its screen it is one message
)

// textSetting is a text in one of the languages.
func textSetting(name, label, ask, language string, of func(*store.Shop) *map[string]string) setting {
	return setting{
		field{name: name, label: label, ask: ask, optional: true, read: readText(maxShopText)},
		func(shop store.Shop) string { return (*of(&shop))[language] },
		func(shop *store.Shop, value string) {
			texts := maps.Clone(*of(shop)) // the registry's copy is shared
			if texts == nil {
				texts = map[string]string{}
			}

			texts[language] = value
			if value == "" {
				delete(texts, language)
			}

			*of(shop) = texts
		},
	}
}

// countSetting is a number whose zero means a default.
func countSetting(name, label, ask string, most int64, of func(*store.Shop) *int) setting {
	return setting{
		field{name: name, label: label, ask: ask, optional: true, read: readNumber(most), shown: shownNumber},
		func(shop store.Shop) string { return unlessZero(int64(*of(&shop))) },
		func(shop *store.Shop, value string) { *of(shop) = int(whole(value)) },
	}
}

// settingsOfShop are all settings that the owner changes in chat. Gateways and
// their keys are set from the operator's command line: keys have no place in a chat.
func settingsOfShop() []setting {
	manual := func(of *store.Shop) *map[string]string { return &of.Manual }
	terms := func(of *store.Shop) *map[string]string { return &of.Terms }
	support := func(of *store.Shop) *map[string]string { return &of.Support }

	return []setting{
		{
			field{
				name: "open", label: "storefront.open", ask: "storefront.ask_open",
				offered: yesNo("storefront.yes", "storefront.no"), shown: shownYes,
			},
			func(of store.Shop) string { return yesOrNo(of.Open) },
			func(of *store.Shop, value string) { of.Open = value == "yes" },
		},
		{
			field{
				name: "fees", label: "storefront.fees", ask: "storefront.ask_fees",
				offered: yesNo("storefront.fees_store", "storefront.fees_buyer"), shown: shownFees,
			},
			func(of store.Shop) string { return yesOrNo(of.StoreBearsFee) },
			func(of *store.Shop, value string) { of.StoreBearsFee = value == "yes" },
		},
		countSetting("minutes", "storefront.minutes", "storefront.ask_minutes", maxPayMinutes,
			func(of *store.Shop) *int { return &of.PayMinutes }),
		countSetting("days", "storefront.days", "storefront.ask_days", maxTermsDays, func(of *store.Shop) *int { return &of.TermsDays }),
		textSetting("manual_id", "storefront.manual_id", "storefront.ask_manual", indonesian, manual),
		textSetting("manual_en", "storefront.manual_en", "storefront.ask_manual", english, manual),
		textSetting("terms_id", "storefront.terms_id", "storefront.ask_terms", indonesian, terms),
		textSetting("terms_en", "storefront.terms_en", "storefront.ask_terms", english, terms),
		textSetting("support_id", "storefront.support_id", "storefront.ask_support", indonesian, support),
		textSetting("support_en", "storefront.support_en", "storefront.ask_support", english, support),
	}
}

func shownYes(r *request, value string) string {
	if value == "yes" {
		return r.words.plain("storefront.yes", nil)
	}

	return r.words.plain("storefront.no", nil)
}

func shownFees(r *request, value string) string {
	if value == "yes" {
		return r.words.plain("storefront.fees_store", nil)
	}

	return r.words.plain("storefront.fees_buyer", nil)
}

func settingOf(name string) (setting, bool) {
	for _, one := range settingsOfShop() {
		if one.name == name {
			return one, true
		}
	}

	return setting{}, false
}

// shopSettings shows the settings with a way to change each.
func (c *Chat) shopSettings(ctx context.Context, r *request, _ string) error {
	lines := []string{r.words.html("storefront.title", errs.Args{"Store": r.store.Name}), ""}

	var rows [][]message.Button

	for at, one := range settingsOfShop() {
		f := filling{Values: map[string]string{one.name: one.get(r.store.Shop)}}
		lines = append(lines, r.words.line(r, one.field, f))

		if at%columns == 0 {
			rows = append(rows, nil)
		}

		rows[len(rows)-1] = append(rows[len(rows)-1], r.words.duty(one.label, "set", one.name))
	}

	lines = append(lines, r.words.html("storefront.gateways", errs.Args{"Count": len(r.store.Shop.Gateways)}))

	return c.show(ctx, r, message.Text{HTML: strings.Join(lines, "\n"), Buttons: append(rows, r.words.backToDuty("home"))})
}

// settingForm changes one setting: which one stands in About.
func settingForm() form {
	return form{
		name: "setting", may: user.Settings, title: "storefront.setting",
		fields: func(f filling) []field {
			if one, ok := settingOf(f.About["field"]); ok {
				return []field{one.field}
			}

			return nil
		},
		save: (*Chat).saveSetting,
	}
}

func (c *Chat) askSetting(ctx context.Context, r *request, name string) error {
	one, ok := settingOf(name)
	if !ok {
		return c.oldTap(ctx, r)
	}

	present := one.get(r.store.Shop)

	return c.begin(ctx, r, filling{
		Form: "setting", From: "shop", About: map[string]string{"field": name, "was": present}, Values: map[string]string{name: present},
	})
}

// saveSetting changes one setting, unless somebody else has changed it since it was shown.
func (c *Chat) saveSetting(ctx context.Context, r *request, f filling) (message.Text, error) {
	one, ok := settingOf(f.About["field"])
	if !ok {
		return message.Text{}, errs.New(errs.Internal, "there is no setting %q", f.About["field"])
	}

	value, was := f.Values[one.name], f.About["was"]

	record, err := c.record(r, audit.Entry{Action: "setting", Target: "shop " + one.name, Before: was, After: value})
	if err != nil {
		return message.Text{}, err
	}

	var meanwhile bool

	changed, err := c.Stores.Change(ctx, r.storeID, func(of *store.Store) {
		present := one.get(of.Shop)
		if meanwhile = present != was && present != value; !meanwhile {
			one.set(&of.Shop, value)
		}
	}, record)
	if err != nil {
		return message.Text{}, errs.Context(err, "change the setting %s", one.name)
	}

	r.store = changed
	html := r.words.html("storefront.saved", nil)

	if meanwhile {
		html = r.words.html("storefront.overtaken", errs.Args{
			"Value": markup(r.words.value(r, one.field, filling{Values: map[string]string{one.name: one.get(changed.Shop)}})),
		})
	}

	return message.Text{HTML: html, Buttons: [][]message.Button{r.words.backToDuty("shop")}}, nil
}

// auditPage is how many entries a page of the audit log shows.
const auditPage = 8

// auditLog shows who changed what, the newest first.
func (c *Chat) auditLog(ctx context.Context, r *request, after string) error {
	if c.Backroom == nil {
		return c.staffHome(ctx, r, "")
	}

	if r.tap == nil { // a command's argument is no place
		after = ""
	}

	entries, more, err := c.Backroom.Audit.Page(ctx, r.storeID, after, auditPage)
	if errs.Is(err, errs.Invalid) {
		return c.oldTap(ctx, r)
	}

	if err != nil {
		return errs.Context(err, "read the audit log")
	}

	lines := []string{r.words.html("audit.title", nil)}
	if len(entries) == 0 {
		lines = append(lines, "", r.words.html("audit.empty", nil))
	}

	names := map[int64]string{}

	for _, entry := range entries {
		lines = append(lines, "", r.words.html("audit.entry", errs.Args{
			"When": r.words.moment(entry.At, r.store.TimeZone), "Who": c.nameOf(ctx, r, names, entry.By),
			"Action": r.words.act(entry.Action), "Target": entry.Target,
		}))

		const most = 160

		for _, part := range []struct{ key, text string }{
			{"audit.before", entry.Before}, {"audit.after", entry.After}, {"audit.reason", entry.Reason},
		} {
			if part.text == "" {
				continue
			}

			short, cut := fit(part.text, most)
			if cut {
				short += "…"
			}

			lines = append(lines, r.words.html(part.key, errs.Args{"Text": short}))
		}
	}

	var rows [][]message.Button
	if more {
		rows = append(rows, []message.Button{r.words.duty("staff.button_more", "audit", entries[len(entries)-1].Place())})
	}

	return c.show(ctx, r, message.Text{HTML: strings.Join(lines, "\n"), Buttons: append(rows, r.words.backToDuty("home"))})
}

// nameOf gives what a person is called, each read once; what cannot be read is a number.
func (c *Chat) nameOf(ctx context.Context, r *request, known map[int64]string, person int64) string {
	if person == 0 {
		return r.words.plain("audit.operator", nil)
	}

	if name, ok := known[person]; ok {
		return name
	}

	name := strconv.FormatInt(person, 10)
	if found, err := c.Users.Get(ctx, r.storeID, person); err == nil && found.Name != "" {
		name = found.Name
	}

	known[person] = name

	return name
}

// act says what was done, in the words of the catalogs where they know it.
func (w Words) act(action string) string {
	key, known := map[string]string{
		"save_category":   "audit.act_save_category",
		"save_product":    "audit.act_save_product",
		"save_coupon":     "audit.act_save_coupon",
		"stock":           "audit.act_stock",
		"role":            "audit.act_role",
		"ban":             "audit.act_ban",
		"unban":           "audit.act_unban",
		"unmute":          "audit.act_unmute",
		"setting":         "audit.act_setting",
		"refund":          "audit.act_refund",
		"replace":         "audit.act_replace",
		"confirm_payment": "audit.act_confirm_payment",
		"refuse_payment":  "audit.act_refuse_payment",
		"fulfil":          "audit.act_fulfil",
		"read_terms":      "audit.act_read_terms",
		"adjust":          "audit.act_adjust",
		"gateway_set":     "audit.act_gateway_set",
		"gateway_remove":  "audit.act_gateway_remove",
		"store_shop":      "audit.act_store_shop",
		"store_pause":     "audit.act_store_pause",
		"store_resume":    "audit.act_store_resume",
		"store_set":       "audit.act_store_set",
		"store_open":      "audit.act_store_open",
		"store_bot":       "audit.act_store_bot",

		"broadcast_start":  "broadcast.act_start",
		"broadcast_pause":  "broadcast.act_pause",
		"broadcast_resume": "broadcast.act_resume",
		"broadcast_cancel": "broadcast.act_cancel",
		"broadcast_paid":   "broadcast.act_paid",

		"dlq_redrive": "audit.act_dlq_redrive",
		"dlq_discard": "audit.act_dlq_discard",
	}[strings.ReplaceAll(action, " ", "_")]
	if !known {
		return action
	}

	return w.plain(key, nil)
}
