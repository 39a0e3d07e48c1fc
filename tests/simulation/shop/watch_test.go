package shop_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/outbox"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/wallet"
)

// purse is an account of a store in one currency.
type purse struct {
	store    string
	account  wallet.Account
	currency money.Currency
}

// shelf is a product of a store.
type shelf struct{ store, product string }

// limit is what a person may do of something in a store.
type limit struct {
	store string
	user  string // empty: everybody
	what  string // product or coupon
}

// charge is the row of a payment that was counted.
type charge struct {
	order.Ref
	order.Receipt

	Outcome order.Outcome `json:"outcome"`
}

// stock is what is known of a product's units.
type stock struct{ available, reserved, bound, free int64 }

// watch follows every change of the state table and holds what must be true at
// every moment against it.
type watch struct {
	world *world
	last  string // the last change that was looked at

	orders   map[order.Ref]order.Order
	refs     []order.Ref // in the order in which they were placed
	units    map[unitKey]catalog.Unit
	stocks   map[shelf]*stock
	purses   map[purse]int64 // by the ledger
	balances map[purse]int64 // by the wallets' counters
	lines    map[purse]int64 // by the statements
	expected map[purse]int64 // of gateways, by what was counted and given back
	charges  map[moneyKey]charge
	counted  map[limit]int64 // by counters
	used     map[limit]int64 // by orders
	outbox   map[string]string
	placedBy map[string]order.Ref // cause and person
	seen     map[string]bool      // contents in chats: store, chat, content
	read     map[unitKey]bool     // units that somebody has seen

	dirtyStocks map[shelf]bool
	dirtyPurses map[purse]bool
	dirtyLimits map[limit]bool
}

func newWatch(w *world) *watch {
	return &watch{
		world: w, orders: map[order.Ref]order.Order{}, units: map[unitKey]catalog.Unit{}, stocks: map[shelf]*stock{},
		purses: map[purse]int64{}, balances: map[purse]int64{}, lines: map[purse]int64{}, expected: map[purse]int64{},
		charges: map[moneyKey]charge{}, counted: map[limit]int64{}, used: map[limit]int64{}, outbox: map[string]string{},
		placedBy: map[string]order.Ref{}, seen: map[string]bool{}, read: map[unitKey]bool{},
		dirtyStocks: map[shelf]bool{}, dirtyPurses: map[purse]bool{}, dirtyLimits: map[limit]bool{},
	}
}

// look follows what has changed since the last look, and ends the run where
// something is wrong.
func (w *watch) look() {
	w.world.t.Helper()
	w.follow()

	for of := range w.dirtyStocks {
		w.lookAtStock(of)
	}

	for of := range w.dirtyPurses {
		w.lookAtPurse(of)
	}

	for of := range w.dirtyLimits {
		if w.counted[of] != w.used[of] {
			w.world.wrongf("%+v: %d are counted, orders hold %d", of, w.counted[of], w.used[of])
		}
	}

	clear(w.dirtyStocks)
	clear(w.dirtyPurses)
	clear(w.dirtyLimits)

	if w.world.broken != "" {
		w.world.tellEnd()
		w.world.t.Fatalf("step %d: %s", w.world.steps, w.world.broken)
	}
}

func (w *watch) lookAtStock(of shelf) {
	now := w.stockOf(of)
	if now.available < 0 || now.available+now.reserved != now.free {
		w.world.wrongf("%v: %d available and %d reserved of %d units that are free (%d bound)",
			of, now.available, now.reserved, now.free, now.bound)
	}
}

func (w *watch) lookAtPurse(of purse) {
	has := w.purses[of]

	switch {
	case strings.HasPrefix(string(of.account), "user-"):
		if has != w.balances[of] || has != w.lines[of] || has < 0 {
			w.world.wrongf("%v: the ledger says %d, the wallet %d, the statement %d", of, has, w.balances[of], w.lines[of])
		}
	case strings.HasPrefix(string(of.account), "gateway-"):
		if has != -w.expected[of] {
			w.world.wrongf("%v: the ledger says %d, what was counted %d", of, has, -w.expected[of])
		}
	}
}

