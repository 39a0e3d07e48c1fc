package chat

import (
	"context"
	"encoding/json"
	"maps"
	"strconv"
	"strings"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/user"
)

// goodsDuties are what staff do to what is sold.
func goodsDuties() []duty {
	return []duty{
		{"products", user.Stock, (*Chat).manageProducts},
		{"product", user.Stock, (*Chat).manageProduct},
		{"newproduct", user.Edit, (*Chat).newProduct},
		{"edit", user.Edit, (*Chat).editProduct},
		{"field", user.Edit, (*Chat).editField},
		{"stock", user.Stock, (*Chat).askStock},
		{"categories", user.Edit, (*Chat).manageCategories},
		{"category", user.Edit, (*Chat).editCategory},
		{"coupons", user.Price, (*Chat).manageCoupons},
		{"coupon", user.Price, (*Chat).editCoupon},
	}
}

// editor is the person, for the audit log; cause names what is changed once.
func (r *request) editor(cause string) catalog.Editor {
	return catalog.Editor{User: r.from.ID, Role: string(r.role), Cause: cause}
}

// turnOf reads the place of a list that a button names: "from" or "back:from".
func turnOf(value string) catalog.Place {
	from, back := strings.CutPrefix(value, "back:")

	return catalog.Place{From: from, Back: back, Limit: pageItems}
}

// turners are the buttons that turn a list of staff; first and last are the
// members at its ends.
func (w Words) turners(name string, place catalog.Place, more bool, first, last string) []message.Button {
	var turn []message.Button

	if place.From != "" && (!place.Back || more) {
		turn = append(turn, w.duty("staff.button_before", name, "back", first))
	}

	if more || place.Back {
		turn = append(turn, w.duty("staff.button_more", name, last))
	}

	return turn
}

// manageProducts shows a page of all products, hidden ones too.
func (c *Chat) manageProducts(ctx context.Context, r *request, value string) error {
	if c.Backroom == nil {
		return c.staffHome(ctx, r, "")
	}

	place := turnOf(value)

	offers, more, err := c.Backroom.Goods.Products(ctx, r.storeID, place)
	if err != nil {
		return errs.Context(err, "list the products")
	}

	if len(offers) == 0 && place.From != "" {
		return c.manageProducts(ctx, r, "")
	}

	var rows [][]message.Button
	for _, offer := range offers {
		rows = append(rows, []message.Button{{Text: r.words.shelved(offer), Data: tapStaff + "product:" + offer.ID}})
	}

	if len(offers) > 0 {
		if turn := r.words.turners("products", place, more, offers[0].ID, offers[len(offers)-1].ID); turn != nil {
			rows = append(rows, turn)
		}
	}

	key := "manage.products"
	if len(offers) == 0 {
		key = "manage.no_products"
	}

	last := r.words.backToDuty("home")
	if r.role.May(user.Edit) {
		last = append(last, r.words.duty("manage.button_new", "newproduct"))
	}

	return c.show(ctx, r, message.Text{HTML: r.words.html(key, nil), Buttons: append(rows, last)})
}

// shelved is a product in a list of staff.
func (w Words) shelved(offer catalog.Offer) string {
	text := w.named(offer.Name) + " · " + w.money(offer.Price)

	switch {
	case offer.Hidden:
		text = "🙈 " + text
	case offer.SoldOut():
		text = "🔴 " + text
	}

	if offer.Policy == catalog.Units {
		text += " · " + w.number(offer.Available)
	}

	return text
}

// manageProduct shows a product to staff.
func (c *Chat) manageProduct(ctx context.Context, r *request, product string) error {
	text, err := c.productCard(ctx, r, product)
	if err != nil {
		return err
	}

	return c.show(ctx, r, text)
}

