package mtproto

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/gotd/td/bin"
	"github.com/gotd/td/transport"
)

// polite stands between the network and gotd's test server and keeps from it
// what it does not bear: a connection that is silent, ends early or speaks
// something else (it would stop accepting), and messages handled while a key is
// exchanged (it reads and writes its map of keys under different locks).
type polite struct {
	net.Listener

	ready  chan *politeConn
	done   context.Context //nolint:containedctx // ends with Close
	close  context.CancelFunc
	keys   sync.RWMutex
	closer sync.Once
}

func newPolite(listener net.Listener) *polite {
	p := &polite{Listener: listener, ready: make(chan *politeConn)}
	p.done, p.close = context.WithCancel(context.Background())

	go p.accept()

	return p
}

// greeting is how a connection of the intermediate transport begins:
// https://core.telegram.org/mtproto/mtproto-transports#intermediate
var greeting = []byte{0xee, 0xee, 0xee, 0xee}

func (p *polite) accept() {
	defer p.close()

	for {
		conn, err := p.Listener.Accept()
		if err != nil {
			return
		}

		go p.greet(conn)
	}
}

// greet hands on a connection once it has said what it speaks.
func (p *polite) greet(conn net.Conn) {
	const patience = 10 * time.Second

	stop := context.AfterFunc(p.done, func() { conn.Close() }) //nolint:errcheck // it was read only
	defer stop()

	said := make([]byte, len(greeting))

	err := conn.SetReadDeadline(time.Now().Add(patience))
	if err == nil {
		_, err = io.ReadFull(conn, said)
	}

	if err != nil || !bytes.Equal(said, greeting) {
		conn.Close() //nolint:errcheck // nothing was written

		return
	}

	select {
	case p.ready <- &politeConn{Conn: conn, keys: &p.keys}:
	case <-p.done.Done():
		conn.Close() //nolint:errcheck // as above
	}
}

// Accept gives the next connection that has greeted.
func (p *polite) Accept() (net.Conn, error) {
	select {
	case conn := <-p.ready:
		return conn, nil
	case <-p.done.Done():
		return nil, net.ErrClosed
	}
}

// Close ends accepting.
func (p *polite) Close() error {
	p.close()

	var err error

	p.closer.Do(func() { err = p.Listener.Close() })

	if err != nil {
		return fmt.Errorf("close the listener: %w", err)
	}

	return nil
}

// codec makes the codec of a connection.
func (p *polite) codec() transport.Codec {
	return &politeCodec{Codec: transport.Intermediate.CodecNoHeader()}
}

// politeConn is a connection with the part of the keys that it holds.
type politeConn struct {
	net.Conn

	keys *sync.RWMutex
	mu   sync.Mutex
	free func() // lets go of the keys; nil: they are not held
}

// hold takes the keys: alone, or with others.
func (c *politeConn) hold(alone bool) {
	lock, unlock := c.keys.RLock, c.keys.RUnlock
	if alone {
		lock, unlock = c.keys.Lock, c.keys.Unlock
	}

	lock()
	c.mu.Lock()
	c.free = unlock
	c.mu.Unlock()
}

// release lets go of the keys.
func (c *politeConn) release() {
	c.mu.Lock()
	defer c.mu.Unlock()

	if c.free != nil {
		c.free()
		c.free = nil
	}
}

// Close ends the connection.
func (c *politeConn) Close() error {
	c.release()

	return c.Conn.Close() //nolint:wrapcheck // it only passes on
}

// politeCodec holds the keys while a message is handled: from when it was read
// to when the next one is asked for.
type politeCodec struct {
	transport.Codec

	conn *politeConn
}

// ReadHeader learns which connection it is; the greeting was read before.
func (c *politeCodec) ReadHeader(from io.Reader) error {
	conn, ok := from.(*politeConn)
	if !ok {
		return fmt.Errorf("connection %T did not come by the listener", from)
	}

	c.conn = conn

	return nil
}

// Read reads a message and takes the keys. Messages without a key exchange one:
// https://core.telegram.org/mtproto/description#unencrypted-message
func (c *politeCodec) Read(from io.Reader, into *bin.Buffer) error {
	c.conn.release()

	if err := c.Codec.Read(from, into); err != nil {
		return err //nolint:wrapcheck // the server looks for io.EOF in it
	}

	var none [8]byte

	c.conn.hold(bytes.HasPrefix(into.Buf, none[:]))

	return nil
}