// follow brings the model up to date.
func (w *watch) follow() {
	changes, err := w.world.state.Changes(w.last)
	w.world.must(err)

	for _, change := range changes {
		w.last = change.ID
		w.world.tell(change)

		row := change.New
		if row == nil {
			row = change.Old
		}

		w.followRow(change, strings.Split(row.Key.PK(), "#"), strings.Split(row.Key.SK(), "#"))
	}
}

// followRow follows a change of a row by the parts of its keys.
func (w *watch) followRow(change table.Change, pk, sk []string) {
	switch {
	case sk[0]+"#" == outbox.SortPrefix:
		w.followOutbox(change)
	case pk[0] != "store" || len(pk) < 3:
	case pk[2] == "user":
		w.followPerson(change, pk[1], pk[3], sk)
	case pk[2] == "catalog":
		w.followCatalog(change, pk[1], sk)
	case pk[2] == "units" && sk[0] == "unit":
		w.followUnit(change, pk[1])
	case pk[2] == "ledger":
		w.followLedger(change)
	case pk[2] == "charge":
		w.followCharge(change)
	}
}

func (w *watch) followOutbox(change table.Change) {
	if change.New == nil {
		delete(w.outbox, change.Old.Key.SK())
	} else {
		w.outbox[change.New.Key.SK()] = string(change.New.Body)
	}
}

func (w *watch) followPerson(change table.Change, of, person string, sk []string) {
	if change.New == nil {
		w.world.wrongf("row %s disappeared", change.Old.Key)

		return
	}

	purse := purse{of, wallet.Account("user-" + person), money.Rupiah}

	switch sk[0] {
	case "order":
		w.followOrder(change)
	case "wallet":
		w.balances[purse] = change.New.Counters["balance"]
		w.dirtyPurses[purse] = true
	case "statement":
		posting := decode[wallet.Posting](w, *change.New)
		w.lines[purse] += posting.Amount.Value
		w.dirtyPurses[purse] = true
	case "bought":
		w.count(limit{of, person, sk[1]}, change.New.Counters["count"])
	case "coupon":
		used := change.New.Counters["orders"]
		if used > couponPerBuyer {
			w.world.wrongf("coupon %s of %s is used %d times by %s", sk[1], of, used, person)
		}

		w.count(limit{of, person, sk[1]}, used)
	}
}

func (w *watch) count(of limit, now int64) {
	w.counted[of] = now
	w.dirtyLimits[of] = true
}

func (w *watch) followCatalog(change table.Change, of string, sk []string) {
	if change.New == nil {
		return
	}

	switch {
	case sk[0] == "product" && sk[2] == "stock":
		shelf := shelf{of, sk[1]}
		w.stockOf(shelf).available = change.New.Counters["available"]
		w.dirtyStocks[shelf] = true
	case sk[0] == "coupon" && sk[2] == "used":
		if used := change.New.Counters["orders"]; used > couponUses {
			w.world.wrongf("coupon %s of %s is used %d times", sk[1], of, used)
		}

		w.count(limit{of, "", sk[1]}, change.New.Counters["orders"])
	}
}

func (w *watch) stockOf(of shelf) *stock {
	if w.stocks[of] == nil {
		w.stocks[of] = &stock{}
	}

	return w.stocks[of]
}

