package chat

import (
	"context"
	"encoding/json"

	"github.com/mymmrac/telego"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/queue"
)

// Deliver handles the update that a message of the updates queue carries.
func (c *Chat) Deliver(ctx context.Context, delivery queue.Delivery) error {
	var update telego.Update
	if err := json.Unmarshal(delivery.Body, &update); err != nil {
		return errs.Wrap(err, errs.Invalid, "read update %s of store %s",
			delivery.Attrs[queue.AttrCause], delivery.Attrs[queue.AttrStore])
	}

	return c.Handle(ctx, delivery.Attrs[queue.AttrStore], update, delivery.Attrs[queue.AttrCause], delivery.Attempt)
}
