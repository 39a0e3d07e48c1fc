package stack

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/money"
	sealkms "github.com/lapak-id/lapak/shared/seal/kms"
	"github.com/lapak-id/lapak/shared/table/dynamo"
)

// Catalog opens what the stores of this stack sell, as the functions do.
func (s *Stack) Catalog() *catalog.Service {
	state := dynamo.New(dynamodb.NewFromConfig(s.AWS()), s.Outputs["StateTableName"], "index1", clock.System{})
	sealer := sealkms.New(kms.NewFromConfig(s.AWS()), s.Outputs["KeyArn"], state, clock.System{})

	return catalog.NewService(state, sealer, clock.System{})
}

// demoGoods is what the demo store sells from the start, and how many units of
// each product it has.
func demoGoods() ([]catalog.Category, []catalog.Product, map[string]int) {
	categories := []catalog.Category{
		{ID: "accounts", Name: catalog.Text{"id": "Akun premium", "en": "Premium accounts"}},
		{ID: "services", Name: catalog.Text{"id": "Jasa", "en": "Services"}},
	}
	products := []catalog.Product{
		{
			ID: "netflix", Category: "accounts", Policy: catalog.Units, Price: money.IDR(49_000), Stars: 150, Warranty: 30, LowStock: 3,
			Name: catalog.Text{"id": "Netflix 1 bulan", "en": "Netflix 1 month"},
			Description: catalog.Text{
				"id": "Akun privat untuk 1 perangkat, bisa menonton sampai 4K.",
				"en": "A private account for one device, up to 4K.",
			},
		},
		{
			ID: "voucher", Category: "accounts", Policy: catalog.Units, Price: money.IDR(25_000), PerBuyer: 5,
			Name:        catalog.Text{"id": "Voucher game 25 ribu", "en": "Game voucher 25k"},
			Description: catalog.Text{"id": "Kode voucher, langsung dipakai.", "en": "A voucher code, ready to use."},
		},
		{
			ID: "logo", Category: "services", Policy: catalog.Manual, Price: money.IDR(150_000), Stars: 450,
			Name:        catalog.Text{"id": "Desain logo", "en": "Logo design"},
			Description: catalog.Text{"id": "Dikerjakan tim kami dalam 2 hari.", "en": "Made by our team within 2 days."},
			Terms: catalog.Text{
				"id": "Tulis nama usahamu, warna yang kamu suka, dan contoh logo yang kamu mau.",
				"en": "Write the name of your business, the colours you like, and a logo that you admire.",
			},
		},
	}

	return categories, products, map[string]int{"netflix": 12, "voucher": 40}
}

// stockDemo puts the demo store's goods on its shelves. It may be done again.
func (s *Stack) stockDemo(ctx context.Context) error {
	goods, id := s.Catalog(), Demo().ID
	by := catalog.Editor{User: Demo().Owner, Role: "owner", Cause: "demo"}
	categories, products, units := demoGoods()

	for _, category := range categories {
		if err := goods.SaveCategory(ctx, id, category, by); err != nil && !errs.Is(err, errs.Conflict) {
			return fmt.Errorf("add a category to the demo store: %w", err)
		}
	}

	for _, product := range products {
		// Conflict: it is there, and was changed since.
		if err := goods.SaveProduct(ctx, id, product, by); err != nil && !errs.Is(err, errs.Conflict) {
			return fmt.Errorf("add a product to the demo store: %w", err)
		}

		var contents [][]byte
		for number := range units[product.ID] {
			account := fmt.Sprintf("user: demo-%s-%02d@contoh.id / pass: rahasia-%02d", product.ID, number+1, number+1)
			contents = append(contents, []byte(account))
		}

		if len(contents) == 0 {
			continue
		}

		if _, err := goods.Stock(ctx, id, product.ID, contents, by); err != nil {
			return fmt.Errorf("stock the demo store: %w", err)
		}
	}

	return nil
}
