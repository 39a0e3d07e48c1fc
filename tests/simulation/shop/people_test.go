package shop_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/user"
	"github.com/lapak-id/lapak/shared/wallet"
)

// What stores sell.
const (
	keys    = "keys"    // units, few, with a limit for each buyer and a warranty
	account = "account" // units with terms
	guide   = "guide"   // a file
	service = "service" // somebody does something

	couponCode     = "HEMAT"
	couponUses     = 3
	couponPerBuyer = 2

	// goodsMark begins each unit's content: it must never stand in a log.
	goodsMark = "RAHASIA-"
)

func products() []catalog.Product {
	return []catalog.Product{
		{ID: keys, Policy: catalog.Units, Price: money.IDR(49_000), Stars: 250, PerBuyer: 4, Warranty: 30, LowStock: 2},
		{ID: account, Policy: catalog.Units, Price: money.IDR(49_000), Terms: catalog.Text{"id": "Kirim surelmu"}},
		{
			ID: guide, Policy: catalog.File, Price: money.IDR(10_000), Stars: 50,
			File: &catalog.Download{FileID: "file-guide", Name: "panduan.pdf", Size: 10},
		},
		{ID: service, Policy: catalog.Manual, Price: money.IDR(25_000), PerBuyer: 3},
	}
}

func userName(id int64) string { return strconv.FormatInt(id, 10) }

// odds is true once in so many times.
func (w *world) odds(times int) bool { return w.random.IntN(times) == 0 }

// furnish makes the stores, what they sell and who buys there.
func (w *world) furnish() {
	ctx := w.t.Context()

	for i, id := range stores() {
		w.must(w.bot.stores.Save(ctx, store.Store{
			ID: id, Name: id, Owner: owner, Language: "id", TimeZone: store.DefaultTimeZone,
			Shop: store.Shop{
				Open: true, StoreBearsFee: i == 1, Manual: map[string]string{"id": "Transfer"},
				Gateways: []store.Account{
					{Gateway: w.banks[i].name, Project: id}, {Gateway: w.banks[1-i].name, Project: id}, {Gateway: order.StarsGateway},
				},
			},
		}))

		users := user.NewRepository(w.state, w.bot.clock)

		for _, person := range append(buyers(), owner) {
			_, err := users.Meet(ctx, id, user.Person{ID: person, Name: "P"}, "id")
			w.must(err)
			w.must(w.bot.ledger.Adjust(ctx, wallet.Adjustment{
				Store: id, User: person, Amount: money.IDR(75_000), Reason: "a gift", By: owner, Role: string(user.Owner), Cause: "gift",
			}))
		}

		by := func() catalog.Editor { return w.editor() }
		w.must(w.bot.catalog.SaveCategory(ctx, id, catalog.Category{ID: "c", Name: catalog.Text{"id": "Akun"}}, by()))

		for _, product := range products() {
			product.Category, product.Name = "c", catalog.Text{"id": product.ID}
			w.must(w.bot.catalog.SaveProduct(ctx, id, product, by()))
		}

		for _, product := range []string{keys, account} {
			_, err := w.bot.catalog.Stock(ctx, id, product, w.contents(id, product, 3), by())
			w.must(err)
		}

		w.must(w.bot.catalog.SaveCoupon(ctx, id, catalog.Coupon{
			Code: couponCode, Percent: 10, Uses: couponUses, PerBuyer: couponPerBuyer,
		}, by()))
	}
}

func (w *world) editor() catalog.Editor {
	w.causes++

	return catalog.Editor{User: owner, Role: string(user.Owner), Cause: fmt.Sprintf("update-%d", w.causes)}
}

// contents makes units that can be told apart.
func (w *world) contents(of, product string, count int) [][]byte {
	var made [][]byte

	for range count {
		w.goods++
		made = append(made, fmt.Appendf(nil, "%s%s-%s-%d", goodsMark, of, product, w.goods))
	}

	for _, content := range made {
		w.calmly(func() {
			name, err := w.sealer.Fingerprint(w.t.Context(), of, content)
			w.must(err)
			w.books.units[string(content)] = unitKey{of, product, name}
		})
	}

	return made
}

// act is what a person does in the chat.
type act string

const (
	actBuy       act = "buy"
	actDeposit   act = "deposit"
	actCancel    act = "cancel"
	actCheck     act = "check"
	actProve     act = "prove"
	actResend    act = "resend"
	actBack      act = "back" // they have unblocked the bot
	actHello     act = "hello"
	actPaidStars act = "paid stars"

	// The owner's.
	actConfirm act = "confirm"
	actRefund  act = "refund"
	actReplace act = "replace"
	actStock   act = "stock"
	actAdjust  act = "adjust"
)

