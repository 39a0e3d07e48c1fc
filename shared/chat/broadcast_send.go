package chat

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/audit"
	"github.com/lapak-id/lapak/shared/broadcast"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/id"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/user"
)

// preview shows a broadcast as everybody will get it, and below it to how many
// people it goes, how long that takes, and the button that sends it off.
func (c *Chat) preview(ctx context.Context, r *request, f filling) (message.Text, error) {
	if c.Campaigns == nil {
		return message.Text{}, errs.New(errs.Internal, "preview a broadcast: nothing broadcasts here")
	}

	content := c.contentFor(r, f)
	if err := content.Validate(); err != nil {
		return message.Text{}, errs.Context(err, "preview a broadcast")
	}

	if start := f.startOf(c.Clock.Now()); !start.IsZero() && !start.After(c.Clock.Now()) {
		return message.Text{}, errs.New(errs.Invalid, "a broadcast was to start at %s", start).Tell("broadcast.past", nil)
	}

	if err := c.show(ctx, r, message.Text{HTML: r.words.html("broadcast.counting", nil)}); err != nil {
		return message.Text{}, err
	}

	confirmation, err := c.confirmation(ctx, r, f)
	if err != nil {
		return message.Text{}, err
	}

	if err := c.saveDraft(ctx, r, f); err != nil {
		return message.Text{}, err
	}

	_, err = c.Previewer.Broadcast(ctx, r.here(), tried(content), false)
	if errs.Is(err, errs.Invalid) {
		return message.Text{}, errs.Wrap(err, errs.Invalid, "preview a broadcast").Tell("broadcast.refused_content", nil)
	}

	if err != nil {
		return message.Text{}, errs.Context(err, "preview a broadcast")
	}

	if _, err := c.Messenger.Send(ctx, r.here(), confirmation); err != nil {
		return message.Text{}, errs.Context(err, "ask whether a broadcast is to be sent")
	}

	return message.Text{HTML: r.words.html("broadcast.below", nil)}, nil
}

// contentFor is what a broadcast says, with the button by which people refuse more of them.
func (c *Chat) contentFor(r *request, f filling) broadcast.Content {
	words := c.Catalog.In(r.store.Language)
	if language := f.audienceOf().Language; language != "" {
		words = c.Catalog.In(language)
	}

	content := keptAs[broadcast.Content](f.Values[partMessage])
	content.Buttons = append(keptAs[[][]message.Button](f.Values[partButtons]),
		[]message.Button{{Text: words.plain("broadcast.button_refuse", nil), Data: tapPromo + promoOff}})

	return content
}

// tried is a content whose last button refuses nothing: who previews a
// broadcast goes on getting them.
func tried(content broadcast.Content) broadcast.Content {
	last := len(content.Buttons) - 1
	content.Buttons = slices.Clone(content.Buttons)
	content.Buttons[last] = []message.Button{{Text: content.Buttons[last][0].Text, Data: tapPromo + promoTry}}

	return content
}

// confirmation asks whether a broadcast is to be sent: to how many, how long it
// takes, when it starts.
func (c *Chat) confirmation(ctx context.Context, r *request, f filling) (message.Text, error) {
	people, err := c.Campaigns.Estimate(ctx, r.storeID, f.audienceOf())
	if err != nil {
		return message.Text{}, errs.Context(err, "estimate a broadcast")
	}

	made := f.About["id"]
	change := r.words.duty("broadcast.button_change", "recompose", made)
	leave := r.words.duty("broadcast.button_leave", "broadcasts")
	lines := []string{r.words.html("broadcast.confirm", nil), r.words.audience(f.audienceOf(), f.Labels[partBought])}

	if people == 0 {
		return message.Text{
			HTML:    strings.Join(append(lines, r.words.html("broadcast.nobody", nil)), "\n"),
			Buttons: [][]message.Button{{change, leave}},
		}, nil
	}

	rows := [][]message.Button{{r.words.duty("broadcast.button_send", "launch", made)}}

	// Paid ones gain something only beyond what goes for nothing in a minute.
	if c.mayPay(r) && people > broadcast.FreeRate*60 && broadcast.Rate(r.store, true) > broadcast.Rate(r.store, false) {
		rows[0] = append(rows[0], r.words.duty("broadcast.button_faster", "faster", made))
	}

	lines = append(lines,
		r.words.html("broadcast.will_go", errs.Args{
			"People": people, "Took": r.words.duration(minutesFor(people, broadcast.Rate(r.store, false))),
		}),
		r.words.html("broadcast.starts", errs.Args{"When": shownTime(r, f.Values[partWhen])}))

	return message.Text{HTML: strings.Join(lines, "\n"), Buttons: append(rows, []message.Button{change, leave})}, nil
}