func (c *Chat) productCard(ctx context.Context, r *request, product string) (message.Text, error) {
	if c.Backroom == nil {
		return message.Text{}, errs.New(errs.Internal, "show a product: the shop is not wired")
	}

	offer, err := c.Backroom.Goods.Offer(ctx, r.storeID, product)
	if err != nil {
		return message.Text{}, errs.Context(err, "show product %s", product)
	}

	html := r.words.html("manage.product", errs.Args{
		"Name": offer.Name.In(r.words.language), "Price": r.words.money(offer.Price), "Policy": r.words.policy(offer.Policy),
		"Sold": r.words.number(offer.Sold), "Changed": r.words.moment(offer.UpdatedAt, r.store.TimeZone),
	})

	if offer.Policy == catalog.Units {
		html += "\n" + r.words.html("manage.available", errs.Args{"Count": r.words.number(offer.Available)})
	}

	if offer.Hidden {
		html += "\n" + r.words.html("manage.is_hidden", nil)
	}

	buttons := []message.Button{r.words.duty("manage.button_edit", "edit", product)}
	if offer.Policy == catalog.Units {
		buttons = append(buttons, r.words.duty("manage.button_stock", "stock", product))
	}

	return message.Text{HTML: html, Buttons: append(r.dutiful(buttons...), r.words.backToDuty("products"))}, nil
}

func (w Words) policy(policy catalog.Policy) string {
	switch policy {
	case catalog.Units:
		return w.plain("manage.units", nil)
	case catalog.File:
		return w.plain("manage.file", nil)
	case catalog.Manual:
		return w.plain("manage.manual", nil)
	default:
		return string(policy)
	}
}

// slot is a field of a product, with its place in it.
type slot struct {
	field

	get func(of catalog.Product) string
	set func(of *catalog.Product, value string)
}

// The languages of a store's own texts.
const (
	indonesian = "id"
	english    = "en"
)

// textSlot is a text in one of the languages.
func textSlot(one field, language string, of func(*catalog.Product) *catalog.Text) slot {
	return slot{
		one,
		func(product catalog.Product) string { return (*of(&product))[language] },
		func(product *catalog.Product, value string) { *of(product) = textWith(*of(product), language, value) },
	}
}

// textWith gives a text with what it says in a language; the one given stays as it is.
func textWith(text catalog.Text, language, value string) catalog.Text {
	changed := catalog.Text{}
	maps.Copy(changed, text)

	if changed[language] = value; value == "" {
		delete(changed, language)
	}

	if len(changed) == 0 {
		return nil
	}

	return changed
}

// countSlot is a number whose zero means none.
func countSlot(one field, get func(catalog.Product) int64, set func(*catalog.Product, int64)) slot {
	one.shown = shownNumber

	return slot{
		one,
		func(of catalog.Product) string { return unlessZero(get(of)) },
		func(of *catalog.Product, value string) { set(of, whole(value)) },
	}
}

func unlessZero(value int64) string {
	if value == 0 {
		return ""
	}

	return strconv.FormatInt(value, 10)
}

// slots are the fields of a product, in the order in which a new one is asked for.
func slots() []slot { return append(wareSlots(), offerSlots()...) }

// wareSlots are the fields that say what a product is.
func wareSlots() []slot {
	name := func(of *catalog.Product) *catalog.Text { return &of.Name }
	description := func(of *catalog.Product) *catalog.Text { return &of.Description }

	return []slot{
		{
			field{name: "category", label: "manage.category", ask: "manage.ask_category", once: true, offered: offeredCategories},
			func(of catalog.Product) string { return of.Category },
			func(of *catalog.Product, value string) { of.Category = value },
		},
		textSlot(field{
			name: "name_id", label: "manage.name_id", ask: "manage.ask_name_id", read: readText(catalog.MaxName),
		}, indonesian, name),
		textSlot(field{
			name: "name_en", label: "manage.name_en", ask: "manage.ask_name_en", optional: true, read: readText(catalog.MaxName),
		}, english, name),
		{
			field{
				name: "price", label: "manage.price", ask: "manage.ask_price", may: user.Price,
				read: readMoney(1, catalog.MaxPrice), shown: shownRupiah,
			},
			func(of catalog.Product) string { return unlessZero(of.Price.Value) },
			func(of *catalog.Product, value string) { of.Price = money.IDR(whole(value)) },
		},
		{
			field{
				name: "policy", label: "manage.policy", ask: "manage.ask_policy", once: true, offered: offeredPolicies,
			},
			func(of catalog.Product) string { return string(of.Policy) },
			func(of *catalog.Product, value string) { of.Policy = catalog.Policy(value) },
		},
		{
			field{name: "file", label: "manage.file_sent", ask: "manage.ask_file", read: readDownload, shown: shownDownload},
			func(of catalog.Product) string { return downloadText(of.File) },
			func(of *catalog.Product, value string) { of.File = downloadOf(value) },
		},
		textSlot(field{
			name: "description_id", label: "manage.description_id", ask: "manage.ask_description_id", optional: true,
			read: readText(catalog.MaxDescription),
		}, indonesian, description),
		textSlot(field{
			name: "description_en", label: "manage.description_en", ask: "manage.ask_description_en", optional: true,
			read: readText(catalog.MaxDescription),
		}, english, description),
		{
			field{name: "photo", label: "manage.photo", ask: "manage.ask_photo", optional: true, read: readPhoto, shown: shownThere},
			func(of catalog.Product) string { return of.Photo },
			func(of *catalog.Product, value string) { of.Photo = value },
		},
	}
}