func (w *watch) followUnit(change table.Change, of string) {
	if change.New == nil {
		w.world.wrongf("unit %s disappeared", change.Old.Key)

		return
	}

	unit := decode[catalog.Unit](w, *change.New)
	key := unitKey{of, unit.Product, unit.ID}
	shelf := shelf{of, unit.Product}
	stock := w.stockOf(shelf)

	if before, known := w.units[key]; known {
		if before.Order != "" && unit.Order != "" && before.Order != unit.Order {
			w.world.wrongf("unit %v of order %s is given to order %s", key, before.Order, unit.Order)
		}

		stock.move(before, -1)
	}

	stock.move(unit, 1)

	if unit.Order == "" && w.read[key] {
		w.world.wrongf("unit %v is free again, though somebody has read it", key)
	}

	if change.New.Index.IsZero() != (unit.Order != "") {
		w.world.wrongf("unit %v of order %q: its place in the index is %s", key, unit.Order, change.New.Index)
	}

	w.units[key] = unit
	w.dirtyStocks[shelf] = true
}

func (s *stock) move(unit catalog.Unit, by int64) {
	if unit.Order == "" {
		s.free += by
	} else {
		s.bound += by
	}
}

func (w *watch) followLedger(change table.Change) {
	if change.Old != nil {
		w.world.wrongf("entry %s was changed", change.Old.Key)

		return
	}

	entry := decode[wallet.Entry](w, *change.New)
	sums := map[money.Currency]int64{}

	for _, line := range entry.Lines {
		purse := purse{entry.Store, line.Account, line.Amount.Currency}
		w.purses[purse] += line.Amount.Value
		w.dirtyPurses[purse] = true
		sums[line.Amount.Currency] += line.Amount.Value

		if entry.Kind == "paid_back" && strings.HasPrefix(string(line.Account), "gateway-") {
			w.expected[purse] -= line.Amount.Value
		}
	}

	for currency, sum := range sums {
		if sum != 0 {
			w.world.wrongf("entry %s sums to %s %d", entry.ID, currency, sum)
		}
	}

	if !strings.HasPrefix(change.New.Key.PK(), "store#"+entry.Store+"#") {
		w.world.wrongf("entry %s of store %s stands at %s", entry.ID, entry.Store, change.New.Key)
	}
}

// followCharge checks that a payment that is counted is one, of that order.
func (w *watch) followCharge(change table.Change) {
	if change.Old != nil {
		w.world.wrongf("charge %s was changed", change.Old.Key)

		return
	}

	made := decode[charge](w, *change.New)
	key := moneyKey{made.Store, made.Gateway, made.Transaction}
	w.charges[key] = made

	if made.Gateway == order.WalletGateway {
		return
	}

	paid, ok := w.world.books.taken[key]

	switch {
	case !ok:
		w.world.wrongf("charge %+v is counted, nobody has paid it", made)
	case paid.reference != made.Ref.Reference():
		w.world.wrongf("charge %+v is counted for order %s, it was paid for %s", key, made.ID, paid.reference)
	case paid.Amount != made.Amount:
		w.world.wrongf("charge %+v is counted, %s was paid", made, paid.Amount)
	case made.Outcome == order.Settled && !paid.right, made.Outcome == order.Misfit && paid.right && !w.unknown(made):
		w.world.wrongf("charge %+v: it was paid as asked: %v", made, paid.right)
	}

	w.expected[purse{made.Store, wallet.Gateway(made.Gateway), made.Amount.Currency}] += made.Amount.Value
}

// unknown reports whether a payment is of a bill that was never noted, since
// the process that had it made died, and that asked for less than the order,
// since the store bears the fee: then nobody can say that it was as asked.
func (w *watch) unknown(made charge) bool {
	of := w.orders[made.Ref]

	return !knows(of, made.Gateway, made.Transaction) && made.Amount != of.Total
}

func knows(of order.Order, gateway, transaction string) bool {
	return slices.ContainsFunc(of.Bills, func(b order.Bill) bool { return b.Gateway == gateway && b.Transaction == transaction })
}

// billed reports whether an order shows a transaction: only then somebody can pay it.
func (w *watch) billed(of *transaction) bool {
	ref, err := order.ParseReference(of.store, of.reference)
	w.world.must(err)

	return knows(w.orders[ref], strings.Split(of.id, "-")[0], of.id)
}

