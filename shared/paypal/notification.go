package paypal

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/payment"
	"github.com/lapak-id/lapak/shared/payment/call"
	"github.com/lapak-id/lapak/shared/store"
)

// Authenticate implements payment.Notifier: PayPal itself says whether it has
// signed a notification.
// https://developer.paypal.com/docs/api/webhooks/v1/#verify-webhook-signature
func (g *Gateway) Authenticate(ctx context.Context, of store.Store, notification payment.Notification) (payment.Notice, error) {
	keys, account, err := g.keys(ctx, of)
	if err != nil {
		return payment.Notice{}, err
	}

	question, err := question(account, notification)
	if err != nil {
		return payment.Notice{}, err
	}

	var verdict struct {
		Status string `json:"verification_status"`
	}

	err = g.call(ctx, account, keys, call.Request{
		Method: http.MethodPost, URL: g.base(account) + "/v1/notifications/verify-webhook-signature", Body: question, Again: true,
	}, &verdict)

	switch {
	case errs.Is(err, errs.Invalid) || errs.Is(err, errs.NotFound): // what it was asked makes no sense to it
		return payment.Notice{}, errs.Wrap(err, errs.Unauthorized, "authenticate a notification of PayPal")
	case err != nil: // our own secret may be refused: that says nothing of the caller
		return payment.Notice{}, errs.Wrap(err, errs.Unavailable, "authenticate a notification of PayPal")
	case verdict.Status != "SUCCESS":
		return payment.Notice{}, errs.New(errs.Unauthorized, "authenticate a notification of PayPal: it is not signed by PayPal")
	}

	return parseNotice(notification.Body)
}

// question asks PayPal about a notification. The body goes along byte for byte,
// for the signature is over it.
func question(account store.Account, notification payment.Notification) ([]byte, error) {
	if account.Hook == "" || !json.Valid(notification.Body) || !isObject(notification.Body) {
		return nil, errs.New(errs.Unauthorized, "authenticate a notification of PayPal: it is none, or the webhook has no id")
	}

	const longest = 500 // characters of the longest field

	fields := map[string]string{"webhook_id": account.Hook}

	for field, header := range map[string]string{
		"auth_algo": "paypal-auth-algo", "cert_url": "paypal-cert-url", "transmission_id": "paypal-transmission-id",
		"transmission_sig": "paypal-transmission-sig", "transmission_time": "paypal-transmission-time",
	} {
		fields[field] = notification.Headers[header]
		if fields[field] == "" || len(fields[field]) > longest {
			return nil, errs.New(errs.Unauthorized, "authenticate a notification of PayPal: no %s", header)
		}
	}

	text, err := json.Marshal(fields)
	if err != nil {
		return nil, errs.Wrap(err, errs.Internal, "ask PayPal about a notification")
	}

	text = append(bytes.TrimSuffix(text, []byte("}")), `,"webhook_event":`...)

	return append(append(text, notification.Body...), '}'), nil
}

func isObject(body []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) }

// parseNotice reads which order an event is about: the order itself, or a
// charge of one.
func parseNotice(body []byte) (payment.Notice, error) {
	var event struct {
		Type     string `json:"event_type"`
		Resource struct {
			ID     string `json:"id"`
			Custom string `json:"custom_id"`
			Units  []struct {
				Custom string `json:"custom_id"`
			} `json:"purchase_units"`
			Supplementary struct {
				Related struct {
					Order string `json:"order_id"`
				} `json:"related_ids"`
			} `json:"supplementary_data"`
		} `json:"resource"`
	}
	if err := json.Unmarshal(body, &event); err != nil {
		return payment.Notice{}, errs.Wrap(err, errs.Invalid, "read an event of PayPal")
	}

	resource := event.Resource
	id, custom := resource.ID, resource.Custom

	switch {
	case strings.HasPrefix(event.Type, "CHECKOUT.ORDER."):
		for _, unit := range resource.Units {
			custom = unit.Custom
		}
	case slices.Contains([]string{"PAYMENT.CAPTURE.COMPLETED", "PAYMENT.CAPTURE.PENDING", "PAYMENT.CAPTURE.DECLINED"}, event.Type):
		id = resource.Supplementary.Related.Order
	default:
		return payment.Notice{}, errs.New(errs.Invalid, "read an event of PayPal: %.64q is of no payment", event.Type)
	}

	// Its signature counts when the status is asked; here it only names.
	stands, _ := parseMark(custom)
	if !sound(id) || stands.reference == "" {
		return payment.Notice{}, errs.New(errs.Invalid, "read an event of PayPal: it is of no order of ours")
	}

	return payment.Notice{Reference: stands.reference, Transaction: id}, nil
}