// mayPay reports whether the person may send for Stars: where the owner has
// switched it on, and the owner, who switches it on by doing it.
func (c *Chat) mayPay(r *request) bool { return r.store.Broadcast.Paid || r.role == user.Owner }

// recompose goes back to what was filled in. What comes of it is another
// broadcast: the one before may have been sent off by now.
func (c *Chat) recompose(ctx context.Context, r *request, made string) error {
	f, ok, err := c.draft(ctx, r, made)
	if !ok {
		return err
	}

	of := broadcastForm()
	f.At, f.Back = len(of.questions(r, f)), false
	f.About["id"] = id.Dated(c.Clock.Now(), r.storeID, r.cause)

	return c.question(ctx, r, of, f, "")
}

// confirmAgain goes back to the question whether it is to be sent.
func (c *Chat) confirmAgain(ctx context.Context, r *request, made string) error {
	f, ok, err := c.draft(ctx, r, made)
	if !ok {
		return err
	}

	text, err := c.confirmation(ctx, r, f)
	if err != nil {
		return err
	}

	return c.show(ctx, r, text)
}

// offerPaid tells what a broadcast costs that is sent for Stars, and how much
// sooner it is done.
func (c *Chat) offerPaid(ctx context.Context, r *request, made string) error {
	f, ok, err := c.draft(ctx, r, made)
	if !ok {
		return err
	}

	if !c.mayPay(r) {
		return c.confirmAgain(ctx, r, made)
	}

	people, err := c.Campaigns.Estimate(ctx, r.storeID, f.audienceOf())
	if err != nil {
		return errs.Context(err, "estimate a broadcast")
	}

	fast, slow := broadcast.Rate(r.store, true), broadcast.Rate(r.store, false)
	stars := broadcast.Price(people)
	send := message.Button{
		Text: r.words.plain("broadcast.button_send_paid", errs.Args{"Stars": r.words.number(int64(stars))}),
		Data: tapStaff + "launchpaid:" + made,
	}

	return c.show(ctx, r, message.Text{
		HTML: r.words.html("broadcast.price", errs.Args{
			"People": people, "Rate": fast, "Took": r.words.duration(minutesFor(people, fast)),
			"Slow": r.words.duration(minutesFor(people, slow)), "Stars": stars, "Free": broadcast.FreeRate,
		}),
		Buttons: [][]message.Button{{send}, r.words.backToDuty("unhurried", made)},
	})
}

// launch sends a broadcast off, launchPaid one for Stars.
func (c *Chat) launch(ctx context.Context, r *request, made string) error {
	return c.sendOff(ctx, r, made, false)
}

func (c *Chat) launchPaid(ctx context.Context, r *request, made string) error {
	return c.sendOff(ctx, r, made, true)
}

// sendOff makes the campaign of a draft, once however often it is tapped; the
// message with the button becomes the one that shows its progress.
func (c *Chat) sendOff(ctx context.Context, r *request, made string, paid bool) error {
	if c.Campaigns == nil || r.tap == nil {
		return c.staffHome(ctx, r, "")
	}

	sent, err := c.Campaigns.Get(ctx, r.storeID, made)
	if err == nil {
		return c.showCampaign(ctx, r, sent)
	}

	if !errs.Is(err, errs.NotFound) && !errs.Is(err, errs.Invalid) {
		return errs.Context(err, "look for broadcast %s", made)
	}

	f, ok, err := c.draft(ctx, r, made)
	if !ok {
		return err
	}

	now := c.Clock.Now()
	campaign := broadcast.Campaign{
		ID: made, Store: r.storeID, Author: r.from.ID, Content: c.contentFor(r, f), Audience: f.audienceOf(),
		StartAt: f.startOf(now), Paid: paid, Notice: r.here(), Language: r.words.language,
	}
	campaign.Notice.Message = r.tap.Message.GetMessageID()

	if !campaign.StartAt.IsZero() && !campaign.StartAt.After(now) {
		r.toast = r.words.plain("broadcast.past_toast", nil)

		return c.recompose(ctx, r, made)
	}

	if paid {
		if err := c.allowPaid(ctx, r); err != nil {
			return err
		}
	}

	return c.schedule(ctx, r, campaign, f)
}

