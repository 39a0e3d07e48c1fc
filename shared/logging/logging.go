// Package logging provides structured logs whose lines carry the ids of what
// is being worked on (request, store, update, job), so that one update can be
// followed through all functions.
package logging

import (
	"context"
	"io"
	"log/slog"
	"slices"
)

// attrsKey is the context key of the attributes that every line carries.
type attrsKey struct{}

// The names of the ids that lines carry.
const (
	Request = "request" // the Lambda request
	Store   = "store"
	Update  = "update" // Telegram's update_id
	Cause   = "cause"  // the outbox row that a message came from
	Job     = "job"
	Order   = "order"
	Ref     = "ref" // the reference that a person was shown
)

// With gives a context whose log lines carry the attributes, given as for
// slog: names and values by turns. An attribute takes the place of one of the
// same name, so that no line has a name twice.
func With(ctx context.Context, args ...any) context.Context {
	var record slog.Record

	record.Add(args...)

	attrs := slices.Clone(attrsOf(ctx))

	record.Attrs(func(attr slog.Attr) bool {
		attrs = slices.DeleteFunc(attrs, func(old slog.Attr) bool { return old.Key == attr.Key })
		attrs = append(attrs, attr)

		return true
	})

	return context.WithValue(ctx, attrsKey{}, attrs)
}

func attrsOf(ctx context.Context) []slog.Attr {
	attrs, _ := ctx.Value(attrsKey{}).([]slog.Attr)

	return attrs
}

// New makes a logger that writes one JSON line per record, with the
// attributes of the record's context.
func New(to io.Writer, level slog.Level) *slog.Logger {
	return slog.New(handler{slog.NewJSONHandler(to, &slog.HandlerOptions{Level: level})})
}

type handler struct{ slog.Handler }

func (h handler) Handle(ctx context.Context, record slog.Record) error {
	record.AddAttrs(attrsOf(ctx)...)

	return h.Handler.Handle(ctx, record) //nolint:wrapcheck // slog shows it to nobody
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs)}
}

func (h handler) WithGroup(name string) slog.Handler { return handler{h.Handler.WithGroup(name)} }
