package chat

import (
	"context"
	"strconv"
	"strings"

	"github.com/lapak-id/lapak/shared/audit"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/user"
	"github.com/lapak-id/lapak/shared/wallet"
)

// peopleDuties are what staff do to people.
func peopleDuties() []duty {
	return []duty{
		{"person", user.SeeOrders, (*Chat).person},
		{"team", user.Staff, (*Chat).team},
		{"role", user.Staff, (*Chat).giveRole},
		{"ban", user.Ban, (*Chat).ban},
		{"unban", user.Ban, (*Chat).unban},
		{"unmute", user.Ban, (*Chat).unmute},
		{"adjust", user.Adjust, (*Chat).askAdjust},
	}
}

// personForm asks for a person.
func personForm() form {
	return form{
		name: "person", may: user.SeeOrders, title: "people.title", direct: true,
		fields: func(filling) []field {
			return []field{{name: "person", label: "people.title", ask: "people.ask", read: readPerson}}
		},
		save: func(c *Chat, ctx context.Context, r *request, f filling) (message.Text, error) {
			found, err := c.Users.Find(ctx, r.storeID, f.Values["person"])
			if err != nil {
				return message.Text{}, errs.Context(err, "find a person")
			}

			return c.foundPeople(ctx, r, found)
		},
	}
}

// readPerson takes a username, a number or a message that was forwarded.
func readPerson(r *request, given input) (string, string) {
	if given.from != 0 {
		return strconv.FormatInt(given.from, 10), ""
	}

	name := strings.TrimPrefix(given.text, "@")
	if name == "" || strings.ContainsAny(name, " \n\t") || len(name) > maxTapBytes {
		return "", r.words.html("people.nobody", nil)
	}

	return name, ""
}

// foundPeople shows a person, or offers those that a name can mean.
func (c *Chat) foundPeople(ctx context.Context, r *request, found []user.User) (message.Text, error) {
	switch len(found) {
	case 0:
		return message.Text{}, errs.New(errs.NotFound, "the store knows no such person").Tell("people.none", nil)
	case 1:
		return c.card(ctx, r, found[0])
	}

	var rows [][]message.Button
	for _, one := range found {
		rows = append(rows, []message.Button{{
			Text: one.Name + " · " + strconv.FormatInt(one.ID, 10), Data: tapStaff + "person:" + strconv.FormatInt(one.ID, 10),
		}})
	}

	const most = 6 // rows, with the way back

	return message.Text{
		HTML: r.words.html("people.several", nil), Buttons: append(rows[:min(len(rows), most)], r.words.backToDuty("home")),
	}, nil
}

// person shows a person, or asks for one.
func (c *Chat) person(ctx context.Context, r *request, value string) error {
	if value == "" {
		return c.begin(ctx, r, filling{Form: "person"})
	}

	found, err := c.Users.Find(ctx, r.storeID, value)
	if err != nil {
		return errs.Context(err, "find a person")
	}

	text, err := c.foundPeople(ctx, r, found)
	if errs.Is(err, errs.NotFound) {
		return c.show(ctx, r, message.Text{
			HTML: r.words.html("people.none", nil), Buttons: [][]message.Button{r.words.backToDuty("home")},
		})
	}

	if err != nil {
		return err
	}

	if r.tap == nil && r.toast != "" { // a command is answered by no toast
		text.HTML = escape(r.toast) + "\n\n" + text.HTML
	}

	return c.show(ctx, r, text)
}

