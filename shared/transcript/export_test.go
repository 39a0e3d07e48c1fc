package transcript

// Letters is letters.
func Letters(text string) string { return letters(text) }
