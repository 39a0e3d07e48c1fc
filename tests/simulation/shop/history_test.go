package shop_test

import (
	"fmt"
	"os"
	"strings"
)

// tellHistory prints, for the replay of a run, all that happened to what ORDER
// names: its rows one after the other, what people see and what banks know.
func (w *world) tellHistory() {
	id := os.Getenv("ORDER")
	if id == "" {
		return
	}

	changes, err := w.state.Changes("")
	w.must(err)

	for _, change := range changes {
		if row := change.New; row != nil && strings.Contains(string(row.Body), id) {
			w.t.Logf("%s version %d: %s", row.Key, row.Version, row.Body)
		}
	}

	for key, texts := range w.people.chats {
		for number, text := range texts {
			if strings.Contains(text, id) {
				w.t.Logf("chat %v, message %d: %s", key, number+1, text)
			}
		}
	}

	for _, bank := range w.banks {
		for _, known := range bank.transactions {
			if text := fmt.Sprintf("%+v", *known); strings.Contains(text, id) {
				w.t.Logf("bank %s: %s", bank.name, text)
			}
		}
	}
}