// offerSlots are the fields of a product beside what it is: how it is sold.
func offerSlots() []slot {
	terms := func(of *catalog.Product) *catalog.Text { return &of.Terms }

	return []slot{
		countSlot(field{
			name: "stars", label: "manage.stars", ask: "manage.ask_stars", may: user.Price, optional: true,
			read: readNumber(catalog.MaxStars),
		}, func(of catalog.Product) int64 { return of.Stars }, func(of *catalog.Product, value int64) { of.Stars = value }),
		textSlot(field{
			name: "terms_id", label: "manage.terms_id", ask: "manage.ask_terms_id", optional: true,
			read: readText(catalog.MaxTerms),
		}, indonesian, terms),
		textSlot(field{
			name: "terms_en", label: "manage.terms_en", ask: "manage.ask_terms_en", optional: true,
			read: readText(catalog.MaxTerms),
		}, english, terms),
		countSlot(field{
			name: "per_buyer", label: "manage.per_buyer", ask: "manage.ask_per_buyer", optional: true,
			read: readNumber(catalog.MaxCount),
		}, func(of catalog.Product) int64 { return of.PerBuyer }, func(of *catalog.Product, value int64) { of.PerBuyer = value }),
		countSlot(field{
			name: "warranty", label: "manage.warranty", ask: "manage.ask_warranty", optional: true,
			read: readNumber(catalog.MaxWarranty),
		}, func(of catalog.Product) int64 { return int64(of.Warranty) },
			func(of *catalog.Product, value int64) { of.Warranty = int(value) }),
		countSlot(field{
			name: "low_stock", label: "manage.low_stock", ask: "manage.ask_low_stock", optional: true,
			read: readNumber(catalog.MaxCount),
		}, func(of catalog.Product) int64 { return of.LowStock }, func(of *catalog.Product, value int64) { of.LowStock = value }),
		{
			field{
				name: "hidden", label: "manage.hidden", ask: "manage.ask_hidden", shown: shownHidden,
				offered: yesNo("manage.button_hide", "manage.button_sell"),
			},
			func(of catalog.Product) string { return yesOrNo(of.Hidden) },
			func(of *catalog.Product, value string) { of.Hidden = value == "yes" },
		},
	}
}

func yesOrNo(is bool) string {
	if is {
		return "yes"
	}

	return "no"
}

func shownHidden(r *request, value string) string {
	if value == "yes" {
		return r.words.plain("manage.button_hide", nil)
	}

	return r.words.plain("manage.button_sell", nil)
}

// slotsOf leaves out what a product of that policy does not have.
func slotsOf(policy string) []slot {
	var fit []slot

	for _, one := range slots() {
		if one.name == "file" && policy != string(catalog.File) || one.name == "low_stock" && policy != string(catalog.Units) {
			continue
		}

		fit = append(fit, one)
	}

	return fit
}

func fieldsOf(all []slot) []field {
	fields := make([]field, 0, len(all))
	for _, one := range all {
		fields = append(fields, one.field)
	}

	return fields
}

func offeredPolicies(_ context.Context, _ *Chat, r *request) ([]option, error) {
	var offered []option
	for _, policy := range []catalog.Policy{catalog.Units, catalog.File, catalog.Manual} {
		offered = append(offered, option{string(policy), r.words.policy(policy)})
	}

	return offered, nil
}

// offeredMost is how many buttons a question has at most.
const offeredMost = 12

