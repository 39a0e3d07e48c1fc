package mtproto

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/gotd/td/bin"
	"github.com/gotd/td/tg"
	"github.com/gotd/td/tgerr"
	"github.com/gotd/td/tgtest"
)

// call is one call of a client, decoded.
type call struct {
	ctx    context.Context //nolint:containedctx // the life of the server
	server *tgtest.Server
	req    *tgtest.Request
	key    authKey
	bot    int64 // 0: nobody has logged in
}

// method is one method of the API.
type method struct {
	name   string
	decode func() bin.Decoder
	public bool // needs no login
	answer func(s *Server, c call, request bin.Decoder) (bin.Encoder, error)
}

// answered makes a method of its handler.
func answered[Request bin.Decoder](
	name string, empty func() Request, public bool, answer func(s *Server, c call, request Request) (bin.Encoder, error),
) method {
	return method{
		name: name, public: public,
		decode: func() bin.Decoder { return empty() },
		answer: func(s *Server, c call, request bin.Decoder) (bin.Encoder, error) {
			decoded, ok := request.(Request)
			if !ok { // decode made it
				return nil, refuse(http.StatusInternalServerError, "REQUEST_OF_ANOTHER_KIND")
			}

			return answer(s, c, decoded)
		},
	}
}

// refuse is an error that the client is sent.
func refuse(code int, text string) error {
	return tgerr.New(code, text) //nolint:wrapcheck // it goes to the client as it is
}

// methods are what a data centre answers. Calls are answered beside the
// connection's reading, so that a slow one does not hold up the next.
func (s *Server) methods(ctx context.Context) *tgtest.Dispatcher {
	dispatcher := tgtest.NewDispatcher()
	dispatcher.Fallback(tgtest.HandlerFunc(func(*tgtest.Server, *tgtest.Request) error {
		return refuse(http.StatusBadRequest, "INPUT_METHOD_INVALID")
	}))

	for id, one := range map[uint32]method{
		tg.HelpGetConfigRequestTypeID: answered("help.getConfig",
			func() *tg.HelpGetConfigRequest { return new(tg.HelpGetConfigRequest) }, true, (*Server).getConfig),
		tg.AuthImportBotAuthorizationRequestTypeID: answered("auth.importBotAuthorization",
			func() *tg.AuthImportBotAuthorizationRequest { return new(tg.AuthImportBotAuthorizationRequest) }, true, (*Server).login),
		tg.AuthExportAuthorizationRequestTypeID: answered("auth.exportAuthorization",
			func() *tg.AuthExportAuthorizationRequest { return new(tg.AuthExportAuthorizationRequest) }, false, (*Server).export),
		tg.AuthImportAuthorizationRequestTypeID: answered("auth.importAuthorization",
			func() *tg.AuthImportAuthorizationRequest { return new(tg.AuthImportAuthorizationRequest) }, true, (*Server).adopt),
		tg.UsersGetUsersRequestTypeID: answered("users.getUsers",
			func() *tg.UsersGetUsersRequest { return new(tg.UsersGetUsersRequest) }, false, (*Server).getUsers),
		tg.UploadGetFileRequestTypeID: answered("upload.getFile",
			func() *tg.UploadGetFileRequest { return new(tg.UploadGetFileRequest) }, false, (*Server).getFile),
		tg.MessagesGetMessagesRequestTypeID: answered("messages.getMessages",
			func() *tg.MessagesGetMessagesRequest { return new(tg.MessagesGetMessagesRequest) }, false, (*Server).getMessages),
		tg.ChannelsGetMessagesRequestTypeID: answered("channels.getMessages",
			func() *tg.ChannelsGetMessagesRequest { return new(tg.ChannelsGetMessagesRequest) }, false, (*Server).getChannelMessages),
	} {
		dispatcher.HandleFunc(id, func(server *tgtest.Server, req *tgtest.Request) error {
			request := one.decode()
			if err := request.Decode(req.Buf); err != nil {
				return refuse(http.StatusBadRequest, "INPUT_REQUEST_INVALID")
			}

			s.calls.Go(func() { s.handle(ctx, server, req, one, request) })

			return nil
		})
	}

	return dispatcher
}

