package telegram

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/gotd/td/tgerr"

	"github.com/lapak-id/lapak/localstack/telegram/control"
	"github.com/lapak-id/lapak/localstack/telegram/mtproto"
)

// mtprotoMethods are the methods of MTProto that faults can spoil.
var mtprotoMethods = []string{
	"help.getConfig", "auth.importBotAuthorization", "auth.exportAuthorization", "auth.importAuthorization",
	"users.getUsers", "upload.getFile", "messages.getMessages", "channels.getMessages",
}

// SpeakMTProto speaks MTProto on a listener, and as another data centre on a
// port of its own, until Close. Bots fetch files of any size there. It closes
// the listener.
func (s *Server) SpeakMTProto(listener net.Listener) error {
	key, err := s.store.serverKey()
	if err != nil {
		return errors.Join(err, listener.Close())
	}

	public := pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&key.PublicKey)})

	s.mu.Lock()
	s.mtproto = control.MTProto{Address: listener.Addr().String(), PublicKey: string(public)}
	s.mu.Unlock()

	s.work.Go(func() {
		if err := mtproto.New(key, (*mtprotoWorld)(s), s.log).Serve(s.done, listener); err != nil {
			s.log.Error("MTProto is not spoken any more", "error", err)
		}
	})

	return nil
}

// serverKey gives the key that the data centres prove themselves by. It is made
// once for each state folder.
func (st *store) serverKey() (*rsa.PrivateKey, error) {
	const name, kind, bits = "mtproto.pem", "RSA PRIVATE KEY", 2048

	text, err := st.root.ReadFile(name)

	if block, _ := pem.Decode(text); err == nil && block != nil {
		key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("read the MTProto key %s: %w; remove the file to make another", name, err)
		}

		return key, nil
	}

	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the MTProto key: %w", err)
	}

	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return nil, fmt.Errorf("make the MTProto key: %w", err)
	}

	text = pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: x509.MarshalPKCS1PrivateKey(key)})
	if err := st.root.WriteFile(name, text, 0o600); err != nil {
		return nil, fmt.Errorf("keep the MTProto key: %w", err)
	}

	return key, nil
}

// controlMTProto tells where MTProto is spoken, and changes how files are there.
func (s *Server) controlMTProto(_ context.Context, r struct {
	DC               int  `json:"dc"`
	ExpireReferences bool `json:"expire_references"`
},
) (control.MTProto, error) {
	if r.DC != 0 && r.DC != mtproto.Home && r.DC != mtproto.Other {
		return control.MTProto{}, refuse(http.StatusBadRequest, "data centre %d is neither %d nor %d", r.DC, mtproto.Home, mtproto.Other)
	}

	s.world.FileDC = cmp.Or(r.DC, s.world.FileDC)
	if r.ExpireReferences {
		s.world.References++
	}

	s.touch()

	told := s.mtproto
	told.DC, told.References = cmp.Or(s.world.FileDC, mtproto.Home), s.world.References

	return told, nil
}

// fileByKey finds a file by the number in its file_id.
func (s *Server) fileByKey(id int64) *file {
	return s.world.Files[hex.EncodeToString(binary.BigEndian.AppendUint64(nil, uint64(id)))] //nolint:gosec // kept bit by bit
}

// accessHash is what a bot must know, beside its id, to fetch a file.
func accessHash(botID int64, f *file) int64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d/%s", botID, f.Key))

	return int64(binary.BigEndian.Uint64(sum[:])) //nolint:gosec // kept bit by bit
}

