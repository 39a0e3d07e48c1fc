package webhook

import (
	_ "embed"
	"encoding/json"
	"strings"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/store"
)

// urgentTexts are the few sentences that are said from here. The bot's own
// catalogs would cost every cold start of the webhook.
//
//go:embed locales/urgent.json
var urgentTexts []byte

// preCheckout is the kind of update that must be answered within 10 seconds,
// or Telegram cancels the payment.
const preCheckout = "pre_checkout_query"

// checkoutQuery is what is read of one.
type checkoutQuery struct {
	ID   string `json:"id"`
	From struct {
		Language string `json:"language_code"`
	} `json:"from"`
}

// checkoutReply is a call that Telegram makes for us when it stands in the
// answer of a webhook: https://core.telegram.org/bots/api#making-requests-when-getting-updates
type checkoutReply struct {
	Method       string `json:"method"`
	QueryID      string `json:"pre_checkout_query_id"`
	OK           bool   `json:"ok"`
	ErrorMessage string `json:"error_message,omitempty"`
}

// NoCheckout declines every checkout at once, in the payer's language: nothing
// is sold yet, so that none can be meant.
func NoCheckout() (Urgent, error) {
	var texts map[string]map[string]string
	if err := json.Unmarshal(urgentTexts, &texts); err != nil {
		return nil, errs.Wrap(err, errs.Internal, "read the texts of urgent answers")
	}

	closed := texts["checkout_closed"]

	return func(kind string, content []byte) (any, bool) {
		if kind != preCheckout {
			return nil, false
		}

		var query checkoutQuery
		if err := json.Unmarshal(content, &query); err != nil || query.ID == "" {
			return nil, false // malformed: the bot logs what it was
		}

		language, _, _ := strings.Cut(query.From.Language, "-")

		text, ok := closed[language]
		if !ok {
			text = closed[store.DefaultLanguage]
		}

		return checkoutReply{Method: "answerPreCheckoutQuery", QueryID: query.ID, ErrorMessage: text}, true
	}, nil
}
