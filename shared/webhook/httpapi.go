package webhook

import (
	"context"
	"log/slog"
	"math"
	"strconv"

	"github.com/aws/aws-lambda-go/events"

	"github.com/lapak-id/lapak/shared/httpapi"
)

// SecretHeader is where Telegram puts the secret; an HTTP API hands header
// names over in lower case.
const SecretHeader = "x-telegram-bot-api-secret-token" //nolint:gosec // a name, no secret

// HTTP answers a call of the HTTP API's route POST /telegram/{store}.
func (h *Handler) HTTP(
	ctx context.Context, call events.APIGatewayV2HTTPRequest,
) (events.APIGatewayV2HTTPResponse, error) {
	body, err := httpapi.Body(call)
	if err != nil {
		slog.ErrorContext(ctx, "call refused: its body is not base64", "error", err)

		return httpapi.BadRequest(), nil
	}

	response := h.Serve(ctx, Request{
		Store:  call.PathParameters["store"],
		Secret: call.Headers[SecretHeader],
		Source: call.RequestContext.HTTP.SourceIP,
		Body:   body,
	})

	answer := httpapi.JSON(response.Status, response.Body)
	if response.Wait > 0 { // Telegram obeys it, chat by chat
		answer.Headers["retry-after"] = strconv.Itoa(int(math.Ceil(response.Wait.Seconds())))
	}

	return answer, nil
}
