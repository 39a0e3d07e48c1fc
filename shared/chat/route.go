package chat

import (
	"context"
	"slices"
	"strings"

	"github.com/mymmrac/telego"

	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/telegram"
	"github.com/lapak-id/lapak/shared/transcript"
)

// route is what a Chat does under the name by which people reach it.
type route struct {
	name   string
	handle func(c *Chat, ctx context.Context, r *request) error
}

// commands are what the bot's menu offers, in its order. Each has a text
// command.<name> for the menu. A screen among them is reached by command, by a
// button with tapOpen and its name, and by the deep link ?start=<name>.
func commands() []route {
	return []route{
		{"start", (*Chat).start},
		{"history", (*Chat).history},
		{"settings", (*Chat).settings},
		{"lang", (*Chat).lang},
		{"cancel", (*Chat).cancel},
		{"help", (*Chat).help},
	}
}

// shopCommands are what the menu of a store that sells offers beside them.
func shopCommands() []route {
	return []route{
		{"shop", (*Chat).shop},
		{"search", (*Chat).search},
		{"cart", (*Chat).cart},
		{"orders", (*Chat).orders},
		{"wallet", (*Chat).wallet},
		{"terms", (*Chat).shopTerms},
		{"paysupport", (*Chat).support},
	}
}

// shopScreens are what else is opened by commands, buttons and deep links where
// a store sells.
func shopScreens() []route {
	return append(shopCommands(),
		route{"popular", (*Chat).popular}, route{"deposit", (*Chat).deposit}, route{"write", (*Chat).write},
		route{"pesanan", (*Chat).orders}, route{"saldo", (*Chat).wallet}, route{"keranjang", (*Chat).cart},
	)
}

// maxTapBytes is how much Telegram lets a button say.
const maxTapBytes = 64

// What buttons say.
const (
	tapOpen     = "open:"    // a screen, by its name
	tapLanguage = "lang:"    // a language, by its code
	tapHistory  = "history:" // a page: see historyPlace
	tapClose    = "close:"   // the message itself, which has done its duty

	tapSpoken   = "spoken:"   // the language of recordings, by its code; none: to be recognised
	tapModel    = "model:"    // a model, by its name; none: the best
	tapSpeakers = "speakers:" // on or off
	tapAlong    = "along:"    // a format, by its ending; none: no file

	tapDeleteAll = "all:delete" // asks whether it is meant
	tapEraseAll  = "all:erase"  // it is meant
)

// taps are what buttons say, up to the value that follows.
func taps() []route {
	all := []route{
		{tapOpen, (*Chat).openScreen},
		{tapClose, (*Chat).closeMessage},
		{tapStaff, (*Chat).tappedStaff},
		{tapForm, (*Chat).tappedForm},
		{tapAlert, (*Chat).pressAlert},
		{tapLanguage, (*Chat).setLanguage},
		{tapSpoken, (*Chat).setSpoken},
		{tapModel, (*Chat).setModel},
		{tapSpeakers, (*Chat).setSpeakers},
		{tapAlong, (*Chat).setAlong},
		{tapHistory, (*Chat).turnPage},
		{tapCancel, (*Chat).cancelJob},
		{tapRetry, (*Chat).retryJob},
		{tapShow, (*Chat).showJob},
		{tapRest, (*Chat).sendRest},
		{tapDelete, (*Chat).askDelete},
		{tapErase, (*Chat).deleteJob},
		{tapPromo, (*Chat).refusePromo},
		{tapBroadcasts, (*Chat).setBroadcasts},
		{tapDeleteAll, (*Chat).askDeleteAll},
		{tapEraseAll, (*Chat).deleteAll},
	}

	for _, format := range transcript.Formats() {
		all = append(all, route{tapFile(format), export(format)})
	}

	return all
}