// next lists the states that may follow a state.
func next(from order.State) []order.State {
	switch from {
	case order.Awaiting:
		return []order.State{order.Paid, order.Cancelled, order.Expired, order.Disputed}
	case order.Paid:
		return []order.State{order.Delivering, order.Delivered, order.Refunded}
	case order.Delivering:
		return []order.State{order.Delivered, order.Refunded}
	case order.Delivered:
		return []order.State{order.Refunded}
	case order.Cancelled, order.Expired: // paid late
		return []order.State{order.Paid}
	case order.Disputed: // paid as asked after all, or given back
		return []order.State{order.Paid, order.Refunded}
	case order.Refunded:
		return nil
	default:
		return nil
	}
}

// holds reports whether an order holds stock, limits and coupons.
func holds(of order.Order) bool {
	switch of.State {
	case order.Awaiting, order.Paid, order.Delivering, order.Delivered:
		return true
	case order.Cancelled, order.Expired, order.Disputed, order.Refunded:
		return false
	default:
		return false
	}
}

func (w *watch) followOrder(change table.Change) {
	now := decode[order.Order](w, *change.New)
	ref := now.Ref()

	before, known := w.orders[ref]
	if known {
		w.compare(before, now)
		w.account(before, -1)
	} else {
		w.refs = append(w.refs, ref)
	}

	w.account(now, 1)
	w.orders[ref] = now

	if !strings.HasPrefix(change.New.Key.PK(), "store#"+now.Store+"#") {
		w.world.wrongf("order %s of store %s stands at %s", now.ID, now.Store, change.New.Key)
	}
}

// compare checks one change of an order.
func (w *watch) compare(before, now order.Order) {
	if before.State != now.State && !slices.Contains(next(before.State), now.State) {
		w.world.wrongf("order %s went from %s to %s", now.ID, before.State, now.State)
	}

	if before.Total != now.Total || before.Coupon != now.Coupon || len(before.Lines) != len(now.Lines) {
		w.world.wrongf("order %s was changed: %+v became %+v", now.ID, before, now)
	}

	if now.State == order.Paid && before.State != order.Paid && now.Receipt == nil {
		w.world.wrongf("order %s is paid without a receipt", now.ID)
	}

	// With clocks that agree and nothing that fails, goods need nobody to look after them.
	late := now.Checks > before.Checks && (before.State == order.Paid || before.State == order.Delivering)
	if late && w.world.calm && !w.world.clocksDiffer && now.PaidAt.After(w.world.calmSince) {
		w.world.wrongf("order %s was paid, its goods were not sent at once", now.ID)
	}

	if before.State == now.State && before.State != order.Paid && unitsOf(before) != unitsOf(now) && now.State != order.Delivered {
		w.world.wrongf("order %s, %s, has other units than before", now.ID, now.State)
	}
}

func unitsOf(of order.Order) string {
	var all []string
	for _, line := range of.Lines {
		all = append(all, strings.Join(line.Units, " "))
	}

	return strings.Join(all, "/")
}

// account adds what an order holds to the model, or takes it out.
func (w *watch) account(of order.Order, sign int64) {
	person := userName(of.User)

	for _, line := range of.Lines {
		if of.State == order.Awaiting && line.Policy == catalog.Units {
			shelf := shelf{of.Store, line.Product}
			w.stockOf(shelf).reserved += sign * line.Count
			w.dirtyStocks[shelf] = true
		}

		if holds(of) && line.PerBuyer > 0 {
			limit := limit{of.Store, person, line.Product}
			w.used[limit] += sign * line.Count
			w.dirtyLimits[limit] = true

			if w.used[limit] > line.PerBuyer {
				w.world.wrongf("%+v: orders hold %d, %d are allowed", limit, w.used[limit], line.PerBuyer)
			}
		}
	}

	if of.Coupon != "" && holds(of) {
		for _, who := range []string{person, ""} {
			limit := limit{of.Store, who, of.Coupon}
			w.used[limit] += sign
			w.dirtyLimits[limit] = true
		}
	}
}