func offeredCategories(ctx context.Context, c *Chat, r *request) ([]option, error) {
	if c.Backroom == nil {
		return nil, nil
	}

	categories, err := c.Backroom.Goods.AllCategories(ctx, r.storeID)
	if err != nil {
		return nil, errs.Context(err, "offer the categories")
	}

	var offered []option
	for _, category := range categories[:min(len(categories), offeredMost)] {
		offered = append(offered, option{category.ID, r.words.named(category.Name)})
	}

	return offered, nil
}

// readDownload takes a document.
func readDownload(r *request, given input) (string, string) {
	if given.file == nil {
		return "", r.words.html("form.want_file", nil)
	}

	return downloadText(&catalog.Download{
		FileID: given.file.FileID, Name: message.FileName(given.file.FileName), Size: given.file.FileSize,
	}), ""
}

// downloadText keeps a file as the answer of a form.
func downloadText(of *catalog.Download) string {
	if of == nil {
		return ""
	}

	body, err := json.Marshal(of)
	if err != nil {
		panic(err) // two texts and a number always encode
	}

	return string(body)
}

func downloadOf(value string) *catalog.Download {
	var of catalog.Download
	if json.Unmarshal([]byte(value), &of) != nil || of.FileID == "" {
		return nil
	}

	return &of
}

func shownDownload(_ *request, value string) string {
	if of := downloadOf(value); of != nil {
		return of.Name
	}

	return ""
}

// productForm makes a product.
func productForm() form {
	return form{
		name: "product", may: user.Edit, title: "manage.new_product",
		fields: func(f filling) []field { return fieldsOf(slotsOf(f.Values["policy"])) },
		save:   (*Chat).saveNewProduct,
	}
}

func (c *Chat) newProduct(ctx context.Context, r *request, _ string) error {
	if c.Backroom == nil {
		return c.staffHome(ctx, r, "")
	}

	categories, err := c.Backroom.Goods.AllCategories(ctx, r.storeID)
	if err != nil {
		return errs.Context(err, "look for a category")
	}

	if len(categories) == 0 { // a product stands on a shelf
		r.toast = r.words.plain("manage.category_first", nil)

		return c.editCategory(ctx, r, "")
	}

	f := filling{
		Form: "product", From: "products",
		About:  map[string]string{"id": catalog.NewID(r.storeID, r.cause, c.Clock.Now()), "cause": r.cause},
		Values: map[string]string{"hidden": yesOrNo(false)}, // so that the summary is near
	}
	if len(categories) == 1 {
		f.At, f.Values["category"] = 1, categories[0].ID
		f.Labels = map[string]string{"category": r.words.named(categories[0].Name)}
	}

	return c.begin(ctx, r, f)
}

func (c *Chat) saveNewProduct(ctx context.Context, r *request, f filling) (message.Text, error) {
	made := catalog.Product{ID: f.About["id"]}
	for _, one := range slotsOf(f.Values["policy"]) {
		one.set(&made, f.Values[one.name])
	}

	if err := c.Backroom.Goods.SaveProduct(ctx, r.storeID, made, r.editor(f.About["cause"])); err != nil {
		return message.Text{}, errs.Context(err, "make a product")
	}

	text, err := c.productCard(ctx, r, made.ID)
	text.HTML = r.words.html("manage.saved", nil) + "\n\n" + text.HTML

	return text, err
}

// editProduct offers the fields of a product.
func (c *Chat) editProduct(ctx context.Context, r *request, product string) error {
	if c.Backroom == nil {
		return c.staffHome(ctx, r, "")
	}

	offer, err := c.Backroom.Goods.Offer(ctx, r.storeID, product)
	if err != nil {
		return errs.Context(err, "edit product %s", product)
	}

	var (
		rows [][]message.Button
		row  []message.Button
	)

	for _, one := range slotsOf(string(offer.Policy)) {
		if one.name == "policy" || one.may != "" && !r.role.May(one.may) {
			continue
		}

		row = append(row, r.words.duty(one.label, "field", one.name, product))
		if len(row) == columns {
			rows, row = append(rows, row), nil
		}
	}

	last := r.words.backToDuty("product", product)
	if row != nil {
		last = append(row, last...)
	}

	return c.show(ctx, r, message.Text{
		HTML: r.words.html("manage.edit", errs.Args{"Name": offer.Name.In(r.words.language)}), Buttons: append(rows, last),
	})
}