// handle answers one call.
func (s *Server) handle(ctx context.Context, server *tgtest.Server, req *tgtest.Request, one method, request bin.Decoder) {
	c := call{ctx: ctx, server: server, req: req, key: authKey{dc: req.DC, id: req.Session.AuthKey.ID}}

	s.mu.Lock()
	c.bot = s.keys[c.key]
	s.mu.Unlock()

	if _, known := s.world.BotByID(c.bot); !known {
		c.bot = 0
	}

	result, err := s.result(c, one, request)
	if errors.Is(err, errDrop) {
		server.ForceDisconnect(req.Session)

		return
	}

	s.world.Called(c.bot, one.name, err)

	if refusal, ok := tgerr.As(err); ok {
		err = server.SendErr(req, refusal)
	} else if err == nil {
		err = server.SendResult(req, result)
	}

	if err != nil && ctx.Err() == nil {
		s.log.InfoContext(ctx, "a call was not answered", "method", one.name, "error", err)
	}
}

var errDrop = errors.New("the connection is to end")

func (s *Server) result(c call, one method, request bin.Decoder) (bin.Encoder, error) {
	fault := s.world.Spoil(c.bot, one.name)
	if fault == nil {
		fault = &Fault{}
	}

	pause := time.NewTimer(fault.Delay)
	defer pause.Stop()

	select {
	case <-pause.C:
	case <-c.ctx.Done():
		return nil, errDrop
	}

	switch {
	case fault.Drop:
		return nil, errDrop
	case fault.Refusal != nil:
		return nil, fault.Refusal
	case c.bot == 0 && !one.public:
		return nil, refuse(http.StatusUnauthorized, "AUTH_KEY_UNREGISTERED")
	}

	result, err := one.answer(s, c, request)
	file, ok := result.(*tg.UploadFile)

	switch {
	case ok && fault.Short:
		file.Bytes = file.Bytes[:len(file.Bytes)/2]
	case ok && fault.Strange:
		return &tg.UploadFileCDNRedirect{DCID: c.key.dc, FileToken: []byte("token"), EncryptionKey: []byte("key")}, nil
	}

	return result, err
}

func (s *Server) getConfig(c call, _ *tg.HelpGetConfigRequest) (bin.Encoder, error) {
	now := int(time.Now().Unix())

	return &tg.Config{ThisDC: c.key.dc, DCOptions: s.options, Date: now, Expires: now + int(time.Hour/time.Second)}, nil
}

func (s *Server) login(c call, r *tg.AuthImportBotAuthorizationRequest) (bin.Encoder, error) {
	if r.APIID <= 0 || r.APIHash == "" {
		return nil, refuse(http.StatusBadRequest, "API_ID_INVALID")
	}

	bot, ok := s.world.Bot(r.BotAuthToken)
	if !ok {
		return nil, refuse(http.StatusBadRequest, "ACCESS_TOKEN_INVALID")
	}

	s.mu.Lock()
	s.keys[c.key] = bot.ID
	s.mu.Unlock()

	return &tg.AuthAuthorization{User: bot.user()}, nil
}

func (b Bot) user() *tg.User {
	user := &tg.User{ID: b.ID, Self: true, Bot: true, FirstName: b.FirstName, Username: b.Username}
	user.SetFlags()

	return user
}

func (s *Server) export(c call, r *tg.AuthExportAuthorizationRequest) (bin.Encoder, error) {
	if r.DCID != Home && r.DCID != Other {
		return nil, refuse(http.StatusBadRequest, "DC_ID_INVALID")
	}

	ticket := rand.Text()

	s.mu.Lock()
	s.exported[ticket] = c.bot
	s.mu.Unlock()

	return &tg.AuthExportedAuthorization{ID: c.bot, Bytes: []byte(ticket)}, nil
}

func (s *Server) adopt(c call, r *tg.AuthImportAuthorizationRequest) (bin.Encoder, error) {
	s.mu.Lock()
	id, known := s.exported[string(r.Bytes)]
	delete(s.exported, string(r.Bytes))

	if known && id == r.ID {
		s.keys[c.key] = id
	}
	s.mu.Unlock()

	bot, ok := s.world.BotByID(id)
	if !known || id != r.ID || !ok {
		return nil, refuse(http.StatusBadRequest, "AUTH_BYTES_INVALID")
	}

	return &tg.AuthAuthorization{User: bot.user()}, nil
}

