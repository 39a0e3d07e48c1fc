package telegram

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// saveEvery is the least time between two writes of the state: what a crash
// can lose.
const saveEvery = 200 * time.Millisecond

// store keeps the world in a folder: state.json and the contents of files
// under their hash.
type store struct {
	dir       string
	temporary bool
	root      *os.Root
	dirty     chan struct{}
}

func openStore(dir string) (*store, error) {
	st := &store{dir: dir, dirty: make(chan struct{}, 1)}

	if dir == "" {
		temporary, err := os.MkdirTemp("", "telegram-simulator-")
		if err != nil {
			return nil, fmt.Errorf("make a temporary state folder: %w", err)
		}

		st.dir, st.temporary = temporary, true
	}

	for _, name := range []string{"files", "incoming"} {
		if err := os.MkdirAll(filepath.Join(st.dir, name), 0o750); err != nil {
			return nil, fmt.Errorf("make the state folder: %w", err)
		}
	}

	root, err := os.OpenRoot(st.dir)
	if err != nil {
		return nil, fmt.Errorf("open the state folder: %w", err)
	}

	st.root = root

	return st, nil
}

// changed asks for the state to be written soon.
func (st *store) changed() {
	select {
	case st.dirty <- struct{}{}:
	default:
	}
}

func (st *store) load() (*world, error) {
	w := newWorld()

	data, err := st.root.ReadFile("state.json")
	if errors.Is(err, fs.ErrNotExist) {
		return w, nil
	}

	if err != nil {
		return nil, fmt.Errorf("read the state: %w", err)
	}

	if err := json.Unmarshal(data, w); err != nil {
		return nil, fmt.Errorf("read %s: %w; move the file away to start anew", filepath.Join(st.dir, "state.json"), err)
	}

	for _, c := range w.Chats {
		c.byID = make(map[int64]*message, len(c.Messages))
		for _, m := range c.Messages {
			c.byID[m.ID] = m
		}
	}

	return w, nil
}

func (st *store) save(w *world) error {
	data, err := json.Marshal(w)
	if err != nil {
		return fmt.Errorf("write the state as JSON: %w", err)
	}

	if err := st.root.WriteFile("state.json.new", data, 0o600); err != nil {
		return fmt.Errorf("write the state: %w", err)
	}

	if err := st.root.Rename("state.json.new", "state.json"); err != nil {
		return fmt.Errorf("replace the state: %w", err)
	}

	return nil
}

func (st *store) close() error {
	err := st.root.Close()
	if st.temporary {
		err = errors.Join(err, os.RemoveAll(st.dir))
	}

	if err != nil {
		return fmt.Errorf("close the state folder: %w", err)
	}

	return nil
}

// received is a file that came in but is in no message yet.
type received struct {
	hash string
	size int64
	name string
	mime string
}

var errTooLarge = errors.New("file is too large")

// receive keeps a content of at most limit bytes, or fails with errTooLarge.
func (st *store) receive(content io.Reader, limit int64) (received, error) {
	temporary, err := os.CreateTemp(filepath.Join(st.dir, "incoming"), "file-*")
	if err != nil {
		return received{}, fmt.Errorf("keep a file: %w", err)
	}

	incoming := filepath.Join("incoming", filepath.Base(temporary.Name()))
	hash := sha256.New()
	size, err := io.Copy(io.MultiWriter(temporary, hash), io.LimitReader(content, limit+1))
	err = errors.Join(err, temporary.Close())

	if err == nil && size > limit {
		err = errTooLarge
	}

	if err != nil {
		return received{}, errors.Join(fmt.Errorf("keep a file: %w", err), st.root.Remove(incoming))
	}

	file := received{hash: hex.EncodeToString(hash.Sum(nil)), size: size}
	if err := st.root.Rename(incoming, st.path(file.hash)); err != nil {
		return received{}, fmt.Errorf("keep a file: %w", err)
	}

	return file, nil
}

// storedFile is a content that is open for reading.
type storedFile interface {
	io.ReadSeekCloser
	io.ReaderAt
}

// open opens the content with the hash.
func (st *store) open(hash string) (storedFile, error) {
	content, err := st.root.Open(st.path(hash))
	if err != nil {
		return nil, fmt.Errorf("open a file of the state folder: %w", err)
	}

	return content, nil
}

func (st *store) path(hash string) string { return filepath.Join("files", hash) }
