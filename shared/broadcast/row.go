package broadcast

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/table"
)

// keep is how long it is known who got a campaign.
const keep = 90 * 24 * time.Hour

// place is where the rows of one campaign are.
type place struct {
	tenant table.Tenant
	id     string
}

func placeOf(store, id string) (place, error) {
	tenant, err := table.TenantOf(store)
	if err != nil {
		return place{}, err
	}

	if id == "" || len(id) > maxID {
		return place{}, errs.New(errs.Invalid, "the id of a broadcast has %d bytes: use 1 to %d", len(id), maxID)
	}

	return place{tenant: tenant, id: id}, nil
}

const maxID = 64

// campaigns are all of a store, openCampaigns those that the clock looks after.
func campaigns(tenant table.Tenant) table.Partition { return tenant.Partition("broadcasts") }

func openCampaigns(tenant table.Tenant) table.Partition { return tenant.Partition("open-broadcasts") }

func (p place) campaign() table.Key { return campaigns(p.tenant).Key("campaign", p.id) }

// work holds the plan, the counters and the pages that are not done yet.
func (p place) work() table.Partition { return p.tenant.Partition("broadcast", p.id) }
func (p place) plan() table.Key       { return p.work().Key("plan") }

func (p place) count(of outcome) table.Key { return p.work().Key("count", string(of)) }

func (p place) page(number int) table.Key { return p.work().Key(pageKind, fmt.Sprintf("%07d", number)) }

const pageKind = "page"

// target stands with its person: one of each campaign, whatever page names them.
func (p place) target(user int64) table.Key {
	return p.tenant.Partition("user", strconv.FormatInt(user, 10)).Key("broadcast", p.id)
}

// row makes the row of a campaign; it stands in the index while it has a moment
// at which the clock looks after it.
func (c *Campaign) row(version int64) (table.Row, error) {
	at, err := placeOf(c.Store, c.ID)
	if err != nil {
		return table.Row{}, err
	}

	body, err := table.Encode(c)
	if err != nil {
		return table.Row{}, err
	}

	row := table.Row{Key: at.campaign(), Version: version, Body: body}
	if !c.Due.IsZero() {
		row.Index = openCampaigns(at.tenant).Due(c.Due, c.ID)
	}

	return row, nil
}

// plan is how far planning is.
type plan struct {
	Cursor string `json:"cursor,omitempty"` // of People
	Pages  int    `json:"pages"`
	People int    `json:"people"`
	Done   bool   `json:"done,omitempty"`
}

// page is some targets, seen to together by one lane at a time. Its row is there
// until all of them are.
type page struct {
	Users []int64   `json:"users"`
	Begun bool      `json:"begun,omitempty"` // a lane was at it: its targets may stand anywhere
	Lease time.Time `json:"lease,omitzero"`  // a lane is at it until then, unless it renews
}

// target is what became of one person. It is sent to only after it was claimed,
// so that one found Processing may or may not have got the message: see settle.
type target struct {
	State   outcome   `json:"state"`
	At      time.Time `json:"at,omitzero"`       // when it was claimed
	Known   int       `json:"known,omitempty"`   // the bot's highest message id known then; 0: none
	Message int       `json:"message,omitempty"` // where it was sent
	Tries   int       `json:"tries,omitempty"`
}

// outcome is the state of a target.
type outcome string

// The states of a target. The last four are final.
const (
	pending    outcome = "pending"
	processing outcome = "processing"
	sent       outcome = "sent"
	failed     outcome = "failed"
	blocked    outcome = "blocked"
	unsure     outcome = "unsure"
)

func (o outcome) final() bool { return o != pending && o != processing }

// Message is the body of a message of the broadcasts queue.
type Message struct {
	Task     Task   `json:"task"`
	Store    string `json:"store"`
	Campaign string `json:"campaign"`
	Round    int    `json:"round,omitempty"` // Plan, Send: nothing is done in a later one
	Lane     int    `json:"lane,omitempty"`  // Send
	Turn     int    `json:"turn,omitempty"`  // Plan, Send: counts how often it was handed on
}

// Task is what a message of the broadcasts queue asks for.
type Task string

// The tasks.
const (
	Plan   Task = "plan"   // write down who gets it
	Send   Task = "send"   // send it, as one of some lanes
	Clear  Task = "clear"  // count and remove what a cancelled campaign has left
	Report Task = "report" // tell the author how it went
)

// encode gives the body; a struct of texts and numbers has no way to fail.
func (m Message) encode() json.RawMessage {
	body, _ := json.Marshal(m) //nolint:errchkjson // texts and numbers only

	return body
}
