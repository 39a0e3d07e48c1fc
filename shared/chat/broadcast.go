package chat

import (
	"context"
	"strconv"
	"time"

	"github.com/lapak-id/lapak/shared/audit"
	"github.com/lapak-id/lapak/shared/broadcast"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/user"
)

// Campaigns are the broadcasts of a store: broadcast.Service.
type Campaigns interface {
	Schedule(ctx context.Context, campaign broadcast.Campaign, with ...table.Op) (broadcast.Campaign, error)
	Pause(ctx context.Context, store, campaign string, with ...table.Op) (broadcast.Campaign, error)
	Resume(ctx context.Context, store, campaign string, with ...table.Op) (broadcast.Campaign, error)
	Cancel(ctx context.Context, store, campaign string, with ...table.Op) (broadcast.Campaign, error)
	Get(ctx context.Context, store, campaign string) (broadcast.Campaign, error)
	List(ctx context.Context, store string) ([]broadcast.Campaign, error)
	Estimate(ctx context.Context, store string, audience broadcast.Audience) (int, error)
}

// Previewer shows a broadcast to who writes it, as everybody will get it.
type Previewer interface {
	Broadcast(ctx context.Context, to message.Address, content broadcast.Content, paid bool) (int, error)
}

// broadcastDuties are what staff do with broadcasts.
func broadcastDuties() []duty {
	return []duty{
		{"broadcasts", user.Broadcast, (*Chat).broadcasts},
		{"broadcast", user.Broadcast, (*Chat).broadcast},
		{"compose", user.Broadcast, (*Chat).compose},
		{"recompose", user.Broadcast, (*Chat).recompose},
		{"faster", user.Broadcast, (*Chat).offerPaid},
		{"unhurried", user.Broadcast, (*Chat).confirmAgain},
		{"launch", user.Broadcast, (*Chat).launch},
		{"launchpaid", user.Broadcast, (*Chat).launchPaid},
		{"bpause", user.Broadcast, (*Chat).pauseBroadcast},
		{"bresume", user.Broadcast, (*Chat).resumeBroadcast},
		{"bcancel", user.Broadcast, (*Chat).cancelBroadcast},
	}
}

// broadcasts lists the last broadcasts, the newest first; value is how many lie
// before the page.
func (c *Chat) broadcasts(ctx context.Context, r *request, value string) error {
	if c.Campaigns == nil {
		return c.staffHome(ctx, r, "")
	}

	all, err := c.Campaigns.List(ctx, r.storeID)
	if err != nil {
		return errs.Context(err, "list the broadcasts")
	}

	from := max(0, min(int(whole(value)), (len(all)-1)/pageItems*pageItems))
	page := all[from:min(len(all), from+pageItems)]

	var rows [][]message.Button
	for _, one := range page {
		rows = append(rows, []message.Button{{Text: r.words.campaignLabel(r.store, one), Data: tapStaff + "broadcast:" + one.ID}})
	}

	var turn []message.Button
	if from > 0 {
		turn = append(turn, r.words.duty("staff.button_before", "broadcasts", strconv.Itoa(from-pageItems)))
	}

	if from+pageItems < len(all) {
		turn = append(turn, r.words.duty("staff.button_more", "broadcasts", strconv.Itoa(from+pageItems)))
	}

	if turn != nil {
		rows = append(rows, turn)
	}

	key := "broadcast.list"
	if len(all) == 0 {
		key = "broadcast.none"
	}

	return c.show(ctx, r, message.Text{HTML: r.words.html(key, nil), Buttons: append(rows,
		append(r.words.backToDuty("home"), r.words.duty("broadcast.button_new", "compose")))})
}

// broadcast shows how far a broadcast is.
func (c *Chat) broadcast(ctx context.Context, r *request, id string) error {
	if c.Campaigns == nil {
		return c.staffHome(ctx, r, "")
	}

	found, err := c.Campaigns.Get(ctx, r.storeID, id)
	if errs.Is(err, errs.NotFound) || errs.Is(err, errs.Invalid) {
		r.toast = r.words.plain("broadcast.gone", nil)

		return c.broadcasts(ctx, r, "")
	}

	if err != nil {
		return errs.Context(err, "show broadcast %s", id)
	}

	return c.showCampaign(ctx, r, found)
}

