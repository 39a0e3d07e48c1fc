package webhook

import (
	"context"
	"encoding/base64"
	"log/slog"
	"net/http"

	"github.com/aws/aws-lambda-go/events"
)

// secretHeader is where Telegram puts the secret; an HTTP API hands header
// names over in lower case.
const secretHeader = "x-telegram-bot-api-secret-token" //nolint:gosec // a name, no secret

// HTTP answers a call of the HTTP API's route POST /telegram/{store}.
func (h *Handler) HTTP(
	ctx context.Context, call events.APIGatewayV2HTTPRequest,
) (events.APIGatewayV2HTTPResponse, error) {
	body := []byte(call.Body)

	if call.IsBase64Encoded {
		decoded, err := base64.StdEncoding.DecodeString(call.Body)
		if err != nil { // the HTTP API itself encodes: this never was a real call
			slog.ErrorContext(ctx, "call refused: its body is not base64", "error", err)

			return events.APIGatewayV2HTTPResponse{StatusCode: http.StatusBadRequest}, nil
		}

		body = decoded
	}

	response := h.Serve(ctx, Request{
		Store:  call.PathParameters["store"],
		Secret: call.Headers[secretHeader],
		Source: call.RequestContext.HTTP.SourceIP,
		Body:   body,
	})

	return events.APIGatewayV2HTTPResponse{
		StatusCode: response.Status,
		Headers:    map[string]string{"content-type": "application/json"},
		Body:       string(response.Body),
	}, nil
}
