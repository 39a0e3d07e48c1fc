package chat

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/chart"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/user"
)

// reportDuties are what is looked at.
func reportDuties() []duty {
	return []duty{
		{"report", user.SeeReport, (*Chat).report},
		{"csv", user.SeeReport, (*Chat).reportFile},
		{"audit", user.SeeAudit, (*Chat).auditLog},
	}
}

// Papers sends what is made here and now.
type Papers interface {
	SendDocument(
		ctx context.Context, to message.Address, name, mimeType string, content io.Reader, caption message.Text,
	) error
}

// The lengths of reports, in days.
const (
	weekDays  = 7
	monthDays = 30
)

// sales are those of some days in a row, none left out.
type sales struct {
	days  []order.Sales
	title string // "15 Nov 2026 – 21 Nov 2026"
}

// salesOf reads the sales of the last days up to today, in the store's zone.
func (c *Chat) salesOf(ctx context.Context, r *request, count int) (sales, error) {
	now := inZone(c.Clock.Now(), r.store.TimeZone)
	until := time.Date(now.Year(), now.Month(), now.Day()+1, 0, 0, 0, 0, now.Location())
	from := time.Date(now.Year(), now.Month(), now.Day()+1-count, 0, 0, 0, 0, now.Location())

	sold, err := c.Backroom.Cases.Sales(ctx, r.storeID, from, until, now.Location())
	if err != nil {
		return sales{}, errs.Context(err, "read the sales")
	}

	byDay := map[string]order.Sales{}
	for _, of := range sold {
		byDay[of.Day] = of
	}

	found := sales{title: r.words.day(from, r.store.TimeZone) + " – " + r.words.day(now, r.store.TimeZone)}

	for at := range count {
		day := from.AddDate(0, 0, at).Format(dayForm)

		of := byDay[day]
		of.Day = day
		found.days = append(found.days, of)
	}

	return found, nil
}

// total sums what the days have earned or given back in a currency.
func (s sales) total(currency money.Currency) totals {
	var sum totals

	for _, of := range s.days {
		sum.orders += of.Orders
		sum.revenue += of.Revenue[currency]
		sum.refunds += of.Refunds[currency]
	}

	return sum
}

// totals are sums over days.
type totals struct{ orders, revenue, refunds int64 }

// top gives the products that were sold most.
func (s sales) top(most int) []order.ProductSales {
	counts := map[string]int64{}

	for _, of := range s.days {
		for _, product := range of.Products {
			counts[product.Product] += product.Units
		}
	}

	var top []order.ProductSales
	for product, units := range counts {
		top = append(top, order.ProductSales{Product: product, Units: units})
	}

	slices.SortFunc(top, func(a, b order.ProductSales) int {
		return cmp.Or(cmp.Compare(b.Units, a.Units), cmp.Compare(a.Product, b.Product))
	})

	return top[:min(len(top), most)]
}

// reportDays reads how long a report is to be.
func reportDays(value string) int {
	if value == strconv.Itoa(monthDays) {
		return monthDays
	}

	return weekDays
}

// report tells what was sold, with a chart.
func (c *Chat) report(ctx context.Context, r *request, value string) error {
	if c.Backroom == nil {
		return c.staffHome(ctx, r, "")
	}

	count := reportDays(value)

	sold, err := c.salesOf(ctx, r, count)
	if err != nil {
		return err
	}

	picture, err := r.chart(sold)
	if err != nil {
		return errs.Context(err, "draw the report")
	}

	html, err := c.reportText(ctx, r, sold)
	if err != nil {
		return err
	}

	other := r.words.duty("report.button_month", "report", strconv.Itoa(monthDays))
	if count == monthDays {
		other = r.words.duty("report.button_week", "report", strconv.Itoa(weekDays))
	}

	_, err = c.Messenger.SendPhoto(ctx, r.here(), message.Photo{Content: picture, Caption: message.Text{
		HTML: html,
		Buttons: [][]message.Button{
			{other, r.words.duty("report.button_csv", "csv", strconv.Itoa(count))}, r.words.backToDuty("home"),
		},
	}})

	return err
}

// topMost is how many products a report names.
const topMost = 5

// reportText is the caption below the chart: at most 1,024 UTF-16 units.
func (c *Chat) reportText(ctx context.Context, r *request, sold sales) (string, error) {
	rupiah, stars := sold.total(money.Rupiah), sold.total(money.Stars)

	lines := []string{
		r.words.html("report.head", errs.Args{"Store": r.store.Name, "Days": sold.title}), "",
		r.words.html("report.revenue", errs.Args{"Total": r.words.rupiah(rupiah.revenue), "Count": r.words.number(rupiah.orders)}),
	}

	if rupiah.refunds > 0 {
		lines = append(lines, r.words.html("report.refunds", errs.Args{"Total": r.words.rupiah(rupiah.refunds)}))
	}

	if stars.revenue > 0 {
		lines = append(lines, r.words.html("report.stars", errs.Args{"Total": r.words.money(money.XTR(stars.revenue))}))
	}

	if stars.refunds > 0 {
		lines = append(lines, r.words.html("report.refunds", errs.Args{"Total": r.words.money(money.XTR(stars.refunds))}))
	}

	if rupiah.orders > 0 && rupiah.revenue > 0 {
		lines = append(lines, r.words.html("report.average", errs.Args{"Total": r.words.rupiah(rupiah.revenue / rupiah.orders)}))
	}

	top := sold.top(topMost)
	if len(top) > 0 {
		lines = append(lines, "", r.words.html("report.top", nil))
	}

	for at, product := range top {
		name, err := c.productName(ctx, r, product.Product)
		if err != nil {
			return "", err
		}

		lines = append(lines, r.words.html("report.product", errs.Args{
			"Place": at + 1, "Name": name, "Count": r.words.number(product.Units),
		}))
	}

	return strings.Join(lines, "\n"), nil
}

