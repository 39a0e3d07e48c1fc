package shop_test

import (
	"fmt"
	"os"
	"strings"

	"github.com/lapak-id/lapak/shared/table"
)

// watched is the order of which the replay of a run tells everything.
func watched() string { return os.Getenv("ORDER") }

// tell prints a change of the order's rows as it is seen.
func (w *world) tell(change table.Change) {
	if id := watched(); id != "" && change.New != nil && strings.Contains(string(change.New.Body), id) {
		w.t.Logf("step %d: %s version %d: %s", w.steps, change.New.Key, change.New.Version, change.New.Body)
	}
}

// tellEnd prints what people see of the order, and what banks know.
func (w *world) tellEnd() {
	id := watched()
	if id == "" {
		return
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