// shopTaps are the buttons of people who buy.
func shopTaps() []route {
	return []route{
		{tapCategories, (*Chat).turnCategories},
		{tapShelf, (*Chat).turnShelf},
		{tapProduct, (*Chat).openProduct},
		{tapWish, (*Chat).wish},
		{tapAdd, (*Chat).addToCart},
		{tapItem, (*Chat).cartItem},
		{tapCount, (*Chat).setCount},
		{tapCoupon, (*Chat).askCoupon},
		{tapNoCoupon, (*Chat).dropCoupon},
		{tapCheckout, (*Chat).openCheckout},
		{tapAccounts, (*Chat).openAccounts},
		{tapPay, (*Chat).pay},
		{tapOrders, (*Chat).turnOrders},
		{tapOrder, (*Chat).showOrder},
		{tapCheck, (*Chat).checkOrder},
		{tapGiveUp, (*Chat).cancelOrder},
		{tapPayNow, (*Chat).payAgain},
		{tapAgain, (*Chat).orderAgain},
		{tapResend, (*Chat).resend},
		{tapReceipt, (*Chat).showReceipt},
		{tapClaim, (*Chat).claim},
		{tapProve, (*Chat).askProof},
		{tapTerms, (*Chat).answerTerms},
		{tapStatement, (*Chat).turnStatement},
	}
}

// screens are what buttons and deep links open beside the commands.
func screens() []route {
	return append(commands(),
		route{"home", (*Chat).home}, route{"transcribe", (*Chat).transcribe},
		route{"spoken", (*Chat).spokenLanguages}, route{"model", (*Chat).models}, route{"file", (*Chat).files},
	)
}

// route finds the handler of a request.
func (c *Chat) route(ctx context.Context, r *request) error {
	switch {
	case r.membership != nil:
		return c.changedMembership(ctx, r)
	case r.tap != nil:
		return c.routeTap(ctx, r)
	}

	if answer, ok := c.asked(r); ok {
		return answer.handle(c, ctx, r)
	}

	if r.store.Office {
		return c.routeOffice(ctx, r)
	}

	if file, ok := source(r.message); ok {
		return c.receive(ctx, r, file)
	}

	if name, ok := commandIn(r.message.Text); ok {
		if name == "cancel" && r.session.Await != nil {
			return c.leave(ctx, r)
		}

		r.settled()

		if found, ok := c.findCommand(name); ok {
			return found.handle(c, ctx, r)
		}

		if done, err := c.staffCommand(ctx, r, name); done || err != nil {
			return err
		}

		return c.unknown(ctx, r)
	}

	return c.hear(ctx, r)
}

// hear answers a message that is neither an answer, nor a file, nor a command.
func (c *Chat) hear(ctx context.Context, r *request) error {
	if paid := r.message.SuccessfulPayment; paid != nil && c.trades() {
		return c.paidStars(ctx, r, *paid)
	}

	if back := r.message.RefundedPayment; back != nil && c.trades() {
		return c.refundedStars(ctx, r, *back)
	}

	switch {
	case !r.transcribes() && (r.message.Text != "" || hasContent(r.message)):
		return c.guide(ctx, r, r.words.html("feature.unknown", nil))
	case r.message.Text != "":
		return c.guide(ctx, r, r.words.html("unknown.text", nil))
	case hasContent(r.message):
		return c.guide(ctx, r, r.words.html("unknown.content", nil))
	default:
		return nil // a service message: someone pinned something, and the like
	}
}

// routeTap finds the handler of a button and ends the waiting of the tap.
func (c *Chat) routeTap(ctx context.Context, r *request) error {
	tapped := route{handle: (*Chat).oldTap}

	for _, tap := range c.tapsOf(r) {
		if strings.HasPrefix(r.tap.Data, tap.name) {
			tapped = tap
		}
	}

	if err := tapped.handle(c, ctx, r); err != nil {
		return err
	}

	c.answer(ctx, r, r.toast)

	return nil
}

