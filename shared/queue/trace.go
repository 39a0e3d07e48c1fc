package queue

import "context"

// traceKey is the context key of the trace header.
type traceKey struct{}

// WithTrace remembers the X-Ray trace header of the message or request being
// worked on, so that what follows from it carries the same one.
func WithTrace(ctx context.Context, header string) context.Context {
	return context.WithValue(ctx, traceKey{}, header)
}

// TraceOf gives the trace header that WithTrace has put into the context.
func TraceOf(ctx context.Context) string {
	header, _ := ctx.Value(traceKey{}).(string)

	return header
}
