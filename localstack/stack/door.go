package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// door stands in for the HTTP API in front of the functions that it calls,
// where the emulator has none (LocalStack's community image). It listens on
// loopback and invokes the function with the event that the API would send.
type door struct {
	address  string
	server   *http.Server
	finished chan error
}

const (
	doorTimeout = 10 * time.Second // the API's own, in template.yaml
	largestBody = 10 << 20         // bytes; the API's own
)

func openDoor(ctx context.Context, client *lambda.Client, stack string) (*door, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen in place of the HTTP API: %w", err)
	}

	routes := http.NewServeMux()
	routes.HandleFunc("POST /telegram/{store}", forwarded(client, stack+"-webhook"))
	routes.HandleFunc("POST /callback/{gateway}/{store}", forwarded(client, stack+"-callback"))
	routes.HandleFunc("GET /healthz", forwarded(client, stack+"-api"))
	routes.HandleFunc("GET /status.json", forwarded(client, stack+"-api"))

	opened := &door{
		address:  "http://" + listener.Addr().String(),
		server:   &http.Server{Handler: routes, ReadHeaderTimeout: doorTimeout},
		finished: make(chan error, 1),
	}

	go func() { opened.finished <- opened.server.Serve(listener) }()

	return opened, nil
}

// forwarded answers with what a function answers.
func forwarded(client *lambda.Client, function string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer, err := forward(r, client, function)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)

			return
		}

		for name, value := range answer.Headers {
			w.Header().Set(name, value)
		}

		w.WriteHeader(answer.StatusCode)
		_, _ = io.WriteString(w, answer.Body) // who asked may be gone
	}
}

// forward invokes the function as an HTTP API does, payload format 2.0.
func forward(r *http.Request, client *lambda.Client, function string) (events.APIGatewayV2HTTPResponse, error) {
	var answer events.APIGatewayV2HTTPResponse

	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, largestBody))
	if err != nil {
		return answer, fmt.Errorf("read request: %w", err)
	}

	source, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return answer, fmt.Errorf("read address of the caller: %w", err)
	}

	headers := map[string]string{}
	for name, values := range r.Header {
		headers[strings.ToLower(name)] = strings.Join(values, ",")
	}

	event, err := json.Marshal(events.APIGatewayV2HTTPRequest{
		Version:        "2.0",
		RouteKey:       r.Pattern,
		RawPath:        r.URL.Path,
		RawQueryString: r.URL.RawQuery,
		Headers:        headers,
		PathParameters: map[string]string{"store": r.PathValue("store"), "gateway": r.PathValue("gateway")},
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			RouteKey: r.Pattern,
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{
				Method: r.Method, Path: r.URL.Path, Protocol: r.Proto, SourceIP: source, UserAgent: r.UserAgent(),
			},
		},
		Body: string(body),
	})
	if err != nil {
		return answer, fmt.Errorf("write event for %s: %w", function, err)
	}

	ctx, cancel := context.WithTimeout(r.Context(), doorTimeout)
	defer cancel()

	result, err := client.Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String(function), Payload: event})
	if err != nil {
		return answer, fmt.Errorf("invoke %s: %w", function, err)
	}

	if result.FunctionError != nil {
		return answer, fmt.Errorf("invoke %s: %s: %s", function, *result.FunctionError, result.Payload)
	}

	if err := json.Unmarshal(result.Payload, &answer); err != nil {
		return answer, fmt.Errorf("read answer of %s: %w", function, err)
	}

	return answer, nil
}

func (d *door) close() error {
	err := d.server.Close()

	if finished := <-d.finished; !errors.Is(finished, http.ErrServerClosed) {
		err = errors.Join(err, finished)
	}

	if err != nil {
		return fmt.Errorf("close what stands in for the HTTP API: %w", err)
	}

	return nil
}
