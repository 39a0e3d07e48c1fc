// Package httpapi provides what the functions behind the HTTP API have in
// common: the body of a call as it was sent, and an answer in JSON.
package httpapi

import (
	"encoding/base64"
	"net/http"

	"github.com/aws/aws-lambda-go/events"

	"github.com/lapak-id/lapak/shared/errs"
)

// Body gives the body of a call. Invalid where it is said to be base64 and is
// not: the HTTP API itself encodes, so that this never was a real call.
func Body(call events.APIGatewayV2HTTPRequest) ([]byte, error) {
	if !call.IsBase64Encoded {
		return []byte(call.Body), nil
	}

	body, err := base64.StdEncoding.DecodeString(call.Body)
	if err != nil {
		return nil, errs.Wrap(err, errs.Invalid, "read the body of a call as base64")
	}

	return body, nil
}

// BadRequest answers a call whose Body is none.
func BadRequest() events.APIGatewayV2HTTPResponse {
	return events.APIGatewayV2HTTPResponse{StatusCode: http.StatusBadRequest}
}

// JSON answers with a status and a body in JSON.
func JSON(status int, body []byte) events.APIGatewayV2HTTPResponse {
	return events.APIGatewayV2HTTPResponse{
		StatusCode: status, Headers: map[string]string{"content-type": "application/json"}, Body: string(body),
	}
}
