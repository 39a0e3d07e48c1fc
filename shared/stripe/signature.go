package stripe

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/payment"
	"github.com/lapak-id/lapak/shared/payment/call"
	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/store"
)

const (
	// signatureHeader proves a notification.
	signatureHeader = "stripe-signature"
	// tolerance is how old or how far ahead a signature may be.
	tolerance = 5 * time.Minute
)

// Authenticate implements payment.Notifier by Stripe's scheme v1: an HMAC over
// the time and the body. https://docs.stripe.com/webhooks#verify-manually
func (g *Gateway) Authenticate(ctx context.Context, of store.Store, notification payment.Notification) (payment.Notice, error) {
	if _, err := accountOf(of); err != nil {
		return payment.Notice{}, err
	}

	known, err := g.vault.Get(ctx, store.GatewayHookName(of.ID, Name))
	if err != nil && !errs.Is(err, errs.NotFound) {
		return payment.Notice{}, errs.Wrap(err, errs.Unavailable, "authenticate a notification of Stripe")
	}

	if err := verify(known, notification.Headers[signatureHeader], notification.Body, g.clock.Now()); err != nil {
		return payment.Notice{}, err
	}

	return parseNotice(notification.Body)
}

// verify checks a signature against the current and the previous secret.
func verify(known secret.Secret, header string, body []byte, now time.Time) error {
	at, given, err := parseSignature(header)
	if err != nil {
		return err
	}

	if age := now.Sub(time.Unix(at, 0)); age > tolerance || age < -tolerance {
		return errs.New(errs.Unauthorized, "authenticate a notification of Stripe: it was signed %s ago", age.Round(time.Second))
	}

	signed := append([]byte(strconv.FormatInt(at, 10)+"."), body...)
	accepted := false

	for _, key := range call.Keys(known) {
		mac := hmac.New(sha256.New, []byte(key.Reveal()))
		mac.Write(signed)
		right := mac.Sum(nil)

		for _, signature := range given {
			if hmac.Equal(right, signature) && key != "" {
				accepted = true
			}
		}
	}

	if !accepted {
		return errs.New(errs.Unauthorized, "authenticate a notification of Stripe: wrong signature")
	}

	return nil
}

// parseSignature reads "t=1492774577,v1=5257a8…,v1=…,v0=…": one time and a few
// signatures. Unauthorized where it is none.
func parseSignature(header string) (int64, [][]byte, error) {
	const mostSignatures, digits = 8, 19

	var (
		at    int64
		times int
		given [][]byte
	)

	for part := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(part, "=")

		switch name {
		case "t":
			parsed, err := strconv.ParseInt(value, 10, 64)
			if err != nil || parsed <= 0 || len(value) > digits || strconv.FormatInt(parsed, 10) != value {
				return 0, nil, errs.New(errs.Unauthorized, "authenticate a notification of Stripe: its signature has no time")
			}

			at = parsed
			times++
		case "v1":
			signature, err := hex.DecodeString(value)
			if err == nil && len(signature) == sha256.Size {
				given = append(given, signature)
			}
		}
	}

	// Two times would leave open which was signed.
	if times != 1 || len(given) == 0 || len(given) > mostSignatures {
		return 0, nil, errs.New(errs.Unauthorized, "authenticate a notification of Stripe: it carries no signature")
	}

	return at, given, nil
}

// parseNotice reads which session an event is about. Events of other objects
// are of no order.
func parseNotice(body []byte) (payment.Notice, error) {
	var event struct {
		Data struct {
			Object session `json:"object"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &event); err != nil {
		return payment.Notice{}, errs.Wrap(err, errs.Invalid, "read an event of Stripe")
	}

	about := event.Data.Object
	if about.Object != "checkout.session" || !sound(about.ID) || about.Reference == "" {
		return payment.Notice{}, errs.New(errs.Invalid, "read an event of Stripe: it is of no session with an order")
	}

	return payment.Notice{Reference: about.Reference, Transaction: about.ID}, nil
}