// schedule makes the campaign. Its first screen comes before it: from then on
// those who send it write there.
func (c *Chat) schedule(ctx context.Context, r *request, campaign broadcast.Campaign, f filling) error {
	first := campaign

	toast := "broadcast.off"

	first.State = broadcast.Running
	if !campaign.StartAt.IsZero() {
		first.State, toast = broadcast.Scheduled, "broadcast.later"
	}

	if err := c.show(ctx, r, r.words.campaign(r.store, first)); err != nil {
		return err
	}

	record, err := c.record(r, audit.Entry{
		Action: "broadcast_start", Target: "broadcast " + campaign.ID,
		After: strings.Join([]string{shownContent(r, f.Values[partMessage]), audited(campaign)}, " · "),
	})
	if err != nil {
		return err
	}

	_, err = c.Campaigns.Schedule(ctx, campaign, record)
	if errs.Is(err, errs.Invalid) { // it is refused for good: back to what can be changed
		of := broadcastForm()
		f.At = len(of.questions(r, f))

		return c.question(ctx, r, of, f, r.refusal(err))
	}

	if err != nil {
		return errs.Context(err, "send off broadcast %s", campaign.ID)
	}

	r.toast = r.words.plain(toast, nil)

	return nil
}

// audited writes the choices of a broadcast for the audit log, those that were made.
func audited(campaign broadcast.Campaign) string {
	var parts []string

	for _, one := range []struct{ name, value string }{
		{"tier", string(campaign.Audience.Tier)},
		{"language", campaign.Audience.Language},
		{"bought", campaign.Audience.Bought},
		{"inactive", unlessZero(int64(campaign.Audience.InactiveDays))},
	} {
		if one.value != "" {
			parts = append(parts, one.name+"="+one.value)
		}
	}

	if !campaign.StartAt.IsZero() {
		parts = append(parts, "start="+campaign.StartAt.UTC().Format(time.RFC3339))
	}

	return strings.Join(append(parts, "paid="+strconv.FormatBool(campaign.Paid)), " ")
}

// allowPaid switches broadcasts for Stars on, at the owner's wish.
func (c *Chat) allowPaid(ctx context.Context, r *request) error {
	if r.store.Broadcast.Paid {
		return nil
	}

	if r.role != user.Owner {
		return errs.New(errs.Conflict, "send a broadcast for Stars: the owner has not switched it on").Tell("broadcast.unpaid", nil)
	}

	record, err := c.record(r, audit.Entry{Action: "broadcast_paid", Target: "store " + r.storeID, Before: "off", After: "on"})
	if err != nil {
		return err
	}

	changed, err := c.Stores.Change(ctx, r.storeID, func(of *store.Store) { of.Broadcast.Paid = true }, record)
	if err != nil {
		return errs.Context(err, "switch on broadcasts for Stars")
	}

	r.store = changed

	return nil
}

// draftFor is how long a broadcast waits to be sent off.
const draftFor = 24 * time.Hour

func draftKey(r *request) (table.Key, error) {
	tenant, err := table.TenantOf(r.storeID)
	if err != nil {
		return table.Key{}, err
	}

	return tenant.Partition("chat", strconv.FormatInt(r.from.ID, 10)).Key("broadcast"), nil
}

// saveDraft keeps a filled form until it is sent off; the next one takes its place.
func (c *Chat) saveDraft(ctx context.Context, r *request, f filling) error {
	key, err := draftKey(r)
	if err != nil {
		return err
	}

	before, err := c.Scratch.Get(ctx, key)
	if err != nil && !errs.Is(err, errs.NotFound) {
		return errs.Context(err, "look for the last draft of user %d", r.from.ID)
	}

	f.Message = 0

	body, err := table.Encode(f)
	if err != nil {
		return err
	}

	put := table.Put(table.Row{Key: key, Version: before.Version, Body: body, Expires: c.Clock.Now().Add(draftFor)})
	if err := c.Scratch.Write(ctx, put); err != nil {
		return errs.Context(err, "keep the draft of user %d", r.from.ID)
	}

	return nil
}

// draft reads the draft of a broadcast; false, answered, where it is gone.
func (c *Chat) draft(ctx context.Context, r *request, made string) (filling, bool, error) {
	key, err := draftKey(r)
	if err != nil {
		return filling{}, false, err
	}

	f, _, err := table.Read[filling](ctx, c.Scratch, key)
	if err != nil && !errs.Is(err, errs.NotFound) {
		return filling{}, false, errs.Context(err, "read the draft of user %d", r.from.ID)
	}

	if err != nil || f.About["id"] != made || made == "" {
		r.toast = r.words.plain("broadcast.gone", nil)

		return filling{}, false, c.broadcasts(ctx, r, "")
	}

	return f, true, nil
}
