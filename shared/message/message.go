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
// tapped. URL opens a page instead.
type Button struct {
	Text string
	Data string
	URL  string
}

// Photo is a picture with a caption of at most 1,024 UTF-16 units: what it
// shows is either Content (PNG or JPEG) or a file that Telegram has, FileID.
type Photo struct {
	Content []byte
	FileID  string
	Caption Text
}

// Document is a file that Telegram has, with a caption.
type Document struct {
	FileID  string
	Caption Text
}

// StarsInvoice asks for a payment in Telegram Stars. Telegram gives Payload, 1
// to 128 bytes, back with the payment.
type StarsInvoice struct {
	Title       string // at most 32 characters
	Description string // at most 255
	Payload     string
	Stars       int64
	// Pay is what the button to pay says where Buttons stand below it; without
	// any, Telegram words it.
	Pay     string
	Buttons [][]Button
}