// card shows a person to staff, with what may be done.
func (c *Chat) card(ctx context.Context, r *request, of user.User) (message.Text, error) {
	role := of.Role
	if of.ID == r.store.Owner {
		role = user.Owner
	}

	name := of.Name
	if of.Username != "" {
		name += " @" + of.Username
	}

	number := strconv.FormatInt(of.ID, 10)
	lines := []string{r.words.html("people.card", errs.Args{
		"Name": name, "ID": number, "Role": r.words.role(role), "Since": r.words.day(of.CreatedAt, r.store.TimeZone),
	})}

	if c.Wallets != nil {
		balance, err := c.Wallets.Balance(ctx, r.storeID, of.ID)
		if err != nil {
			return message.Text{}, errs.Context(err, "read the balance of user %d", of.ID)
		}

		lines = append(lines, r.words.html("people.balance", errs.Args{"Balance": r.words.money(balance)}))
	}

	now := c.Clock.Now()

	for _, note := range []struct {
		is  bool
		key string
	}{{of.Banned, "people.banned"}, {of.Blocked, "people.blocked"}} {
		if note.is {
			lines = append(lines, r.words.html(note.key, nil))
		}
	}

	if of.Muted(now) {
		lines = append(lines, r.words.html("people.muted", errs.Args{"Until": r.words.moment(of.MutedUntil, r.store.TimeZone)}))
	}

	return message.Text{HTML: strings.Join(lines, "\n"), Buttons: c.cardButtons(r, of, role, of.Muted(now))}, nil
}

func (c *Chat) cardButtons(r *request, of user.User, role user.Role, muted bool) [][]message.Button {
	number := strconv.FormatInt(of.ID, 10)

	var buttons []message.Button
	if c.Backroom != nil {
		buttons = append(buttons,
			r.words.duty("staff.button_find", "orders", number), r.words.duty("people.button_adjust", "adjust", number))
	}

	for _, to := range append(user.Roles(), user.Buyer) {
		if to == role || !r.appointable(of, to) {
			continue
		}

		button := r.words.duty("people.button_dismiss", "role", number, string(to))
		if to != user.Buyer {
			button.Text = r.words.plain("people.button_appoint", errs.Args{"Role": r.words.role(to)})
		}

		buttons = append(buttons, button)
	}

	switch {
	case of.Banned:
		buttons = append(buttons, r.words.duty("people.button_unban", "unban", number))
	case role == user.Buyer:
		buttons = append(buttons, r.words.duty("people.button_ban", "ban", number))
	}

	if muted {
		buttons = append(buttons, r.words.duty("people.button_unmute", "unmute", number))
	}

	return append(r.dutiful(buttons...), r.words.backToDuty("home"))
}

// team lists those who have a role.
func (c *Chat) team(ctx context.Context, r *request, _ string) error {
	members, err := c.Users.Staff(ctx, r.storeID)
	if err != nil {
		return errs.Context(err, "list the staff")
	}

	const most = 12 // buttons

	var rows [][]message.Button

	for at, member := range members[:min(len(members), most)] {
		found, err := c.Users.Get(ctx, r.storeID, member.User)
		if err != nil {
			return errs.Context(err, "list the staff")
		}

		if at%columns == 0 {
			rows = append(rows, nil)
		}

		rows[len(rows)-1] = append(rows[len(rows)-1], message.Button{
			Text: found.Name + " · " + r.words.role(member.Role), Data: tapStaff + "person:" + strconv.FormatInt(member.User, 10),
		})
	}

	return c.show(ctx, r, message.Text{
		HTML:    r.words.html("people.team", errs.Args{"Count": len(members)}),
		Buttons: append(rows, append([]message.Button{r.words.duty("people.button_add", "person")}, r.words.backToDuty("home")...)),
	})
}

// target finds the person that a button or command names; false, answered,
// where there is none.
func (c *Chat) target(ctx context.Context, r *request, value string) (user.User, bool, error) {
	found, err := c.Users.Find(ctx, r.storeID, value)
	if err != nil {
		return user.User{}, false, errs.Context(err, "find a person")
	}

	if len(found) == 1 {
		return found[0], true, nil
	}

	return user.User{}, false, c.person(ctx, r, value)
}

// appointable reports whether the person may change somebody's role at all.
func (r *request) appointable(of user.User, to user.Role) bool {
	return of.ID != r.store.Owner && of.ID != r.from.ID && !of.Banned && r.role.MayAppoint(of.Role, to)
}