// update is one tap or message, as the chat understands it.
type update struct {
	Store   string        `json:"store"`
	User    int64         `json:"user"`
	Act     act           `json:"act"`
	Cause   string        `json:"cause"`
	Sent    time.Time     `json:"sent"`
	Items   []order.Item  `json:"items"`
	Method  string        `json:"method"`
	Coupon  string        `json:"coupon"`
	Amount  int64         `json:"amount"`
	Product string        `json:"product"`
	Unit    string        `json:"unit"`
	Order   order.Ref     `json:"order"`
	Receipt order.Receipt `json:"receipt"`
	Goods   [][]byte      `json:"goods"`
}

func (w *world) push(next update) {
	w.causes++
	next.Cause, next.Sent = fmt.Sprintf("update-%d", w.causes), w.clock.Now()
	w.pending = append(w.pending, next)
}

// act has somebody do something.
func (w *world) act() {
	of := stores()[w.random.IntN(2)]
	person := buyers()[w.random.IntN(len(buyers()))]

	switch w.random.IntN(24) {
	case 0, 1, 2, 3, 4:
		w.buy(of, person)
	case 5:
		w.push(update{Store: of, User: person, Act: actDeposit, Method: "qris", Amount: 50_000 * (1 + w.random.Int64N(3))})
	case 6, 7, 8, 9, 10:
		w.payBill()
	case 11:
		w.people.payStars()
	case 12:
		w.banks[w.random.IntN(2)].mislead()
	case 13:
		w.people.block(chatKey{of, person})
	case 14, 15, 16:
		w.staff(of)
	default:
		w.about(of, person)
	}
}

func (w *world) buy(of string, person int64) {
	methods := []string{"qris", "qris", "qris", "link", "stars", "wallet", "wallet", "manual"}
	next := update{Store: of, User: person, Act: actBuy, Method: methods[w.random.IntN(len(methods))]}

	sold := products()
	for range 1 + w.random.IntN(2) {
		next.Items = append(next.Items, order.Item{
			Product: sold[w.random.IntN(len(sold))].ID, Count: 1 + w.random.Int64N(2),
		})
	}

	if w.odds(3) {
		next.Coupon = couponCode
	}

	w.push(next)

	if w.odds(6) { // another buyer taps at the same moment
		next.User = buyers()[w.random.IntN(len(buyers()))]
		w.push(next)
	}
}

// payBill has somebody pay at a bank.
func (w *world) payBill() {
	bank := w.banks[w.random.IntN(len(w.banks))]

	waiting := bank.payable()
	if len(waiting) == 0 {
		return
	}

	chosen := waiting[w.random.IntN(len(waiting))]
	if w.odds(12) {
		chosen.ended = true // refused

		return
	}

	bank.pay(chosen)
}

// payLate has somebody pay what was forgotten.
func (w *world) payLate() { w.payBill() }

func (g *telegram) block(key chatKey) {
	if g.blocked[key] {
		g.unblock(key)

		return
	}

	g.blocked[key] = true
}

// about has a person do something with one of their orders.
func (w *world) about(of string, person int64) {
	found := w.watched.ordersWhere(func(o order.Order) bool { return o.Store == of && o.User == person })
	if len(found) == 0 {
		return
	}

	chosen := found[w.random.IntN(len(found))]
	next := update{Store: of, User: person, Order: chosen.Ref()}

	switch {
	case chosen.State != order.Awaiting:
		next.Act = actResend
	case chosen.Method == "manual":
		next.Act = actProve
	case w.odds(3):
		next.Act = actCancel
	default:
		next.Act = actCheck
	}

	w.push(next)
}

// staff has the owner do something.
func (w *world) staff(of string) {
	next := update{Store: of, User: owner}

	pick := func(fits func(o order.Order) bool) bool {
		found := w.watched.ordersWhere(func(o order.Order) bool { return o.Store == of && fits(o) })
		if len(found) > 0 {
			next.Order = found[w.random.IntN(len(found))].Ref()
		}

		return len(found) > 0
	}

	switch w.random.IntN(6) {
	case 0, 1:
		if !pick(func(o order.Order) bool { return o.Proof != "" && (o.State == order.Awaiting || w.odds(10)) }) {
			return
		}

		proven := w.watched.orders[next.Order]
		next.Act = actConfirm
		next.Receipt = order.Receipt{
			Gateway: order.ManualGateway, Transaction: proven.ID, Amount: proven.Total, At: w.clock.Now(), By: owner,
		}
		w.books.take(of, next.Receipt, next.Order.Reference(), true)
		w.push(next) // two of the staff confirm at the same moment
	case 2:
		if !pick(func(o order.Order) bool {
			return o.State == order.Paid || o.State == order.Delivering || o.State == order.Delivered || o.State == order.Disputed
		}) {
			return
		}

		next.Act = actRefund
	case 3:
		if !pick(func(o order.Order) bool { return len(boundUnits(o)) > 0 }) {
			return
		}

		units := boundUnits(w.watched.orders[next.Order])
		next.Act, next.Unit = actReplace, units[w.random.IntN(len(units))]
	case 4:
		next.Act, next.Product = actStock, []string{keys, account}[w.random.IntN(2)]
		next.Goods = w.contents(of, next.Product, 1+w.random.IntN(3))
		next.Goods = append(next.Goods, next.Goods[0]) // twice
	default:
		next.Act, next.Amount = actAdjust, w.random.Int64N(60_000)-30_000
		next.Order.User = buyers()[w.random.IntN(len(buyers()))]
	}

	w.push(next)
}

