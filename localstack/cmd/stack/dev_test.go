package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const (
	devToken = "123456789:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	aBot     = `{"ok":true,"result":{"id":123456789,"is_bot":true,"first_name":"Coba","username":"coba_bot"}}`

	unauthorized = `{"ok":false,"error_code":401,"description":"Unauthorized"}`
)

// A person who makes a mistake reads what it was, and never the token.
func TestDevSaysWhatIsWrong(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		token, owner, me, hook string
		says                   string // empty: all is well
	}{
		"all is well":        {devToken, "1001", aBot, "", ""},
		"no token":           {" ", "1001", aBot, "", "@BotFather"},
		"no owner":           {devToken, "", aBot, "", "OWNER"},
		"an owner's name":    {devToken, "@budi", aBot, "", "OWNER"},
		"half a token":       {"123456789", "1001", aBot, "", "does not look like"},
		"a revoked token":    {devToken, "1001", unauthorized, "", "does not know this token"},
		"no Telegram":        {devToken, "1001", "<html>", "", "not reached"},
		"a shop that is one": {devToken, "1001", aBot, "https://lapak.test/telegram/kopi", "https://lapak.test/telegram/kopi"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/getWebhookInfo") {
					_, _ = io.WriteString(w,
						`{"ok":true,"result":{"url":"`+c.hook+`","has_custom_certificate":false,"pending_update_count":0}}`)

					return
				}

				_, _ = io.WriteString(w, c.me)
			}))
			t.Cleanup(server.Close)

			store, err := devStoreOf(c.token, c.owner)
			if err == nil {
				store, err = meet(t.Context(), server.URL, store, false)
			}

			if c.says == "" {
				if err != nil || store.Username != "coba_bot" || store.Owner != 1001 {
					t.Errorf("got %q and %v", store.Username, err)
				}

				return
			}

			if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "AAAA") {
				t.Errorf("it says %v, want %q", err, c.says)
			}
		})
	}
}
