package chat

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/broadcast"
	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/id"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/user"
)

// The questions of a broadcast, and answers that are no values of their own.
const (
	partMessage  = "message"
	partButtons  = "buttons"
	partTier     = "tier"
	partLanguage = "language"
	partBought   = "bought"
	partInactive = "inactive"
	partWhen     = "when"

	answerAll  = "all"
	answerNow  = "now"
	answerHour = "hour"
)

// broadcastForm asks for what a broadcast says, to whom and when. Only the
// message must be given: the rest has an answer that suits most.
func broadcastForm() form {
	return form{
		name: "broadcast", may: user.Broadcast, title: "broadcast.title", button: "broadcast.button_preview",
		fields: func(f filling) []field {
			fields := []field{
				{
					name: partMessage, label: "broadcast.message", ask: "broadcast.ask_message", media: true,
					read: readContent, shown: shownContent,
				},
				{
					name: partButtons, label: "broadcast.buttons_label", ask: "broadcast.ask_buttons", optional: true,
					read: readButtons, shown: shownButtons,
				},
				{name: partTier, label: "broadcast.tier", ask: "broadcast.ask_tier", offered: offeredTiers, shown: shownTier},
				{
					name: partLanguage, label: "broadcast.language", ask: "broadcast.ask_language",
					offered: offeredLanguages, shown: shownLanguage,
				},
			}

			if f.About["shop"] != "" {
				fields = append(fields, field{
					name: partBought, label: "broadcast.bought", ask: "broadcast.ask_bought", offered: offeredProducts, shown: shownAll,
				})
			}

			return append(fields,
				field{
					name: partInactive, label: "broadcast.inactive_label", ask: "broadcast.ask_inactive",
					offered: offeredInactive, read: readNumber(maxInactive), shown: shownInactive,
				},
				field{
					name: partWhen, label: "broadcast.when", ask: "broadcast.ask_when",
					offered: offeredTimes, read: readTime, shown: shownTime,
				},
			)
		},
		save: (*Chat).preview,
	}
}

// compose begins a broadcast.
func (c *Chat) compose(ctx context.Context, r *request, _ string) error {
	if c.Campaigns == nil {
		return c.staffHome(ctx, r, "")
	}

	about := map[string]string{"id": id.Dated(c.Clock.Now(), r.storeID, r.cause)}
	if c.Backroom != nil {
		about["shop"] = "yes"
	}

	return c.begin(ctx, r, filling{Form: "broadcast", From: "broadcasts", About: about, Values: map[string]string{
		partTier: answerAll, partLanguage: answerAll, partBought: answerAll, partInactive: answerAll, partWhen: answerNow,
	}})
}

// readContent takes the message that is to be sent on, as its form keeps it.
func readContent(r *request, given input) (string, string) {
	if given.whole.MediaGroupID != "" {
		return "", r.words.html("broadcast.one_file", nil)
	}

	content := contentOf(given.whole)
	if err := content.Validate(); err != nil {
		return "", r.refusal(err)
	}

	return kept(content), ""
}

// refusal is the sentence of an error, or one for all that have none.
func (r *request) refusal(err error) string {
	if key, args, ok := errs.Sentence(err); ok {
		return r.words.html(key, args)
	}

	return r.words.html("broadcast.refused_content", nil)
}

// kept writes something as an answer of a form.
func kept(value any) string {
	body, err := json.Marshal(value)
	if err != nil {
		panic(err) // texts always encode
	}

	return string(body)
}

// keptAs reads what kept wrote; what cannot be read is empty.
func keptAs[T any](value string) T {
	var read T
	if err := json.Unmarshal([]byte(value), &read); err != nil {
		var none T

		return none
	}

	return read
}

func shownContent(r *request, value string) string {
	content := keptAs[broadcast.Content](value)
	text := r.words.campaignName(content, nameUnits)

	if content.Media == "" || text == r.words.media(content.Media) {
		return text
	}

	return r.words.media(content.Media) + " · " + text
}

// readButtons takes buttons, one a line.
func readButtons(r *request, given input) (string, string) {
	rows, wrong := buttonsIn(given.text, r.store.BotUsername)
	if wrong != "" || len(rows) == 0 {
		return "", r.words.html("broadcast.no_button", errs.Args{"Line": wrong, "Most": maxBroadcastButtons})
	}

	if err := (broadcast.Content{HTML: "-", Buttons: rows}).Validate(); err != nil {
		return "", r.refusal(err)
	}

	return kept(rows), ""
}

func shownButtons(_ *request, value string) string {
	var texts []string

	for _, row := range keptAs[[][]message.Button](value) {
		for _, button := range row {
			texts = append(texts, "["+button.Text+"]")
		}
	}

	return strings.Join(texts, " ")
}

func offeredTiers(_ context.Context, _ *Chat, r *request) ([]option, error) {
	var offered []option
	for _, tier := range []string{answerAll, string(broadcast.Free), string(broadcast.Premium)} {
		offered = append(offered, option{tier, shownTier(r, tier)})
	}

	return offered, nil
}

func shownTier(r *request, value string) string {
	switch broadcast.Tier(value) {
	case broadcast.Free:
		return r.words.plain("broadcast.tier_free", nil)
	case broadcast.Premium:
		return r.words.plain("broadcast.tier_premium", nil)
	default:
		return shownAll(r, value)
	}
}

func shownAll(r *request, _ string) string { return r.words.plain("broadcast.everybody", nil) }

