// Package message provides what is said in a chat, free of any library: the
// domain hands it out and shared/telegram sends it.
package message

// Address says where something is said: a message of a chat of a store's bot.
// Message is zero where a new one is meant.
type Address struct {
	Store   string
	Chat    int64
	Message int
}

// Text is a message as it is shown: Telegram's HTML, at most 4,096 UTF-16
// units once rendered, with rows of buttons below it.
type Text struct {
	HTML    string
	Buttons [][]Button
}

// Button is an inline button; Data, 1 to 64 bytes, comes back when it is
// tapped.
type Button struct {
	Text string
	Data string
}