// tapsOf gives the buttons that there are in the bot of a request.
func (c *Chat) tapsOf(r *request) []route {
	switch {
	case r.store.Office:
		return officeTaps()
	case c.trades():
		return append(taps(), shopTaps()...)
	default:
		return taps()
	}
}

// value gives what follows a button's name.
func (r *request) value(name string) string { return strings.TrimPrefix(r.tap.Data, name) }

// oldTap explains a button that nobody knows any more, and goes home.
func (c *Chat) oldTap(ctx context.Context, r *request) error {
	r.toast = r.words.plain("toast.old", nil)

	if r.store.Office {
		return c.inOffice(ctx, r, route{handle: (*Chat).officeHome})
	}

	return c.home(ctx, r)
}

func (c *Chat) openScreen(ctx context.Context, r *request) error {
	r.settled()

	if found, ok := c.findScreen(r.value(tapOpen)); ok {
		return found.handle(c, ctx, r)
	}

	return c.oldTap(ctx, r)
}

// findCommand gives a command; those of the shop only where there is one.
func (c *Chat) findCommand(name string) (route, bool) {
	if found, ok := find(commands(), name); ok || !c.trades() {
		return found, ok
	}

	return find(shopScreens(), name)
}

func (c *Chat) findScreen(name string) (route, bool) {
	if found, ok := find(screens(), name); ok || !c.trades() {
		return found, ok
	}

	return find(shopScreens(), name)
}

func find(routes []route, name string) (route, bool) {
	for _, route := range routes {
		if route.name == name {
			return route, true
		}
	}

	return route{}, false
}

// commandIn reads the name of "/name@bot argument"; false where a text is no
// command.
func commandIn(text string) (string, bool) {
	if !strings.HasPrefix(text, "/") {
		return "", false
	}

	head, _, _ := strings.Cut(text[1:], " ")
	name, _, _ := strings.Cut(head, "@")

	return strings.ToLower(name), true
}

// argumentIn reads the argument of a command, empty where there is none.
func argumentIn(text string) string {
	_, argument, _ := strings.Cut(text, " ")

	return strings.TrimSpace(argument)
}

// hasContent reports whether a person has sent something on purpose that is
// neither text nor a file.
func hasContent(sent *telego.Message) bool {
	return sent.Photo != nil || sent.Animation != nil || sent.Sticker != nil || sent.Contact != nil ||
		sent.Location != nil || sent.Venue != nil || sent.Poll != nil || sent.Dice != nil || sent.Game != nil ||
		sent.Story != nil || sent.PaidMedia != nil || sent.Checklist != nil
}

// guide answers what the bot cannot do with what it can.
func (c *Chat) guide(ctx context.Context, r *request, html string) error {
	return c.show(ctx, r, message.Text{HTML: html, Buttons: c.homeButtons(ctx, r)})
}

// menu lists the commands with what they do.
func (c *Chat) menu(r *request) string {
	var lines []string
	for _, command := range c.Catalog.Commands(r.words.language, c.selling(r), r.transcribes()) {
		lines = append(lines, "/"+command.Name+" · "+escape(command.Text))
	}

	return strings.Join(lines, "\n")
}

// Languages are those that the bot speaks: two-letter codes.
func (*Catalog) Languages() []string { return languages() }

// Commands are what the bot's menu shows in a language, in a store that sells
// or does not, and transcribes or does not.
func (c *Catalog) Commands(language string, selling, transcribing bool) []telegram.Command {
	words := c.In(language)
	offered := commands()

	if selling { // behind /start
		offered = slices.Insert(offered, 1, shopCommands()...)
	}

	var menu []telegram.Command
	for _, command := range offered {
		if command.name == "history" && !transcribing {
			continue // it still answers: what was written down before is theirs
		}

		menu = append(menu, telegram.Command{Name: command.name, Text: words.plain("command."+command.name, nil)})
	}

	return menu
}
