package callback

import (
	"context"
	"encoding/base64"
	"log/slog"
	"net/http"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// HTTP answers a call of the HTTP API's route POST /callback/{gateway}/{store}.
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

	return events.APIGatewayV2HTTPResponse{
		StatusCode: response.Status,
		Headers:    map[string]string{"content-type": "application/json"},
		Body:       string(response.Body),
	}, nil
}
