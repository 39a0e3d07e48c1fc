package chat

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/mymmrac/telego"

	"github.com/lapak-id/lapak/shared/audit"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/id"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/user"
)

// tapStaff begins what the buttons of staff say: "staff:ACTION" and, behind a
// colon, what it is done to.
const tapStaff = "staff:"

// duty is something that staff do, by a button or a command, if their role
// allows it. To everybody else it is as unknown as any word.
type duty struct {
	name string
	may  user.Permission
	do   func(c *Chat, ctx context.Context, r *request, value string) error
}

// duties are all that staff do.
func duties() []duty {
	return slices.Concat(
		[]duty{{"home", user.SeeOrders, (*Chat).staffHome}},
		peopleDuties(), goodsDuties(), orderDuties(), shopDuties(), reportDuties(), broadcastDuties(),
	)
}

// staffCommands are the commands of staff, in two languages: what each does. They stand in no
// menu.
func staffCommands() map[string]string {
	return map[string]string{
		"admin": "home", "kelola": "home", "person": "person", "orang": "person", "ban": "ban", "unban": "unban",
		"staff": "team", "staf": "team", "find": "find", "cari": "find", "report": "report", "laporan": "report", "audit": "audit",
		"broadcast": "broadcasts", "siaran": "broadcasts",
	}
}

// staffCommand does a command of staff; false where it is none, or the person
// may not.
func (c *Chat) staffCommand(ctx context.Context, r *request, name string) (bool, error) {
	of, ok := dutyOf(r, staffCommands()[name])
	if !ok {
		return false, nil
	}

	value := argumentIn(r.message.Text)
	if value == "" && r.message.ReplyToMessage != nil {
		if from := forwardedFrom(r.message.ReplyToMessage); from != 0 {
			value = strconv.FormatInt(from, 10)
		}
	}

	return true, of.do(c, ctx, r, value)
}

// tappedStaff does what a button of staff says.
func (c *Chat) tappedStaff(ctx context.Context, r *request) error {
	name, value, _ := strings.Cut(r.value(tapStaff), ":")

	of, ok := dutyOf(r, name)
	if !ok {
		return c.oldTap(ctx, r)
	}

	r.settled()

	return of.do(c, ctx, r, value)
}

func dutyOf(r *request, name string) (duty, bool) {
	for _, of := range duties() {
		if of.name == name && r.role.May(of.may) {
			return of, true
		}
	}

	return duty{}, false
}

// unknown answers what nobody may do, or this person may not.
func (c *Chat) unknown(ctx context.Context, r *request) error {
	if r.tap != nil {
		return c.oldTap(ctx, r)
	}

	return c.guide(ctx, r, r.words.html("unknown.command", nil)+"\n\n"+c.menu(r))
}

// duty is a button of staff.
func (w Words) duty(label, name string, value ...string) message.Button {
	return message.Button{Text: w.plain(label, nil), Data: tapStaff + strings.Join(append([]string{name}, value...), ":")}
}

// dutiful gives those of some buttons that the person's role allows, two a row.
func (r *request) dutiful(buttons ...message.Button) [][]message.Button {
	var rows [][]message.Button

	count := 0

	for _, button := range buttons {
		name, _, _ := strings.Cut(strings.TrimPrefix(button.Data, tapStaff), ":")
		if _, ok := dutyOf(r, name); !ok {
			continue
		}

		if count%columns == 0 {
			rows = append(rows, nil)
		}

		rows[len(rows)-1] = append(rows[len(rows)-1], button)
		count++
	}

	return rows
}

// backToDuty is the last row of a screen of staff.
func (w Words) backToDuty(name string, value ...string) []message.Button {
	return []message.Button{w.duty("button.back", name, value...)}
}

// staffHome offers what the person's role allows.
func (c *Chat) staffHome(ctx context.Context, r *request, _ string) error {
	if !r.staff() {
		return c.home(ctx, r)
	}

	buttons := []message.Button{
		r.words.duty("staff.button_find", "find"), r.words.duty("staff.button_person", "person"),
	}
	if c.Backroom != nil {
		buttons = []message.Button{
			r.words.duty("staff.button_products", "products"), r.words.duty("staff.button_categories", "categories"),
			r.words.duty("staff.button_coupons", "coupons"), r.words.duty("staff.button_find", "find"),
			r.words.duty("staff.button_report", "report"), r.words.duty("staff.button_person", "person"),
			r.words.duty("staff.button_team", "team"), r.words.duty("staff.button_audit", "audit"),
			r.words.duty("staff.button_shop", "shop"),
		}
	}

	if c.Campaigns != nil {
		buttons = append(buttons, r.words.duty("broadcast.button", "broadcasts"))
	}

	return c.show(ctx, r, message.Text{
		HTML:    r.words.html("staff.home", errs.Args{"Store": r.store.Name, "Role": r.words.role(r.role)}),
		Buttons: append(r.dutiful(buttons...), r.words.backTo("home")),
	})
}

// role is what a role is called.
func (w Words) role(role user.Role) string {
	switch role {
	case user.Support:
		return w.plain("staff.support", nil)
	case user.Seller:
		return w.plain("staff.seller", nil)
	case user.Admin:
		return w.plain("staff.admin", nil)
	case user.Owner:
		return w.plain("staff.owner", nil)
	case user.Buyer:
		return w.plain("staff.buyer", nil)
	default:
		return string(role)
	}
}

// forwardedFrom gives whose message was forwarded; 0 where nobody's, or where
// they hide it.
func forwardedFrom(sent *telego.Message) int64 {
	if origin, ok := sent.ForwardOrigin.(*telego.MessageOriginUser); ok {
		return origin.SenderUser.ID
	}

	return 0
}

// record gives the audit row of what the person does to a target.
func (c *Chat) record(r *request, done audit.Entry) (table.Op, error) {
	return c.recordIn(r, r.storeID, done)
}

// recordIn gives the audit row of what the person does to a store from the
// owner's own bot.
func (c *Chat) recordIn(r *request, of string, done audit.Entry) (table.Op, error) {
	done.ID = id.Derive(r.storeID, r.cause, done.Action, done.Target)
	done.Store, done.By, done.Role, done.At = of, r.from.ID, string(r.role), c.Clock.Now()

	op, err := audit.Op(done)
	if err != nil {
		return table.Op{}, errs.Context(err, "record that user %d does %s", r.from.ID, done.Action)
	}

	return op, nil
}