// editForm changes one field of a product: which one stands in About.
func editForm() form {
	return form{
		name: "edit", may: user.Edit, title: "manage.edit_product",
		fields: func(f filling) []field {
			if one, ok := slotOf(f.About["field"]); ok {
				return []field{one.field}
			}

			return nil
		},
		save: (*Chat).saveField,
	}
}

func slotOf(name string) (slot, bool) {
	for _, one := range slots() {
		if one.name == name {
			return one, true
		}
	}

	return slot{}, false
}

// editField asks for one field of a product. The product as it is now goes
// with the form: what others change meanwhile is not overwritten, but told.
func (c *Chat) editField(ctx context.Context, r *request, value string) error {
	name, product, _ := strings.Cut(value, ":")

	one, ok := slotOf(name)
	if !ok || c.Backroom == nil || one.may != "" && !r.role.May(one.may) {
		return c.oldTap(ctx, r)
	}

	offer, err := c.Backroom.Goods.Offer(ctx, r.storeID, product)
	if err != nil {
		return errs.Context(err, "edit product %s", product)
	}

	body, err := json.Marshal(offer.Product)
	if err != nil {
		return errs.Wrap(err, errs.Internal, "keep product %s in a form", product)
	}

	f := filling{
		Form: "edit", From: "product:" + product, Values: map[string]string{name: one.get(offer.Product)},
		About: map[string]string{
			"id": product, "field": name, "was": string(body), "version": strconv.FormatInt(offer.Version, 10), "cause": r.cause,
		},
	}

	if name == "category" {
		category, err := c.Backroom.Goods.Category(ctx, r.storeID, offer.Category)
		if err != nil {
			return errs.Context(err, "edit product %s", product)
		}

		f.Labels = map[string]string{name: r.words.named(category.Name)}
	}

	return c.begin(ctx, r, f)
}

func (c *Chat) saveField(ctx context.Context, r *request, f filling) (message.Text, error) {
	one, ok := slotOf(f.About["field"])

	var was catalog.Product
	if err := json.Unmarshal([]byte(f.About["was"]), &was); err != nil || !ok {
		return message.Text{}, errs.Wrap(err, errs.Internal, "read the product of a form")
	}

	changed := was
	changed.Version = f.number("version")
	one.set(&changed, f.Values[one.name])

	err := c.Backroom.Goods.SaveProduct(ctx, r.storeID, changed, r.editor(f.About["cause"]))
	if errs.Is(err, errs.Conflict) {
		return c.overtaken(ctx, r, was)
	}

	if err != nil {
		return message.Text{}, errs.Context(err, "change product %s", was.ID)
	}

	text, err := c.productCard(ctx, r, was.ID)
	text.HTML = r.words.html("manage.saved", nil) + "\n\n" + text.HTML

	return text, err
}

// overtaken tells the second of two editors what the first has changed, and
// that nothing was overwritten. The owner hears of it from the catalog.
func (c *Chat) overtaken(ctx context.Context, r *request, was catalog.Product) (message.Text, error) {
	now, err := c.Backroom.Goods.Offer(ctx, r.storeID, was.ID)
	if err != nil {
		return message.Text{}, errs.Context(err, "look what was changed meanwhile")
	}

	by := strconv.FormatInt(now.UpdatedBy, 10)
	if found, err := c.Users.Get(ctx, r.storeID, now.UpdatedBy); err == nil {
		by = found.Name
	}

	lines := []string{
		r.words.html("manage.overtaken", errs.Args{"Who": by, "When": r.words.moment(now.UpdatedAt, r.store.TimeZone)}), "",
	}

	for _, one := range slots() {
		before, after := one.get(was), one.get(now.Product)
		if before == after {
			continue
		}

		lines = append(lines, r.words.html("manage.changed", errs.Args{
			"Field":  r.words.plain(one.label, nil),
			"Before": markup(r.words.value(r, one.field, filling{Values: map[string]string{one.name: before}})),
			"After":  markup(r.words.value(r, one.field, filling{Values: map[string]string{one.name: after}})),
		}))
	}

	return message.Text{
		HTML:    strings.Join(lines, "\n"),
		Buttons: [][]message.Button{{r.words.duty("manage.button_edit", "edit", was.ID)}, r.words.backToDuty("product", was.ID)},
	}, nil
}

