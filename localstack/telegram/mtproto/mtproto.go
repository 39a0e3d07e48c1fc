// Package mtproto is the part of the Telegram simulator that speaks MTProto:
// two data centres in which bots log in and fetch files of any size. It stands
// on gotd's test server, which has keys, encryption and sessions as Telegram's.
package mtproto

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/gotd/td/tg"
	"github.com/gotd/td/tgerr"
	"github.com/gotd/td/tgtest"
	"github.com/gotd/td/transport"
)

// The data centres: the one in which bots are at home, and another.
const (
	Home  = 2
	Other = 4
)

// World is what the simulator knows. Its methods are called from many
// goroutines.
type World interface {
	// Bot finds a bot by its token.
	Bot(token string) (Bot, bool)
	// BotByID finds a bot that has logged in.
	BotByID(id int64) (Bot, bool)
	// Document finds a file as one bot knows it.
	Document(bot, id, accessHash int64) (Document, bool)
	// DocumentOf finds the file of a message: of a channel, or of any other
	// chat of the bot where channel is 0.
	DocumentOf(bot, channel int64, message int) (Document, bool)
	// Spoil says how a call of a method fails, nil where it does not.
	Spoil(bot int64, method string) *Fault
	// Called is told of a call and of its refusal, if any.
	Called(bot int64, method string, refusal error)
}

// Bot is a bot that may log in.
type Bot struct {
	ID                  int64
	FirstName, Username string
}

// Document is a file.
type Document struct {
	DC         int
	ID         int64
	AccessHash int64
	Reference  []byte // that counts now
	Size       int64  // bytes
	MIME       string
	Date       int64 // seconds since 1970, of its message
	Open       func() (io.ReadSeekCloser, error)
}

// Fault is how a call fails.
type Fault struct {
	Delay   time.Duration // before anything else
	Refusal *tgerr.Error  // the answer
	Drop    bool          // the connection ends instead of an answer
	Short   bool          // half of the bytes are missing
	Strange bool          // the answer is of another kind
}

// Server is both data centres.
type Server struct {
	world World
	log   *slog.Logger
	key   *rsa.PrivateKey

	mu       sync.Mutex
	options  []tg.DCOption
	keys     map[authKey]int64 // who has logged in, by auth key
	exported map[string]int64  // on the way from one data centre to the other
	calls    sync.WaitGroup
}

// authKey names the key that a client and a data centre share.
type authKey struct {
	dc int
	id [8]byte
}

// New makes the data centres, which prove themselves by the key.
func New(key *rsa.PrivateKey, world World, log *slog.Logger) *Server {
	return &Server{world: world, log: log, key: key, keys: map[authKey]int64{}, exported: map[string]int64{}}
}

// Serve takes connections for the home data centre by the listener, and for
// the other one by a listener of its own, until the context is done. It closes
// the listener.
func (s *Server) Serve(ctx context.Context, home net.Listener) error {
	other, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(fmt.Errorf("listen for the other data centre: %w", err), home.Close())
	}

	for dc, listener := range map[int]net.Listener{Home: home, Other: other} {
		address, ok := listener.Addr().(*net.TCPAddr)
		if !ok {
			return errors.Join(fmt.Errorf("%s is no TCP address", listener.Addr()), home.Close(), other.Close())
		}

		s.options = append(s.options, tg.DCOption{ID: dc, IPAddress: address.IP.String(), Port: address.Port, Static: true})
	}

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	ended := make(chan error, 2)

	for dc, listener := range map[int]net.Listener{Home: home, Other: other} {
		go func() { ended <- s.serve(ctx, dc, listener) }()
	}

	err = <-ended
	cancel()
	err = errors.Join(err, <-ended)
	s.calls.Wait()

	return err
}

func (s *Server) serve(ctx context.Context, dc int, listener net.Listener) error {
	server := tgtest.NewServer(tgtest.NewPrivateKey(s.key), tgtest.UnpackInvoke(s.methods(ctx)), tgtest.ServerOptions{DC: dc})
	polite := newPolite(listener)

	err := server.Serve(ctx, transport.ListenCodec(polite.codec, polite))
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("serve data centre %d: %w", dc, err)
	}

	return nil
}
