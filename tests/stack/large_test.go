package stack_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"

	"github.com/lapak-id/lapak/localstack/telegram/control"
)

// largeFile is more than the Bot API gives.
const largeFile = 48 << 20

// padded makes an MP4 large: a box of free space at its end, whose bytes tell
// two of them apart. Nothing of it is ever in memory.
func padded(film []byte, size int64, filler byte) io.Reader {
	const header = 8

	space := size - int64(len(film))
	box := binary.BigEndian.AppendUint32(nil, uint32(space)) //nolint:gosec // under 4 GB
	box = append(box, "free"...)

	return io.MultiReader(bytes.NewReader(film), bytes.NewReader(box), io.LimitReader(repeated(filler), space-header))
}

// repeated is a byte without end.
type repeated byte

// Read fills with the byte.
func (r repeated) Read(into []byte) (int, error) {
	for i := range into {
		into[i] = byte(r)
	}

	return len(into), nil
}

func (c *customer) sendsLarge(filler byte) {
	c.t.Helper()

	c.sendsContent(control.Upload{
		Kind: "video", Name: "film.mp4", Content: padded(sample(c.t, "video-en.mp4"), largeFile, filler),
	})
}

// calls counts the calls of a shop's bot to a method of Telegram's.
func (s shop) calls(t *testing.T, method string) int {
	t.Helper()

	found, err := people.Calls(t.Context(), s.BotID(), method, 0)
	if err != nil {
		t.Fatal(err)
	}

	return len(found)
}

// A file above what the Bot API gives comes by MTProto, and the bot logs in for
// the first one only.
func TestLargeFile(t *testing.T) {
	t.Parallel()

	shop := openShop(t)
	emma := shop.customer(t, "en")

	for filler := range byte(2) {
		emma.sendsLarge(filler)
		mustHave(t, words(emma.transcript()), "video-en.mp4")
	}

	// A call of a bot that is yet to log in is nobody's.
	if read := shop.calls(t, "messages.getMessages"); read != 0 {
		t.Errorf("the message of the file was read %d times, though its reference counted", read)
	}

	if asked := shop.calls(t, "getFile"); asked != 0 {
		t.Errorf("the Bot API was asked %d times for files that it does not give", asked)
	}
}

// What Telegram does while a large file comes: it ends the connection, asks to
// wait, and has the reference of the file expire.
func TestLargeFileThroughTrouble(t *testing.T) {
	t.Parallel()

	shop := openShop(t)
	emma := shop.customer(t, "en")

	for _, fault := range []control.Fault{
		{Kind: "drop_before", Skip: 20, Count: 2},
		{Kind: "error", Status: 420, Description: "FLOOD_WAIT_1", Skip: 40, Count: 3},
		{Kind: "error", Status: 400, Description: "FILE_REFERENCE_EXPIRED", Skip: 60},
		{Kind: "cut", Skip: 80},
	} {
		fault.Bot, fault.Method = shop.BotID(), "upload.getFile"

		if _, err := people.Fault(t.Context(), fault); err != nil {
			t.Fatal(err)
		}
	}

	emma.sendsLarge(2)
	mustHave(t, words(emma.transcript()), "video-en.mp4")

	if read := shop.calls(t, "messages.getMessages"); read == 0 {
		t.Error("the expired reference was not renewed from the message")
	}
}