// giveRole gives a person a role, or takes it away.
func (c *Chat) giveRole(ctx context.Context, r *request, value string) error {
	number, name, _ := strings.Cut(value, ":")

	of, ok, err := c.target(ctx, r, number)
	if !ok {
		return err
	}

	to := user.Role(name)
	if !r.appointable(of, to) {
		r.toast = r.words.plain("people.not_yours", nil)

		return c.person(ctx, r, number)
	}

	record, err := c.record(r, audit.Entry{
		Action: "role", Target: "user " + number, Before: string(of.Role), After: string(to),
	})
	if err != nil {
		return err
	}

	if _, err := c.Users.Appoint(ctx, r.storeID, of.ID, to, record); err != nil {
		return errs.Context(err, "give user %d a role", of.ID)
	}

	r.toast = r.words.plain("people.appointed", errs.Args{"Name": of.Name, "Role": r.words.role(to)})

	return c.person(ctx, r, number)
}

func (c *Chat) ban(ctx context.Context, r *request, value string) error {
	return c.judge(ctx, r, value, "ban", func(of *user.User) { of.Banned = true })
}

func (c *Chat) unban(ctx context.Context, r *request, value string) error {
	return c.judge(ctx, r, value, "unban", func(of *user.User) { of.Banned = false })
}

func (c *Chat) unmute(ctx context.Context, r *request, value string) error {
	return c.judge(ctx, r, value, "unmute", func(of *user.User) { *of = of.Unmute() })
}

// judge closes the store to a person, or opens it again. Staff must lose their
// role first; the owner is out of reach.
func (c *Chat) judge(ctx context.Context, r *request, value, action string, change func(*user.User)) error {
	if value == "" {
		return c.person(ctx, r, "")
	}

	of, ok, err := c.target(ctx, r, value)
	if !ok {
		return err
	}

	number := strconv.FormatInt(of.ID, 10)

	if of.ID == r.store.Owner || of.Role != user.Buyer {
		r.toast = r.words.plain("people.not_yours", nil)

		return c.person(ctx, r, number)
	}

	record, err := c.record(r, audit.Entry{Action: action, Target: "user " + number})
	if err != nil {
		return err
	}

	if _, err := c.Users.Change(ctx, r.storeID, of.ID, change, record); err != nil {
		return errs.Context(err, "%s user %d", action, of.ID)
	}

	r.toast = r.words.plain("staff.done", nil)

	return c.person(ctx, r, number)
}

// adjustForm asks by how much a balance is corrected, and why.
func adjustForm() form {
	return form{
		name: "adjust", may: user.Adjust, title: "people.adjust",
		fields: func(filling) []field {
			return []field{
				{name: "amount", label: "people.amount", ask: "people.ask_amount", read: readCorrection, shown: shownRupiah},
				{name: "reason", label: "people.reason", ask: "people.ask_reason", read: readText(maxReason)},
			}
		},
		save: (*Chat).adjust,
	}
}

// maxReason is how many characters a reason has.
const maxReason = 200

func (c *Chat) askAdjust(ctx context.Context, r *request, value string) error {
	of, ok, err := c.target(ctx, r, value)
	if !ok {
		return err
	}

	number := strconv.FormatInt(of.ID, 10)

	return c.begin(ctx, r, filling{Form: "adjust", From: "person:" + number, About: map[string]string{"user": number, "cause": r.cause}})
}

func (c *Chat) adjust(ctx context.Context, r *request, f filling) (message.Text, error) {
	if c.Backroom == nil {
		return message.Text{}, errs.New(errs.Internal, "adjust a balance: the shop is not wired")
	}

	person, amount := f.number("user"), f.value("amount")

	// The form, not the tap, is the cause: saved twice it moves money once.
	err := c.Backroom.Ledger.Adjust(ctx, wallet.Adjustment{
		Store: r.storeID, User: person, Amount: money.IDR(amount), Reason: f.Values["reason"], By: r.from.ID, Cause: f.About["cause"],
	})
	if err != nil {
		return message.Text{}, errs.Context(err, "adjust the balance of user %d", person)
	}

	return message.Text{
		HTML:    r.words.html("people.adjusted", errs.Args{"Amount": r.words.rupiah(amount)}),
		Buttons: [][]message.Button{r.words.backToDuty("person", f.About["user"])},
	}, nil
}