func decode[T any](w *watch, row table.Row) T {
	value, err := table.Decode[T](row)
	w.world.must(err)

	return value
}

// ordersWhere gives the orders that fit, in the order in which they were placed.
func (w *watch) ordersWhere(fits func(of order.Order) bool) []order.Order {
	w.follow()

	var found []order.Order

	for _, ref := range w.refs {
		if fits(w.orders[ref]) {
			found = append(found, w.orders[ref])
		}
	}

	return found
}

// nextDue gives when the clock looks after an order next; zero: never.
func (w *watch) nextDue() time.Time {
	var next time.Time

	for _, of := range w.orders {
		if !of.Due.IsZero() && (next.IsZero() || of.Due.Before(next)) {
			next = of.Due
		}
	}

	return next
}

// unrest says what is left to be done.
func (w *watch) unrest() []string {
	var left []string

	for _, key := range slices.Sorted(maps.Keys(w.outbox)) {
		left = append(left, "outbox "+w.outbox[key])
	}

	for _, ref := range w.refs {
		if of := w.orders[ref]; of.State.Open() && !of.Held || !of.Due.IsZero() {
			left = append(left, fmt.Sprintf("order %s is %s, due %s", of.ID, of.State, of.Due))
		}
	}

	return left
}

// placed checks that one cause is one order.
func (w *watch) placed(cause string, placed order.Order) {
	key := cause + " " + userName(placed.User) + " " + placed.Store

	if before, known := w.placedBy[key]; known && before != placed.Ref() {
		w.world.wrongf("%s has made orders %v and %v", key, before, placed.Ref())
	}

	w.placedBy[key] = placed.Ref()
}

// shown checks a message at the moment at which a person sees it.
func (w *watch) shown(key chatKey, text string) {
	for _, other := range stores() {
		if other != key.store && strings.Contains(text, " of "+other+" ") {
			w.world.wrongf("chat %v shows what belongs to %s: %s", key, other, text)
		}
	}

	if !strings.Contains(text, goodsMark) && !strings.Contains(text, "file-guide") {
		return
	}

	w.follow() // up to this moment

	for word := range strings.FieldsSeq(text) {
		switch {
		case strings.HasPrefix(word, goodsMark):
			w.handedOver(key, word)
		case word == "file-guide":
			w.seen[fmt.Sprint(key, word)] = true

			if !slices.ContainsFunc(w.refs, func(ref order.Ref) bool {
				return ref.Store == key.store && ref.User == key.chat && sent(w.orders[ref].State)
			}) {
				w.world.wrongf("chat %v gets a file that nobody there has bought", key)
			}
		}
	}
}

// sent reports whether goods may be on their way; a refund may overtake them.
func sent(state order.State) bool {
	return state == order.Delivering || state == order.Delivered || state == order.Refunded
}

// handedOver checks a unit that somebody is shown.
func (w *watch) handedOver(key chatKey, content string) {
	name, known := w.world.books.units[content]
	unit := w.units[name]

	ref := order.Ref{Store: key.store, User: unit.Buyer, ID: unit.Order}
	of, bought := w.orders[ref]

	switch {
	case !known || name.store != key.store:
		w.world.wrongf("chat %v sees %s", key, content)
	case !bought || unit.Buyer != key.chat:
		w.world.wrongf("chat %v sees unit %v, which is order %q's of %d", key, name, unit.Order, unit.Buyer)
	case !sent(of.State) || !strings.Contains(unitsOf(of), unit.ID):
		w.world.wrongf("chat %v sees unit %v of order %s, which is %s", key, name, of.ID, of.State)
	}

	w.seen[fmt.Sprint(key, content)] = true
	w.read[name] = true
}
