package worker

import (
	"github.com/lapak-id/lapak/shared/boot"
	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/opening"
	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/telegram"
)

// Opening makes what opens stores, with bots on the Bot API server at apiURL.
func Opening(
	base boot.Base, stores *store.Registry, vault secret.Vault, texts *chat.Catalog, apiURL string,
) *opening.Service {
	return opening.New(opening.Options{
		Stores: stores, Vault: vault, Menu: texts, Updates: chat.Updates(), Clock: base.Clock,
		Bot: func(token secret.Value) (opening.Bot, error) { return telegram.NewClient(apiURL, token) },
	})
}
