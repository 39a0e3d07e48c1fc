package order

import (
	"encoding/json"

	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/user"
)

// Task is what a message of the payments queue asks for.
type Task string

// The tasks of the payments queue.
const (
	MakeBill   Task = "bill"   // make a bill for an order
	CheckBill  Task = "check"  // ask the gateways of an order's bills
	CloseBill  Task = "close"  // cancel the bills of an order that is closed
	PayBack    Task = "refund" // give the money back through the gateway
	TakeStars  Task = "stars"  // settle a payment that Telegram has reported to the bot
	TakeManual Task = "manual" // settle a payment that an admin has confirmed
	TakeNotice Task = "notice" // look into a gateway's notification
)

// The tasks of the deliveries queue.
const (
	ShowBill    Task = "show-bill"    // show how to pay, in the order's living message
	ShowOutcome Task = "show-outcome" // put the order's state in the place of its bill
	SendGoods   Task = "goods"        // send what was bought
	SendTerms   Task = "terms"        // send the terms of a product
	Notify      Task = "notify"       // tell a person something: Text
)

// Message is the body of a message about an order. Task is never empty: this
// tells it from the messages of transcripts, which share the deliveries queue.
type Message struct {
	Ref

	Task Task `json:"task"`

	Try     int      `json:"try,omitempty"`     // how often the gateway was asked after this notice
	Cause   string   `json:"cause,omitempty"`   // of a repeated wish, such as sending again
	Product string   `json:"product,omitempty"` // SendTerms
	Units   []string `json:"units,omitempty"`   // SendGoods: only these; empty: all of the order
	Receipt *Receipt `json:"receipt,omitempty"` // TakeStars, TakeManual
	// Gateway and Transaction are what a notification names: TakeNotice. They
	// count for nothing before the gateway's own status agrees.
	Gateway     string `json:"gateway,omitempty"`
	Transaction string `json:"transaction,omitempty"`
	Text        string `json:"text,omitempty"`  // Notify: catalog key
	Photo       string `json:"photo,omitempty"` // Notify: a picture that Telegram has, with the text below it
	// May has Notify tell everybody who may do this, instead of the person.
	May  user.Permission `json:"may,omitempty"`
	Args map[string]any  `json:"args,omitempty"`
}

// Asks reports whether a message of the deliveries queue is about an order.
func Asks(delivery queue.Delivery) bool {
	var asked Message

	return json.Unmarshal(delivery.Body, &asked) == nil && asked.Task != ""
}