func boundUnits(of order.Order) []string {
	var units []string

	for _, line := range of.Lines {
		for _, unit := range line.Units {
			if !slices.Contains(line.Claimed, unit) {
				units = append(units, unit)
			}
		}
	}

	return units
}

// answer does what the chat does with an update: it calls the domain, and
// tells people what cannot be.
func (w *world) answer(ctx context.Context, delivery queue.Delivery) error {
	var asked update
	if err := json.Unmarshal(delivery.Body, &asked); err != nil {
		return errs.Wrap(err, errs.Internal, "read an update")
	}

	err := w.welcome(ctx, asked)
	if err == nil {
		err = w.carryOut(ctx, asked)
	}

	if errs.Retryable(err) && !errs.Is(err, errs.Limited) || injected(err) {
		return err
	}

	if err != nil {
		if _, _, told := errs.Sentence(err); !told && asked.Act != actAdjust {
			w.wrongf("nobody is told why %s cannot be: %s", asked.Act, err)
		}
	}

	return nil
}

// welcome has sent what waited for somebody who had blocked the bot and writes
// again, as the chat does.
func (w *world) welcome(ctx context.Context, asked update) error {
	users := user.NewRepository(w.state, w.bot.clock)

	found, err := users.Get(ctx, asked.Store, asked.User)
	if err != nil || !found.Blocked && asked.Act != actBack {
		return err
	}

	if err := w.bot.orders.Resume(ctx, asked.Store, asked.User, asked.Cause); err != nil {
		return err
	}

	_, err = users.Change(ctx, asked.Store, asked.User, func(user *user.User) { user.Blocked = false })

	return err
}

// injected reports whether a plan is behind an error.
func injected(err error) bool { return errors.Is(err, fault.ErrInjected) }

func (w *world) carryOut(ctx context.Context, asked update) error {
	var (
		err    error
		orders = w.bot.orders
		editor = catalog.Editor{User: asked.User, Role: string(user.Owner), Cause: asked.Cause}
	)

	switch asked.Act {
	case actBuy, actDeposit:
		err = w.place(ctx, asked)
	case actCancel:
		_, err = orders.Cancel(ctx, asked.Order, "buyer")
	case actCheck:
		err = orders.Check(ctx, asked.Order, asked.Cause)
	case actProve:
		_, err = orders.Prove(ctx, asked.Order, "photo-"+asked.Cause)
	case actResend:
		err = orders.Resend(ctx, asked.Order, asked.Cause)
	case actBack, actHello:
	case actPaidStars:
		err = orders.Report(ctx, asked.Order, order.TakeStars, asked.Receipt)
	case actConfirm:
		err = orders.Report(ctx, asked.Order, order.TakeManual, asked.Receipt)
	case actRefund:
		_, err = orders.Refund(ctx, asked.Order, order.Refunding{
			By: asked.User, Role: string(user.Owner), Reason: "asked for", Cause: asked.Cause,
		})
	case actReplace:
		_, err = orders.Replace(ctx, asked.Order, asked.Unit, editor)
	case actStock:
		_, err = w.bot.catalog.Stock(ctx, asked.Store, asked.Product, asked.Goods, editor)
	case actAdjust:
		err = w.bot.ledger.Adjust(ctx, wallet.Adjustment{
			Store: asked.Store, User: asked.Order.User, Amount: money.IDR(asked.Amount), Reason: "goodwill",
			By: asked.User, Role: string(user.Owner), Cause: asked.Cause,
		})
	}

	return err
}

func (w *world) place(ctx context.Context, asked update) error {
	of, err := w.bot.stores.Get(ctx, asked.Store)
	if err != nil {
		return err
	}

	request := order.Request{
		Store: asked.Store, User: asked.User, Chat: asked.User, Language: "id", Kind: order.Purchase, Items: asked.Items,
		Coupon: asked.Coupon, Method: asked.Method, PayIn: of.Shop.PayIn(), Cause: asked.Cause, SentAt: asked.Sent,
	}
	if asked.Act == actDeposit {
		request.Kind, request.Amount = order.Deposit, asked.Amount
	}

	placed, err := w.bot.orders.Place(ctx, request)
	if err == nil {
		w.watched.placed(asked.Cause, placed)
	}

	return err
}
