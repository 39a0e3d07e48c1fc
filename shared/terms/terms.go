// Package terms provides what buyers answer to the terms of a product: a text
// or a picture, sealed, one for each order and product, and forgotten when the
// store's time for it is over.
package terms

import (
	"context"
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/lapak-id/lapak/shared/audit"
	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/id"
	"github.com/lapak-id/lapak/shared/seal"
	"github.com/lapak-id/lapak/shared/table"
)

// MaxText is how many characters an answer takes: so that those who read it get it in one
// message of Telegram, which holds 4,096.
const MaxText = 3000

// Which names the terms of one product of an order.
type Which struct {
	Store, Order, Product string
}

// Answer is what a buyer submits: a text, a picture, or both.
type Answer struct {
	Text  string `json:"text,omitempty"`
	Photo string `json:"photo,omitempty"` // Telegram file_id of the store's bot
}

// Submission is an answer with whose it is.
type Submission struct {
	Which
	Answer

	User int64
	At   time.Time
}

// submission is the row of one. Its answer is sealed about "terms ORDER PRODUCT".
type submission struct {
	User   int64     `json:"user"`
	Sealed []byte    `json:"sealed"`
	At     time.Time `json:"at"`
	Cause  string    `json:"cause"`
}

// Service keeps submissions.
//
// Rows of the state table, which expire: store#ID#terms#ORDER / answer#PRODUCT.
type Service struct {
	state  table.Table
	sealer seal.Sealer
	clock  clock.Clock
}

// NewService makes the service over the state table.
func NewService(state table.Table, sealer seal.Sealer, now clock.Clock) *Service {
	return &Service{state: state, sealer: sealer, clock: now}
}

func (w Which) key() (table.Key, error) {
	tenant, err := table.TenantOf(w.Store)

	return tenant.Partition("terms", w.Order).Key("answer", w.Product), err
}

func (w Which) about() string { return "terms " + w.Order + " " + w.Product }

// Submit keeps an answer for as long as the store says. The same cause again
// changes nothing. Invalid with a sentence for the person where there is no
// answer or it is too long; Conflict with one where there was another before.
func (s *Service) Submit(ctx context.Context, given Submission, cause string, keep time.Duration) error {
	key, err := given.key()
	if err != nil {
		return err
	}

	if err := given.Answer.validate(); err != nil {
		return errs.Context(err, "keep the answer to the terms of product %s of order %s", given.Product, given.Order)
	}

	plain, err := json.Marshal(given.Answer)
	if err != nil {
		return errs.Wrap(err, errs.Internal, "encode the answer to the terms of order %s", given.Order)
	}

	sealed, err := s.sealer.Seal(ctx, given.Store, given.about(), plain)
	if err != nil {
		return err
	}

	body, err := table.Encode(submission{User: given.User, Sealed: sealed, At: s.clock.Now(), Cause: cause})
	if err != nil {
		return err
	}

	err = s.state.Write(ctx, table.Create(table.Row{Key: key, Body: body, Expires: s.clock.Now().Add(keep)}))
	if errs.Is(err, errs.Conflict) {
		before, _, readErr := table.Read[submission](ctx, s.state, key)
		if readErr == nil && before.Cause == cause {
			return nil
		}

		return errs.Wrap(err, errs.Conflict, "the terms of product %s of order %s have an answer", given.Product, given.Order).
			Tell("catalog.terms_given", nil)
	}

	if err != nil {
		return errs.Context(err, "keep the answer to the terms of product %s of order %s", given.Product, given.Order)
	}

	return nil
}

func (a Answer) validate() error {
	if a.Text == "" && a.Photo == "" {
		return errs.New(errs.Invalid, "it is empty").Tell("catalog.terms_empty", nil)
	}

	if utf8.RuneCountInString(a.Text) > MaxText {
		return errs.New(errs.Invalid, "it is over %d characters", MaxText).
			Tell("catalog.terms_answer_long", errs.Args{"Limit": MaxText})
	}

	return nil
}

// Submitted reports whether there is an answer.
func (s *Service) Submitted(ctx context.Context, which Which) (bool, error) {
	key, err := which.key()
	if err != nil {
		return false, err
	}

	_, err = s.state.Get(ctx, key)
	if errs.Is(err, errs.NotFound) {
		return false, nil
	}

	if err != nil {
		return false, errs.Context(err, "look for the terms of product %s of order %s", which.Product, which.Order)
	}

	return true, nil
}

// Read gives an answer to somebody of the store, once it is recorded in the
// audit log that they have read it. NotFound with a sentence where there is
// none, or no more.
func (s *Service) Read(ctx context.Context, which Which, by catalog.Editor) (Submission, error) {
	key, err := which.key()
	if err != nil {
		return Submission{}, err
	}

	row, _, err := table.Read[submission](ctx, s.state, key)
	if errs.Is(err, errs.NotFound) {
		return Submission{}, errs.Context(err, "read the answer to the terms of product %s of order %s", which.Product, which.Order).
			Tell("catalog.terms_none", nil)
	}

	if err != nil {
		return Submission{}, err
	}

	if err := s.recordReading(ctx, which, by); err != nil {
		return Submission{}, err
	}

	plain, err := s.sealer.Open(ctx, which.Store, which.about(), row.Sealed)
	if err != nil {
		return Submission{}, err
	}

	read := Submission{Which: which, User: row.User, At: row.At}
	if err := json.Unmarshal(plain, &read.Answer); err != nil {
		// The cause is left out: it may quote the answer.
		return Submission{}, errs.New(errs.Internal, "decode the answer to the terms of product %s of order %s", which.Product, which.Order)
	}

	return read, nil
}

func (s *Service) recordReading(ctx context.Context, which Which, by catalog.Editor) error {
	record, err := audit.Op(audit.Entry{
		ID:    id.Derive(which.Store, by.Cause, "read_terms", which.Order, which.Product),
		Store: which.Store, By: by.User, Role: by.Role,
		Action: "read_terms", Target: "order " + which.Order + " product " + which.Product, At: s.clock.Now(),
	})
	if err != nil {
		return err
	}

	err = s.state.Write(ctx, record)
	if err == nil || errs.Is(err, errs.Conflict) { // Conflict: the same reading, at the same moment
		return nil
	}

	return errs.Context(err, "record who reads the answer to the terms of order %s", which.Order)
}