// manageCategories lists the shelves.
func (c *Chat) manageCategories(ctx context.Context, r *request, _ string) error {
	if c.Backroom == nil {
		return c.staffHome(ctx, r, "")
	}

	categories, err := c.Backroom.Goods.AllCategories(ctx, r.storeID)
	if err != nil {
		return errs.Context(err, "list the categories")
	}

	var rows [][]message.Button

	for at, category := range categories[:min(len(categories), offeredMost)] {
		if at%columns == 0 {
			rows = append(rows, nil)
		}

		rows[len(rows)-1] = append(rows[len(rows)-1], message.Button{
			Text: r.words.named(category.Name), Data: tapStaff + "category:" + category.ID,
		})
	}

	return c.show(ctx, r, message.Text{
		HTML:    r.words.html("manage.categories", errs.Args{"Count": len(categories)}),
		Buttons: append(rows, append(r.words.backToDuty("home"), r.words.duty("manage.button_new_category", "category"))),
	})
}

// categoryForm makes or renames a category.
func categoryForm() form {
	return form{
		name: "category", may: user.Edit, title: "manage.category",
		fields: func(filling) []field {
			return []field{
				{name: "name_id", label: "manage.name_id", ask: "manage.ask_category_id", read: readText(catalog.MaxName)},
				{name: "name_en", label: "manage.name_en", ask: "manage.ask_name_en", optional: true, read: readText(catalog.MaxName)},
			}
		},
		save: func(c *Chat, ctx context.Context, r *request, f filling) (message.Text, error) {
			name := textWith(textWith(nil, indonesian, f.Values["name_id"]), english, f.Values["name_en"])
			saved := catalog.Category{ID: f.About["id"], Name: name, Version: f.number("version")}

			if err := c.Backroom.Goods.SaveCategory(ctx, r.storeID, saved, r.editor(f.About["cause"])); err != nil {
				return message.Text{}, errs.Context(err, "save a category")
			}

			return message.Text{
				HTML: r.words.html("manage.saved", nil),
				Buttons: [][]message.Button{append(
					r.words.backToDuty("categories"), r.words.duty("manage.button_new", "newproduct"),
				)},
			}, nil
		},
	}
}

// editCategory asks for the name of a category; empty: of a new one.
func (c *Chat) editCategory(ctx context.Context, r *request, category string) error {
	if c.Backroom == nil {
		return c.staffHome(ctx, r, "")
	}

	about := map[string]string{"id": catalog.NewID(r.storeID, r.cause, c.Clock.Now()), "cause": r.cause}
	values := map[string]string{}

	if category != "" {
		present, err := c.Backroom.Goods.Category(ctx, r.storeID, category)
		if err != nil {
			return errs.Context(err, "edit category %s", category)
		}

		about["id"], about["version"] = category, strconv.FormatInt(present.Version, 10)
		values["name_id"], values["name_en"] = present.Name[indonesian], present.Name[english]
	}

	return c.begin(ctx, r, filling{Form: "category", From: "categories", About: about, Values: values})
}

// maxPercent is all of an order.
const maxPercent = 100

// couponForm makes or changes a coupon.
func couponForm() form {
	return form{
		name: "coupon", may: user.Price, title: "coupon.title",
		fields: func(f filling) []field {
			fields := []field{
				{name: "code", label: "coupon.code", ask: "coupon.ask_code", read: readCode},
				{
					name: "kind", label: "coupon.kind", ask: "coupon.ask_kind", once: true,
					offered: func(_ context.Context, _ *Chat, r *request) ([]option, error) {
						return []option{{"percent", r.words.plain("coupon.percent", nil)}, {"off", r.words.plain("coupon.off", nil)}}, nil
					},
				},
			}

			if f.About["version"] != "" { // its code names it
				fields = fields[1:]
			}

			switch f.Values["kind"] {
			case "percent":
				fields = append(fields, field{
					name: "percent", label: "coupon.percent", ask: "coupon.ask_percent",
					read: readNumber(maxPercent), shown: shownNumber,
				})
			case "off":
				fields = append(fields, field{
					name: "off", label: "coupon.off", ask: "coupon.ask_off", read: readMoney(1, catalog.MaxPrice), shown: shownRupiah,
				})
			}

			return append(fields,
				field{
					name: "uses", label: "coupon.uses", ask: "coupon.ask_uses", optional: true,
					read: readNumber(catalog.MaxCount), shown: shownNumber,
				},
				field{
					name: "per_buyer", label: "coupon.per_buyer", ask: "coupon.ask_per_buyer", optional: true,
					read: readNumber(catalog.MaxCount), shown: shownNumber,
				},
				field{name: "until", label: "coupon.until", ask: "coupon.ask_until", optional: true, read: readDay, shown: shownDay},
			)
		},
		save: (*Chat).saveCoupon,
	}
}

