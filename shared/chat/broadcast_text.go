package chat

import (
	"cmp"
	"html"
	"regexp"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/broadcast"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/store"
)

// BroadcastTexts words what the author of a broadcast is shown: broadcast.Texts.
type BroadcastTexts struct{ *Catalog }

// Progress tells how far a broadcast is, with the buttons that steer it.
func (b BroadcastTexts) Progress(of store.Store, campaign broadcast.Campaign) message.Text {
	return b.In(cmp.Or(campaign.Language, of.Language)).campaign(of, campaign)
}

// Report tells how a broadcast went that is over.
func (b BroadcastTexts) Report(of store.Store, campaign broadcast.Campaign) message.Text {
	return b.In(cmp.Or(campaign.Language, of.Language)).campaign(of, campaign)
}

// campaign is the living message of a broadcast, whatever its state.
func (w Words) campaign(of store.Store, campaign broadcast.Campaign) message.Text {
	lines := []string{w.html("broadcast.head", errs.Args{"Name": w.campaignName(campaign.Content, nameUnits)})}

	var buttons [][]message.Button

	switch campaign.State {
	case broadcast.Scheduled:
		lines = append(lines,
			w.html("broadcast.scheduled", errs.Args{"When": w.exact(campaign.StartAt, of.TimeZone)}), w.audience(campaign.Audience, ""))
		buttons = [][]message.Button{{w.duty("broadcast.button_cancel", "bcancel", campaign.ID)}}
	case broadcast.Running:
		lines = append(lines, w.advance(of, campaign)...)
		buttons = [][]message.Button{{
			w.duty("broadcast.button_pause", "bpause", campaign.ID), w.duty("broadcast.button_cancel", "bcancel", campaign.ID),
		}}
	case broadcast.Paused:
		lines = append(lines, w.html(pausedBecause(campaign.Stopped), nil))
		lines = append(lines, w.tally(campaign)...)
		buttons = [][]message.Button{{
			w.duty("broadcast.button_resume", "bresume", campaign.ID), w.duty("broadcast.button_cancel", "bcancel", campaign.ID),
		}}
	case broadcast.Cancelled, broadcast.Done:
		lines = append(lines, w.report(of, campaign)...)
		buttons = [][]message.Button{w.backToDuty("broadcasts")}
	}

	return message.Text{HTML: strings.Join(lines, "\n"), Buttons: buttons}
}

func pausedBecause(stopped broadcast.Stop) string {
	switch stopped {
	case broadcast.StopToken:
		return "broadcast.stopped_token"
	case broadcast.StopContent:
		return "broadcast.stopped_content"
	case broadcast.StopStore:
		return "broadcast.stopped_store"
	default:
		return "broadcast.paused"
	}
}

// advance tells how far a running broadcast is, and how long the rest takes at
// the rate that it may have.
func (w Words) advance(of store.Store, campaign broadcast.Campaign) []string {
	counts := campaign.Counts
	if counts.Planned == 0 {
		return []string{w.html("broadcast.planning", nil)}
	}

	percent := clamp(counts.Seen() * hundred / counts.Planned)
	args := errs.Args{
		"Bar": bar(percent), "Percent": percent, "Seen": counts.Seen(), "Planned": counts.Planned,
		"Left": w.duration(minutesFor(counts.Left(), broadcast.Rate(of, campaign.Paid))),
	}

	if !counts.All { // more people are still being looked for
		return []string{w.html("broadcast.advance_so_far", args)}
	}

	if counts.Left() == 0 {
		return []string{w.html("broadcast.advance_last", args)}
	}

	return []string{w.html("broadcast.advance", args)}
}

// tally counts what became of the people of a broadcast.
func (w Words) tally(campaign broadcast.Campaign) []string {
	counts := campaign.Counts
	if counts.Seen() == 0 {
		return []string{w.html("broadcast.sent_none", nil)}
	}

	lines := []string{w.html("broadcast.sent", errs.Args{"Sent": counts.Sent, "Planned": counts.Planned})}

	for _, one := range []struct {
		key   string
		count int
	}{
		{"broadcast.blocked", counts.Blocked}, {"broadcast.failed", counts.Failed}, {"broadcast.unsure", counts.Unsure},
	} {
		if one.count > 0 {
			lines = append(lines, w.html(one.key, errs.Args{"Count": one.count}))
		}
	}

	return lines
}

