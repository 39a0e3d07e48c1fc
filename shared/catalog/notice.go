package catalog

import (
	"encoding/json"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/outbox"
	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/user"
)

// textLanguage is the language of names where no person's is known.
const textLanguage = "id"

// notice asks the delivery of orders to tell somebody something: it is an
// order.Message of the task Notify, which this package cannot name, since
// orders build on the catalog. A test holds the two together.
type notice struct {
	Store string          `json:"store"`
	User  int64           `json:"user"`
	May   user.Permission `json:"may,omitempty"`
	Text  string          `json:"text"`
	Args  errs.Args       `json:"args,omitempty"`
}

// op gives the outbox row that has it told; cause names it.
func (n notice) op(cause string, now time.Time) (table.Op, error) {
	body, err := json.Marshal(struct {
		notice

		Task string `json:"task"`
	}{n, "notify"})
	if err != nil {
		return table.Op{}, errs.Wrap(err, errs.Internal, "encode notice %s", n.Text)
	}

	return outbox.Op(outbox.Entry{ID: cause, Store: n.Store, Queue: queue.Deliveries, Body: body, CreatedAt: now})
}