// shownDay writes a day for people.
func shownDay(r *request, value string) string {
	return r.words.day(dayEnd(value, r.store.TimeZone), r.store.TimeZone)
}

// readCode reads a coupon's code.
func readCode(r *request, given input) (string, string) {
	code := strings.ToUpper(strings.TrimSpace(given.text))
	if !catalog.ValidCode(code) {
		return "", r.words.html("catalog.coupon_code", nil)
	}

	return code, ""
}

func (c *Chat) saveCoupon(ctx context.Context, r *request, f filling) (message.Text, error) {
	coupon := catalog.Coupon{
		Code: f.Values["code"], Uses: f.value("uses"), PerBuyer: f.value("per_buyer"),
		Until: dayEnd(f.Values["until"], r.store.TimeZone), Version: f.number("version"),
	}

	if f.About["code"] != "" {
		coupon.Code = f.About["code"]
	}

	if f.Values["kind"] == "percent" {
		coupon.Percent = f.value("percent")
	} else {
		coupon.Off = f.value("off")
	}

	if err := c.Backroom.Goods.SaveCoupon(ctx, r.storeID, coupon, r.editor(f.About["cause"])); err != nil {
		return message.Text{}, errs.Context(err, "save a coupon")
	}

	return message.Text{
		HTML:    r.words.html("coupon.saved", errs.Args{"Code": coupon.Code}),
		Buttons: [][]message.Button{r.words.backToDuty("coupons")},
	}, nil
}

// manageCoupons lists the coupons.
func (c *Chat) manageCoupons(ctx context.Context, r *request, _ string) error {
	if c.Backroom == nil {
		return c.staffHome(ctx, r, "")
	}

	coupons, used, err := c.Backroom.Goods.Coupons(ctx, r.storeID)
	if err != nil {
		return errs.Context(err, "list the coupons")
	}

	var rows [][]message.Button

	for at, coupon := range coupons[:min(len(coupons), offeredMost)] {
		if at%columns == 0 {
			rows = append(rows, nil)
		}

		label := r.words.plain("coupon.listed", errs.Args{"Code": coupon.Code, "Count": r.words.number(used[coupon.Code])})
		rows[len(rows)-1] = append(rows[len(rows)-1], message.Button{Text: label, Data: tapStaff + "coupon:" + coupon.Code})
	}

	return c.show(ctx, r, message.Text{
		HTML:    r.words.html("coupon.all", errs.Args{"Count": len(coupons)}),
		Buttons: append(rows, append(r.words.backToDuty("home"), r.words.duty("coupon.button_new", "coupon"))),
	})
}

// editCoupon asks for a coupon; empty: for a new one.
func (c *Chat) editCoupon(ctx context.Context, r *request, code string) error {
	if c.Backroom == nil {
		return c.staffHome(ctx, r, "")
	}

	f := filling{Form: "coupon", From: "coupons", About: map[string]string{"cause": r.cause}, Values: map[string]string{}}

	if code != "" {
		coupon, _, err := c.Backroom.Goods.Coupon(ctx, r.storeID, code)
		if err != nil {
			return errs.Context(err, "edit a coupon")
		}

		f.About["code"], f.About["version"] = coupon.Code, strconv.FormatInt(coupon.Version, 10)
		f.Values = map[string]string{
			"kind": "off", "percent": unlessZero(coupon.Percent), "off": unlessZero(coupon.Off),
			"uses": unlessZero(coupon.Uses), "per_buyer": unlessZero(coupon.PerBuyer),
		}

		if coupon.Percent > 0 {
			f.Values["kind"] = "percent"
		}

		f.Labels = map[string]string{"kind": r.words.plain("coupon."+f.Values["kind"], nil)}

		if !coupon.Until.IsZero() {
			f.Values["until"] = inZone(coupon.Until, r.store.TimeZone).Format(dayForm)
		}
	}

	return c.begin(ctx, r, f)
}
