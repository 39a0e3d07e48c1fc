package callback

import (
	"context"
	"log/slog"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"github.com/lapak-id/lapak/shared/httpapi"
)

// HTTP answers a call of the HTTP API's route POST /callback/{gateway}/{store}.
func (h *Handler) HTTP(
	ctx context.Context, call events.APIGatewayV2HTTPRequest,
) (events.APIGatewayV2HTTPResponse, error) {
	body, err := httpapi.Body(call)
	if err != nil {
		slog.ErrorContext(ctx, "call refused: its body is not base64", "error", err)

		return httpapi.BadRequest(), nil
	}

	// The HTTP API hands names over in lower case; what stands in for it locally
	// may not.
	headers := make(map[string]string, len(call.Headers))
	for name, value := range call.Headers {
		headers[strings.ToLower(name)] = value
	}

	response := h.Serve(ctx, Request{
		Store:   call.PathParameters["store"],
		Gateway: call.PathParameters["gateway"],
		Headers: headers,
		Body:    body,
	})

	return httpapi.JSON(response.Status, response.Body), nil
}