func (s *Server) getUsers(c call, r *tg.UsersGetUsersRequest) (bin.Encoder, error) {
	users := &tg.UserClassVector{}

	for _, one := range r.ID {
		if _, self := one.(*tg.InputUserSelf); !self {
			return nil, refuse(http.StatusBadRequest, "USER_ID_INVALID")
		}

		bot, _ := s.world.BotByID(c.bot)
		users.Elems = append(users.Elems, bot.user())
	}

	return users, nil
}

// getFile gives a part of a file, by the rules of
// https://core.telegram.org/api/files#downloading-files
func (s *Server) getFile(c call, r *tg.UploadGetFileRequest) (bin.Encoder, error) {
	const block, border = 4 << 10, 1 << 20

	at, ok := r.Location.(*tg.InputDocumentFileLocation)

	switch {
	case !ok || at.ThumbSize != "":
		return nil, refuse(http.StatusBadRequest, "LOCATION_INVALID")
	case r.Offset < 0 || r.Offset%block != 0:
		return nil, refuse(http.StatusBadRequest, "OFFSET_INVALID")
	case r.Limit <= 0 || r.Limit%block != 0 || border%r.Limit != 0, r.Offset/border != (r.Offset+int64(r.Limit)-1)/border:
		return nil, refuse(http.StatusBadRequest, "LIMIT_INVALID")
	}

	found, ok := s.world.Document(c.bot, at.ID, at.AccessHash)

	switch {
	case !ok:
		return nil, refuse(http.StatusBadRequest, "FILE_ID_INVALID")
	case found.DC != c.key.dc:
		return nil, refuse(http.StatusSeeOther, fmt.Sprintf("FILE_MIGRATE_%d", found.DC))
	case string(found.Reference) != string(at.FileReference):
		return nil, refuse(http.StatusBadRequest, "FILE_REFERENCE_EXPIRED")
	}

	part, err := found.part(r.Offset, r.Limit)
	if err != nil {
		s.log.ErrorContext(c.ctx, "a file could not be read", "error", err)

		return nil, refuse(http.StatusInternalServerError, "FILE_READ_FAILED")
	}

	return &tg.UploadFile{Type: &tg.StorageFilePartial{}, Bytes: part}, nil
}

// part reads a part of a file: less than asked for at its end, nothing behind.
func (d Document) part(offset int64, limit int) ([]byte, error) {
	content, err := d.Open()
	if err != nil {
		return nil, fmt.Errorf("open a file: %w", err)
	}
	defer content.Close()

	if _, err := content.Seek(offset, io.SeekStart); err != nil {
		return nil, fmt.Errorf("go to byte %d of a file: %w", offset, err)
	}

	part := make([]byte, max(0, min(int64(limit), d.Size-offset)))
	if _, err := io.ReadFull(content, part); err != nil {
		return nil, fmt.Errorf("read byte %d of a file: %w", offset, err)
	}

	return part, nil
}

func (s *Server) getMessages(c call, r *tg.MessagesGetMessagesRequest) (bin.Encoder, error) {
	return &tg.MessagesMessages{Messages: s.messages(c, 0, r.ID)}, nil
}

func (s *Server) getChannelMessages(c call, r *tg.ChannelsGetMessagesRequest) (bin.Encoder, error) {
	channel, ok := r.Channel.(*tg.InputChannel)
	if !ok {
		return nil, refuse(http.StatusBadRequest, "CHANNEL_INVALID")
	}

	return &tg.MessagesChannelMessages{Messages: s.messages(c, channel.ChannelID, r.ID)}, nil
}

func (s *Server) messages(c call, channel int64, wanted []tg.InputMessageClass) []tg.MessageClass {
	var found []tg.MessageClass

	for _, one := range wanted {
		id, ok := one.(*tg.InputMessageID)
		if !ok {
			continue
		}

		document, ok := s.world.DocumentOf(c.bot, channel, id.ID)
		if !ok {
			found = append(found, &tg.MessageEmpty{ID: id.ID})

			continue
		}

		message := &tg.Message{
			ID: id.ID, Date: int(document.Date), PeerID: &tg.PeerUser{UserID: c.bot},
			Media: &tg.MessageMediaDocument{Document: &tg.Document{
				ID: document.ID, AccessHash: document.AccessHash, FileReference: document.Reference,
				Date: int(document.Date), MimeType: document.MIME, Size: document.Size, DCID: document.DC,
			}},
		}
		found = append(found, message)
	}

	return found
}
