package worker

import (
	"github.com/lapak-id/lapak/shared/alert"
	"github.com/lapak-id/lapak/shared/boot"
	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/user"
)

// Desk makes what tells people of troubles; runbooks is where their pages are,
// and may be empty.
func Desk(
	base boot.Base, state table.Table, stores *store.Registry, users *user.Repository, messenger alert.Messenger,
	texts *chat.Catalog, runbooks string,
) *alert.Desk {
	return alert.NewDesk(alert.Options{
		State: state, Stores: stores, Users: users, Messenger: messenger, Texts: texts, Clock: base.Clock, Runbooks: runbooks,
	})
}
