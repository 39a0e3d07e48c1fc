package chat_test

import "testing"

// BenchmarkNewCatalog is part of the bot's cold start.
func BenchmarkNewCatalog(b *testing.B) {
	for b.Loop() {
		newCatalog(b)
	}
}