// document is a file as one bot fetches it.
func (s *Server) document(botID int64, f *file) mtproto.Document {
	key, err := hex.DecodeString(f.Key)
	if err != nil || len(key) < keySize {
		panic("telegram: a file key is no number: " + f.Key)
	}

	proof := sha256.Sum256(fmt.Appendf(nil, "%d/%s/%d", botID, f.Key, s.world.References))
	hash := f.Hash

	return mtproto.Document{
		DC: cmp.Or(s.world.FileDC, mtproto.Home), ID: int64(binary.BigEndian.Uint64(key)), //nolint:gosec // kept bit by bit
		AccessHash: accessHash(botID, f), Reference: append([]byte{1}, proof[:20]...), Size: f.Size, MIME: f.MIME,
		Open: func() (io.ReadSeekCloser, error) { return s.store.open(hash) },
	}
}

// mtprotoWorld is what the data centres see of the simulator.
type mtprotoWorld Server

// Bot finds a bot by its token.
func (w *mtprotoWorld) Bot(token string) (mtproto.Bot, bool) {
	b, err := (*Server)(w).botByToken(token)
	if err != nil {
		return mtproto.Bot{}, false
	}

	return w.BotByID(b.ID)
}

// BotByID finds a bot that has logged in.
func (w *mtprotoWorld) BotByID(id int64) (mtproto.Bot, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()

	b := w.world.Bots[id]
	if b == nil {
		return mtproto.Bot{}, false
	}

	return mtproto.Bot{ID: b.ID, FirstName: b.FirstName, Username: b.Username}, true
}

// Document finds a file as one bot knows it.
func (w *mtprotoWorld) Document(botID, id, hash int64) (mtproto.Document, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()

	f := (*Server)(w).fileByKey(id)
	if f == nil || accessHash(botID, f) != hash {
		return mtproto.Document{}, false
	}

	return (*Server)(w).document(botID, f), true
}

// DocumentOf finds the file of a message. In private chats the messages of a
// bot have one row of numbers, so that the chat needs no name.
func (w *mtprotoWorld) DocumentOf(botID, channel int64, id int) (mtproto.Document, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()

	for _, in := range w.world.Chats {
		fits := channel == 0 && in.Bot == botID
		if channel != 0 {
			fits = in.ID == channelID(channel) && in.Members[botID].in()
		}

		if m := in.find(int64(id)); fits && m != nil && m.Content.Media != nil {
			found := (*Server)(w).document(botID, w.world.Files[m.Content.Media.File])
			found.Date = m.Date

			return found, true
		}
	}

	return mtproto.Document{}, false
}

// channelID is how the Bot API calls a channel:
// https://core.telegram.org/api/bots/ids
func channelID(plain int64) int64 { return -(1_000_000_000_000 + plain) }

// Spoil takes the fault that is set for a call, if any.
func (w *mtprotoWorld) Spoil(botID int64, method string) *mtproto.Fault {
	w.mu.Lock()
	defer w.mu.Unlock()

	fault := (*Server)(w).takeFault(botID, method)
	if fault == nil {
		return nil
	}

	spoiled := &mtproto.Fault{
		Delay: time.Duration(fault.DelayMS) * time.Millisecond,
		Drop:  fault.Kind == faultDropBefore || fault.Kind == faultDropAfter,
		Short: fault.Kind == faultCut, Strange: fault.Kind == faultGarbage,
	}
	if fault.Kind == faultError {
		spoiled.Refusal = tgerr.New(cmp.Or(fault.Status, http.StatusInternalServerError), cmp.Or(fault.Description, "INTERNAL"))
	}

	return spoiled
}

// Called writes a call into the journal. Parts of files are too many for it:
// of them it has only the refusals.
func (w *mtprotoWorld) Called(botID int64, method string, refusal error) {
	if method == "help.getConfig" || method == "upload.getFile" && refusal == nil {
		return
	}

	status, response := http.StatusOK, []byte("{}")

	if said, ok := tgerr.As(refusal); ok {
		status, response = said.Code, []byte(strconv.Quote(said.Message))
	}

	w.mu.Lock()
	defer w.mu.Unlock()

	(*Server)(w).logCall(control.Call{
		Time: (*Server)(w).now().UnixMilli(), Bot: botID, Method: method,
		Params: json.RawMessage("{}"), Status: status, Response: response,
	})
}