func (c *Chat) showCampaign(ctx context.Context, r *request, of broadcast.Campaign) error {
	text := r.words.campaign(r.store, of)

	// The living message is the broadcast's own: who looks at it elsewhere goes back.
	if at := of.Notice; !of.State.Finished() && (r.tap == nil || at.Chat != r.chat || at.Message != r.tap.Message.GetMessageID()) {
		text.Buttons = append(text.Buttons, r.words.backToDuty("broadcasts"))
	}

	return c.show(ctx, r, text)
}

func (c *Chat) pauseBroadcast(ctx context.Context, r *request, id string) error {
	return c.steer(ctx, r, id, "broadcast_pause", "broadcast.paused_toast", Campaigns.Pause)
}

func (c *Chat) resumeBroadcast(ctx context.Context, r *request, id string) error {
	return c.steer(ctx, r, id, "broadcast_resume", "broadcast.resumed_toast", Campaigns.Resume)
}

func (c *Chat) cancelBroadcast(ctx context.Context, r *request, id string) error {
	return c.steer(ctx, r, id, "broadcast_cancel", "broadcast.cancelled_toast", Campaigns.Cancel)
}

// steer pauses, resumes or cancels a broadcast, and shows it as it then is. One
// that is over by now is shown as that.
func (c *Chat) steer(
	ctx context.Context, r *request, id, action, done string,
	how func(Campaigns, context.Context, string, string, ...table.Op) (broadcast.Campaign, error),
) error {
	if c.Campaigns == nil {
		return c.staffHome(ctx, r, "")
	}

	record, err := c.record(r, audit.Entry{Action: action, Target: "broadcast " + id})
	if err != nil {
		return err
	}

	changed, err := how(c.Campaigns, ctx, r.storeID, id, record)

	switch {
	case errs.Is(err, errs.Conflict):
		r.toast = r.words.plain("broadcast.not_now", nil)

		return c.broadcast(ctx, r, id)
	case errs.Is(err, errs.NotFound) || errs.Is(err, errs.Invalid):
		return c.broadcast(ctx, r, id)
	case err != nil:
		return errs.Context(err, "%s %s", action, id)
	}

	r.toast = r.words.plain(done, nil)

	return c.showCampaign(ctx, r, changed)
}

// What the buttons about broadcasts say to those who get them.
const (
	tapPromo      = "promo:"      // off: no more of them; try: the same below a preview
	tapBroadcasts = "broadcasts:" // on or off, in the settings
)

// refusePromo ends the broadcasts to the person, by the button below one.
func (c *Chat) refusePromo(ctx context.Context, r *request) error {
	if r.value(tapPromo) != promoOff {
		r.toast = r.words.plain("broadcast.tried", nil)

		return nil
	}

	if err := c.wantBroadcasts(ctx, r, false); err != nil {
		return err
	}

	r.toast = r.words.plain("broadcast.refused", nil)

	return nil
}

const (
	promoOff = "off"
	promoTry = "try"
)

// setBroadcasts turns them on and off in the settings.
func (c *Chat) setBroadcasts(ctx context.Context, r *request) error {
	if err := c.wantBroadcasts(ctx, r, r.value(tapBroadcasts) == "on"); err != nil {
		return err
	}

	r.toast = r.words.plain("toast.remembered", nil)

	return c.settings(ctx, r)
}

func (c *Chat) wantBroadcasts(ctx context.Context, r *request, wanted bool) error {
	changed, err := c.Users.Change(ctx, r.storeID, r.from.ID, func(of *user.User) { of.NoBroadcasts = !wanted })
	if err != nil {
		return errs.Context(err, "remember whether user %d wants broadcasts", r.from.ID)
	}

	r.user = changed

	return nil
}

// broadcastsSetting is the line of the settings, and the button that changes it.
func (r *request) broadcastsSetting() (string, message.Button) {
	state, label, to := "settings.on", "broadcast.button_off", "off"
	if r.user.NoBroadcasts {
		state, label, to = "settings.off", "broadcast.button_on", "on"
	}

	return r.words.html("broadcast.setting", errs.Args{"State": r.words.plain(state, nil)}),
		message.Button{Text: r.words.plain(label, nil), Data: tapBroadcasts + to}
}

// minutesFor is how long a broadcast to so many people takes at a rate, whole
// minutes from one up.
func minutesFor(people, perSecond int) time.Duration {
	took := time.Duration(people) * time.Second / time.Duration(max(perSecond, 1))

	return max((took + time.Minute - 1).Truncate(time.Minute), time.Minute)
}