func offeredLanguages(_ context.Context, _ *Chat, r *request) ([]option, error) {
	var offered []option
	for _, code := range append([]string{answerAll}, languages()...) {
		offered = append(offered, option{code, shownLanguage(r, code)})
	}

	return offered, nil
}

func shownLanguage(r *request, value string) string {
	if value == answerAll {
		return shownAll(r, value)
	}

	return r.words.spokenName(value)
}

// offeredProducts offers those who bought one of the first products of the shop.
func offeredProducts(ctx context.Context, c *Chat, r *request) ([]option, error) {
	offered := []option{{answerAll, shownAll(r, "")}}
	if c.Backroom == nil {
		return offered, nil
	}

	offers, _, err := c.Backroom.Goods.Products(ctx, r.storeID, catalog.Place{Limit: offeredMost - 1})
	if err != nil {
		return nil, errs.Context(err, "offer the products")
	}

	for _, offer := range offers {
		offered = append(offered, option{offer.ID, r.words.named(offer.Name)})
	}

	return offered, nil
}

func offeredInactive(_ context.Context, _ *Chat, r *request) ([]option, error) {
	var offered []option
	for _, days := range []string{answerAll, "7", "30", "90"} {
		offered = append(offered, option{days, shownInactive(r, days)})
	}

	return offered, nil
}

// maxInactive is how many days somebody can have been away, to be asked for.
const maxInactive = 3650

func shownInactive(r *request, value string) string {
	if value == answerAll {
		return shownAll(r, value)
	}

	return r.words.plain("broadcast.inactive", errs.Args{"Days": r.words.number(whole(value))})
}

// morning is the hour of tomorrow that is offered.
const morning = 9

func offeredTimes(_ context.Context, c *Chat, r *request) ([]option, error) {
	now := inZone(c.Clock.Now(), r.store.TimeZone)
	tomorrow := time.Date(now.Year(), now.Month(), now.Day()+1, morning, 0, 0, 0, now.Location())

	return []option{
		{answerNow, shownTime(r, answerNow)},
		{answerHour, shownTime(r, answerHour)},
		{tomorrow.UTC().Format(time.RFC3339), r.words.plain("broadcast.tomorrow", errs.Args{
			"Time": tomorrow.Format(r.words.plain("format.clock", nil)),
		})},
	}, nil
}

// farthest is how far ahead a broadcast may be.
const farthest = 365 * 24 * time.Hour

// readTime takes a time that is to come, in the store's zone.
func readTime(r *request, given input) (string, string) {
	at, ok := momentIn(given.text, inZone(given.now, r.store.TimeZone))
	if !ok || at.Sub(given.now) > farthest {
		return "", r.words.html("broadcast.no_time", nil)
	}

	return at.UTC().Format(time.RFC3339), ""
}

// momentIn reads a time of day, the next one of it, or a day with one, which may
// lack its year: "9.00", "25-12 09:00", "25/12/2026 9.00", "2026-12-25 09:00".
// False where it is none, or over at now, whose zone it is in.
func momentIn(text string, now time.Time) (time.Time, bool) {
	words := strings.Fields(text)
	if len(words) == 0 || len(words) > 2 {
		return time.Time{}, false
	}

	clock, err := time.Parse("15.4", strings.ReplaceAll(words[len(words)-1], ":", "."))
	if err != nil {
		return time.Time{}, false
	}

	on := func(year int, month time.Month, day int) time.Time {
		return time.Date(year, month, day, clock.Hour(), clock.Minute(), 0, 0, now.Location())
	}

	if len(words) == 1 {
		at := on(now.Year(), now.Month(), now.Day())
		if !at.After(now) {
			at = on(now.Year(), now.Month(), now.Day()+1)
		}

		return at, true
	}

	date := strings.NewReplacer("/", "-", ".", "-").Replace(words[0])

	for _, form := range []string{"2006-1-2", "2-1-2006", "2-1"} {
		day, err := time.Parse(form, date)
		if err != nil {
			continue
		}

		year := day.Year()
		if year == 0 { // it was not said
			year = now.Year()
			if !on(year, day.Month(), day.Day()).After(now) {
				year++
			}
		}

		at := on(year, day.Month(), day.Day())

		return at, at.After(now) && at.Day() == day.Day() // no 29 February of a year without one
	}

	return time.Time{}, false
}

func shownTime(r *request, value string) string {
	switch value {
	case answerNow:
		return r.words.plain("broadcast.now", nil)
	case answerHour:
		return r.words.plain("broadcast.in_an_hour", nil)
	}

	at, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return value
	}

	return r.words.exact(at, r.store.TimeZone)
}

// audienceOf reads whom a filled form means.
func (f filling) audienceOf() broadcast.Audience {
	answer := func(part string) string {
		if f.Values[part] == answerAll {
			return ""
		}

		return f.Values[part]
	}

	days, err := strconv.Atoi(answer(partInactive))
	if err != nil { // all of them
		days = 0
	}

	return broadcast.Audience{
		Tier: broadcast.Tier(answer(partTier)), Language: answer(partLanguage), Bought: answer(partBought), InactiveDays: days,
	}
}

// startOf gives when a broadcast starts that is sent off now; zero: at once.
func (f filling) startOf(now time.Time) time.Time {
	switch f.Values[partWhen] {
	case answerNow:
		return time.Time{}
	case answerHour:
		return now.Add(time.Hour)
	}

	at, err := time.Parse(time.RFC3339, f.Values[partWhen])
	if err != nil {
		return time.Time{}
	}

	return at
}
