package chat_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/alert"
	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/health"
	"github.com/lapak-id/lapak/shared/store"
)

// doctor knows how stores do, and is asked to look.
type doctor struct {
	status map[string]health.Status
	asked  []health.Wish
}

func (d *doctor) Status(_ context.Context, of string) (health.Status, error) {
	return d.status[of], nil
}

func (d *doctor) Ask(_ context.Context, wish health.Wish) error {
	d.asked = append(d.asked, wish)

	return nil
}

func TestOwnersAskHowTheirStoresDo(t *testing.T) {
	t.Parallel()

	at := time.Date(2026, 11, 21, 7, 0, 5, 0, time.UTC)
	known := &doctor{status: map[string]health.Status{
		"teh": {At: at, Store: []health.Result{{
			Name: "webhook", Component: health.Chat, Store: "teh", State: health.Critical, Since: at.Add(-time.Hour),
			Words: alert.Keys{Title: "trouble.webhook_title", Detail: "trouble.waiting", Args: errs.Args{
				"Of": "", "Count": 1051.0, "Error": "Connection <refused>",
			}},
		}}, Platform: []health.Result{
			{Name: "table", Component: health.Storage, Of: "state", State: health.OK},
			{Name: "speech", Component: health.Transcription, Of: "groq", State: health.Unknown},
		}},
		"": {},
	}}

	w := newOffice(t, func(options *chat.Options) { options.Health = known })

	w.says(ani, "id", "/status")
	require.Contains(t, w.phone.message(0).HTML, "Teh &lt;Wangi&gt;", "who owns one store is shown that")
	require.Contains(t, w.phone.message(0).HTML, "Diperiksa 21 Nov 14.00.05")
	require.Contains(t, w.phone.message(0).HTML, "🔴 Bot\n⚪ Transkrip\n🟢 Penyimpanan")
	require.Contains(t, w.phone.message(0).HTML, "1.051 pesan tertahan di Telegram")
	require.Contains(t, w.phone.message(0).HTML, "Connection &lt;refused&gt;")

	w.says(ani, "id", "tap looknow:teh")
	require.Len(t, known.asked, 1)
	require.Equal(t, "teh", known.asked[0].Store)
	require.Equal(t, store.OwnerBot, known.asked[0].Bot)
	require.EqualValues(t, ani, known.asked[0].Chat)
	require.Equal(t, "id", known.asked[0].Language)

	// A button that somebody made up shows no other's store, nor the platform.
	for _, data := range []string{"tap looknow:demo", "tap looknow:", "tap status:demo", "tap status:"} {
		w.says(ani, "id", data)
	}

	require.Len(t, known.asked, 1)

	w.says(operator, "en", "/status")
	require.Contains(t, w.phone.message(0).HTML, "How does which one do?")
	w.says(operator, "en", "tap status:")
	require.Contains(t, w.phone.message(0).HTML, "Nobody has looked yet")
	w.says(operator, "en", "tap looknow:")
	require.Len(t, known.asked, 2)
	require.Empty(t, known.asked[1].Store)
}

// However much is wrong, the status is a message that Telegram takes.
func TestAStatusIsAlwaysAMessage(t *testing.T) {
	t.Parallel()

	var status health.Status

	status.At = time.Now()
	for number := range 200 {
		status.Platform = append(status.Platform, health.Result{
			Name: "queue-depth", Component: health.Processing, Of: fmt.Sprint(number), State: health.Warning,
			Title: strings.Repeat("<&>", 30), Detail: strings.Repeat("<&>", 1000),
		})
	}

	text := newCatalog(t).Status("id", store.Store{}, status)
	require.Less(t, len([]rune(text.HTML)), 4096*5, "escaped")
	require.Contains(t, text.HTML, "… dan 190 lagi")
}