// productName gives what a product is called; its id where it is gone.
func (c *Chat) productName(ctx context.Context, r *request, product string) (string, error) {
	offer, err := c.Backroom.Goods.Offer(ctx, r.storeID, product)
	if errs.Is(err, errs.NotFound) {
		return product, nil
	}

	if err != nil {
		return "", errs.Context(err, "name product %s", product)
	}

	return r.words.named(offer.Name), nil
}

// chart draws the revenue of each day.
func (r *request) chart(sold sales) ([]byte, error) {
	drawn := chart.Bars{
		Title: r.words.plain("report.chart", errs.Args{"Days": len(sold.days)}),
		Note:  sold.title + " · " + r.words.rupiah(sold.total(money.Rupiah).revenue),
		Axis:  r.words.shortRupiah,
	}

	for _, of := range sold.days {
		day, err := time.Parse(dayForm, of.Day)
		if err != nil {
			return nil, errs.Wrap(err, errs.Internal, "read the day of a report")
		}

		drawn.Values = append(drawn.Values, of.Revenue[money.Rupiah])
		drawn.Labels = append(drawn.Labels, strconv.Itoa(day.Day())+" "+r.words.month(day))
	}

	picture, err := drawn.PNG()
	if err != nil {
		return nil, errs.Context(err, "draw the sales of %d days", len(sold.days))
	}

	return picture, nil
}

// shortRupiah writes an amount for the side of a chart: "Rp1,5 jt".
func (w Words) shortRupiah(value int64) string {
	const (
		kilo = 1_000
		mega = 1_000_000
		tens = 10
	)

	unit, key := int64(kilo), "report.thousand"

	switch {
	case value < kilo:
		return w.rupiah(value)
	case value >= mega:
		unit, key = mega, "report.million"
	}

	text := w.number(value / unit)
	if tenth := value % unit * tens / unit; tenth != 0 {
		text += w.plain("format.decimal", nil) + strconv.FormatInt(tenth, 10)
	}

	return w.plain(key, errs.Args{"Value": text})
}

// reportFile sends the days as a table.
func (c *Chat) reportFile(ctx context.Context, r *request, value string) error {
	if c.Backroom == nil {
		return c.staffHome(ctx, r, "")
	}

	sold, err := c.salesOf(ctx, r, reportDays(value))
	if err != nil {
		return err
	}

	names := map[string]string{}

	for _, of := range sold.days {
		for _, product := range of.Products {
			if names[product.Product] != "" {
				continue
			}

			if names[product.Product], err = c.productName(ctx, r, product.Product); err != nil {
				return err
			}
		}
	}

	rows := [][]string{{"day", "orders", "revenue_idr", "refunds_idr", "revenue_stars", "refunds_stars", "product", "units"}}

	for _, of := range sold.days {
		day := []string{of.Day, number(of.Orders)}
		for _, currency := range []money.Currency{money.Rupiah, money.Stars} {
			day = append(day, number(of.Revenue[currency]), number(of.Refunds[currency]))
		}

		rows = append(rows, append(day, "", ""))
		for _, product := range of.Products {
			rows = append(rows, []string{of.Day, "", "", "", "", "", names[product.Product], number(product.Units)})
		}
	}

	file, err := spreadsheet(rows)
	if err != nil {
		return err
	}

	r.toast = r.words.plain("toast.sending", nil)
	first, last := sold.days[0].Day, sold.days[len(sold.days)-1].Day

	return c.Backroom.Papers.SendDocument(ctx, r.here(), r.storeID+"-"+first+"-"+last+".csv", "text/csv", bytes.NewReader(file),
		message.Text{HTML: r.words.html("report.file", errs.Args{"Days": sold.title})})
}

func number(value int64) string { return strconv.FormatInt(value, 10) }

// spreadsheet writes rows as CSV (RFC 4180) that a spreadsheet opens as text: with a
// byte order mark, which has Excel read UTF-8, and with nothing that it would
// take for a formula (OWASP, CSV injection).
func spreadsheet(rows [][]string) ([]byte, error) {
	file := bytes.NewBufferString("\ufeff")
	writer := csv.NewWriter(file)

	for _, row := range rows {
		safe := make([]string, len(row))
		for at, cell := range row {
			safe[at] = cellText(cell)
		}

		if err := writer.Write(safe); err != nil {
			return nil, errs.Wrap(err, errs.Internal, "write a table")
		}
	}

	writer.Flush()

	if err := writer.Error(); err != nil {
		return nil, errs.Wrap(err, errs.Internal, "write a table")
	}

	return file.Bytes(), nil
}

// cellText puts an apostrophe before what a spreadsheet would run, wherever
// spaces and separators let it begin.
func cellText(cell string) string {
	cell = strings.NewReplacer("\r", " ", "\n", " ", "\t", " ", "\x00", "").Replace(cell)

	if strings.ContainsAny(firstOf(strings.TrimLeft(cell, " '\"\u00a0\u200b\ufeff")), "=+-@＝＋－＠|%") {
		return "'" + cell
	}

	return cell
}

func firstOf(text string) string {
	for _, r := range text {
		return string(r)
	}

	return ""
}