func (w Words) report(of store.Store, campaign broadcast.Campaign) []string {
	key := "broadcast.done"
	if campaign.State == broadcast.Cancelled {
		key = "broadcast.cancelled"
	}

	lines := append([]string{w.html(key, nil)}, w.tally(campaign)...)

	took := campaign.Took(campaign.EndedAt)
	if campaign.Counts.Seen() == 0 || took < time.Second {
		return lines
	}

	lines = append(lines, w.html("broadcast.took", errs.Args{
		"Took": w.duration(took), "Rate": max(1, int(float64(campaign.Counts.Seen())/took.Seconds())),
		"From": w.exact(campaign.BegunAt, of.TimeZone),
	}))

	if campaign.Paid {
		lines = append(lines, w.html("broadcast.cost", errs.Args{"Stars": broadcast.Price(campaign.Counts.Sent)}))
	}

	return lines
}

// exact writes a moment with its day and zone: "22 Nov 2026 09.00 WIB".
func (w Words) exact(at time.Time, zone string) string {
	return w.day(at, zone) + " " + inZone(at, zone).Format(w.plain("format.clock", nil)+" MST")
}

// audience writes whom a broadcast is for; product is the name of what they
// bought, empty where it is not at hand.
func (w Words) audience(of broadcast.Audience, product string) string {
	var parts []string

	switch of.Tier {
	case broadcast.Free:
		parts = append(parts, w.plain("broadcast.tier_free", nil))
	case broadcast.Premium:
		parts = append(parts, w.plain("broadcast.tier_premium", nil))
	}

	if of.Language != "" {
		parts = append(parts, w.plain("broadcast.in_language", errs.Args{"Language": w.spokenName(of.Language)}))
	}

	if of.Bought != "" {
		parts = append(parts, w.plain("broadcast.buyers", errs.Args{"Product": cmp.Or(product, w.plain("broadcast.a_product", nil))}))
	}

	if of.InactiveDays > 0 {
		parts = append(parts, w.plain("broadcast.inactive", errs.Args{"Days": w.number(int64(of.InactiveDays))}))
	}

	if parts == nil {
		parts = []string{w.plain("broadcast.everybody", nil)}
	}

	return w.html("broadcast.audience", errs.Args{"Audience": strings.Join(parts, " · ")})
}

const (
	nameUnits  = 60 // of a broadcast's name in its message
	labelUnits = 28 // on a button
)

// markups are the tags of Telegram's HTML.
var markups = regexp.MustCompile(`<[^<>]*>`)

// campaignName is how a broadcast begins, or what it carries, without markup.
func (w Words) campaignName(content broadcast.Content, limit int) string {
	text := strings.Join(strings.Fields(html.UnescapeString(markups.ReplaceAllString(content.HTML, ""))), " ")
	if text == "" {
		return w.media(content.Media)
	}

	short, cut := fit(text, limit)
	if cut {
		short += "…"
	}

	return short
}

// media is what a kind of file is called.
func (w Words) media(kind broadcast.Media) string {
	switch kind {
	case broadcast.Photo:
		return w.plain("broadcast.photo", nil)
	case broadcast.Video:
		return w.plain("broadcast.video", nil)
	case broadcast.Animation:
		return w.plain("broadcast.animation", nil)
	case broadcast.Audio:
		return w.plain("broadcast.audio", nil)
	case broadcast.Document:
		return w.plain("broadcast.document", nil)
	default:
		return string(kind)
	}
}

// campaignLabel is a broadcast in a list.
func (w Words) campaignLabel(of store.Store, campaign broadcast.Campaign) string {
	mark := map[broadcast.State]string{
		broadcast.Scheduled: "⏰", broadcast.Running: "▶️", broadcast.Paused: "⏸", broadcast.Cancelled: "✖️", broadcast.Done: "✅",
	}[campaign.State]

	at := campaign.StartAt
	if at.IsZero() {
		at = campaign.CreatedAt
	}

	return mark + " " + w.moment(at, of.TimeZone) + " · " + w.campaignName(campaign.Content, labelUnits)
}
