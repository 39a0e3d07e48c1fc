package mtproto

import (
	"context"
	"errors"

	"github.com/gotd/td/constant"
	"github.com/gotd/td/fileid"
	"github.com/gotd/td/tg"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/transcript"
)

const (
	// maxFileID is far above any file_id, which have about 100 characters.
	maxFileID = 1 << 10
	// maxDC is the highest number that a data centre of Telegram may get; today
	// there are five.
	maxDC = 100
)

// location is where a file lies: which data centre, and its name there. The
// name holds a reference that expires.
type location struct {
	dc   int
	file tg.InputDocumentFileLocation
}

// locate reads a file_id of the Bot API. Invalid, with a sentence for the
// person, where it names nothing that can carry sound.
func locate(fileID string) (location, error) {
	if len(fileID) > maxFileID {
		return location{}, gone(errors.New("it is too long"), "read a file_id")
	}

	decoded, err := fileid.DecodeFileID(fileID)
	if err != nil {
		return location{}, gone(err, "read a file_id")
	}

	found, ok := decoded.AsInputFileLocation()
	if !ok || decoded.URL != "" {
		return location{}, gone(nil, "open a file that does not lie at Telegram")
	}

	document, ok := found.(*tg.InputDocumentFileLocation)
	if !ok || decoded.DC < 1 || decoded.DC > maxDC {
		return location{}, gone(nil, "open a %s of data centre %d, which is no document", decoded.Type, decoded.DC)
	}

	return location{dc: decoded.DC, file: *document}, nil
}

// gone is a file that Telegram will never give.
func gone(err error, format string, args ...any) error {
	return errs.Wrap(err, errs.Invalid, format, args...).Tell("error.file_gone", nil)
}

// locateAnew looks into the message for the file's present reference.
func locateAnew(ctx context.Context, api *tg.Client, of transcript.FileRef) (location, error) {
	answer, err := messageOf(ctx, api, of)
	if err != nil {
		return location{}, err
	}

	list, ok := answer.AsModified()
	if !ok {
		return location{}, errs.New(errs.Unavailable, "look for message %d: the answer holds no messages", of.Message)
	}

	for _, one := range list.GetMessages() {
		if found, ok := documentOf(one); ok && one.GetID() == of.Message {
			return location{dc: found.DCID, file: *found.AsInputDocumentFileLocation()}, nil
		}
	}

	return location{}, gone(nil, "look for the file of message %d: the message or its file is gone", of.Message)
}

func messageOf(ctx context.Context, api *tg.Client, of transcript.FileRef) (tg.MessagesMessagesClass, error) {
	wanted := []tg.InputMessageClass{&tg.InputMessageID{ID: of.Message}}

	peer := constant.TDLibPeerID(of.Chat)
	if !peer.IsChannel() {
		return api.MessagesGetMessages(ctx, wanted) //nolint:wrapcheck // explain judges it
	}

	// A bot needs no access hash for the channels that it is in.
	return api.ChannelsGetMessages(ctx, &tg.ChannelsGetMessagesRequest{ //nolint:wrapcheck // as above
		Channel: &tg.InputChannel{ChannelID: peer.ToPlain()}, ID: wanted,
	})
}

func documentOf(message tg.MessageClass) (*tg.Document, bool) {
	full, ok := message.(*tg.Message)
	if !ok {
		return nil, false
	}

	media, ok := full.Media.(*tg.MessageMediaDocument)
	if !ok {
		return nil, false
	}

	document, ok := media.Document.(*tg.Document)

	return document, ok
}
