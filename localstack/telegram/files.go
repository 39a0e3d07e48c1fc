package telegram

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/gotd/td/fileid"

	"github.com/lapak-id/lapak/localstack/telegram/media"
)

// kinds are the kinds of files: the type in their file_id, the folder of their
// file_path and the name that Telegram's errors give them.
var kinds = map[string]struct {
	id     fileid.Type
	folder string
	title  string
}{
	"photo":      {fileid.Photo, "photos", "Photo"},
	"voice":      {fileid.Voice, "voice", "VoiceNote"},
	"video":      {fileid.Video, "videos", "Video"},
	"document":   {fileid.Document, "documents", "Document"},
	"sticker":    {fileid.Sticker, "stickers", "Sticker"},
	"audio":      {fileid.Audio, "music", "Audio"},
	"animation":  {fileid.Animation, "animations", "Animation"},
	"video_note": {fileid.VideoNote, "video_notes", "VideoNote"},
	"thumbnail":  {fileid.Thumbnail, "thumbnails", "Thumbnail"},
}

// keySize is how many bytes a file's key has: those of the id in its file_id.
const keySize = 8

// fileID is the id by which one bot knows a file. It holds what a client of
// MTProto fetches it by, and is of no use to another bot.
func (s *Server) fileID(botID int64, f *file) string {
	as := s.document(botID, f)
	id := fileid.FileID{Type: kinds[f.Kind].id, DC: as.DC, ID: as.ID, AccessHash: as.AccessHash, FileReference: as.Reference}

	if f.Kind == "photo" || f.Kind == "thumbnail" {
		id.PhotoSizeSource = fileid.PhotoSizeSource{Type: fileid.PhotoSizeSourceThumbnail, FileType: fileid.Photo, ThumbnailType: 'x'}
	}

	text, err := fileid.EncodeFileID(id)
	if err != nil {
		panic("telegram: a file_id cannot be encoded: " + err.Error()) // gotd's encoder never fails
	}

	return text
}

// uniqueID depends on the content alone, so that it is the same for every bot.
func uniqueID(f *file) string {
	sum := sha256.Sum256([]byte(f.Hash))

	return "AgAD" + base64.RawURLEncoding.EncodeToString(sum[:8])
}

// fileByID finds the file of a file_id that was made for this bot.
func (s *Server) fileByID(botID int64, id string) *file {
	decoded, err := fileid.DecodeFileID(id)
	if err != nil {
		return nil
	}

	f := s.fileByKey(decoded.ID)
	if f == nil || decoded.AccessHash != accessHash(botID, f) {
		return nil
	}

	return f
}

// addFile makes a file of a content: it finds out what can be known and keeps
// it. Fields of the hint that are set are kept as they are.
func (s *Server) addFile(content received, hint file) (*file, error) {
	f := hint
	f.Hash, f.Size = content.hash, content.size
	f.Name, f.MIME = fileName(content, f)

	opened, err := s.store.open(f.Hash)
	if err != nil {
		return nil, err
	}
	defer opened.Close()

	info := media.Probe(opened, f.Size)
	setIfZero(&f.Duration, int((info.Duration+time.Second/2)/time.Second))
	setIfZero(&f.Width, info.Width)
	setIfZero(&f.Height, info.Height)

	if f.Kind == "photo" {
		if err := s.checkPhoto(&f); err != nil {
			return nil, err
		}
	}

	if f.Thumb == "" && (f.Kind == "photo" || f.Kind == "document") {
		if f.Thumb, err = s.addThumb(opened); err != nil {
			return nil, err
		}
	}

	return s.keepFile(f), nil
}

func (s *Server) keepFile(f file) *file {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%s/%s/%s/%d", f.Hash, f.Kind, f.Name, f.Title, f.Duration))
	f.Key = hex.EncodeToString(sum[:keySize])

	if known := s.world.Files[f.Key]; known != nil {
		return known
	}

	s.world.Files[f.Key] = &f

	return &f
}

func (s *Server) checkPhoto(f *file) error {
	const maxSides, maxRatio = 10000, 20

	switch {
	case f.Size > maxPhoto:
		return badRequest("file of size %d bytes is too big for a photo; the maximum size is %d bytes", f.Size, maxPhoto)
	case f.Width == 0 || f.Height == 0:
		return badRequest("IMAGE_PROCESS_FAILED")
	case f.Width+f.Height > maxSides, f.Width > f.Height*maxRatio, f.Height > f.Width*maxRatio:
		return badRequest("PHOTO_INVALID_DIMENSIONS")
	}

	return nil
}

// addThumb keeps a small JPEG of a picture and returns its key, "" if the
// content is no picture.
func (s *Server) addThumb(content io.ReadSeeker) (string, error) {
	const side = 320

	config, _, err := image.DecodeConfig(content)
	if err != nil || config.Width*config.Height > 50_000_000 {
		return "", nil //nolint:nilerr // No picture, or too large a one: no thumbnail.
	}

	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return "", fmt.Errorf("read the picture again: %w", err)
	}

	picture, _, err := image.Decode(content)
	if err != nil {
		return "", nil //nolint:nilerr // A broken picture has no thumbnail.
	}

	small := shrink(picture, side)
	reader, writer := io.Pipe()

	go func() { writer.CloseWithError(jpeg.Encode(writer, small, nil)) }()

	kept, err := s.store.receive(reader, maxPhoto)
	if err != nil {
		return "", err
	}

	bounds := small.Bounds()

	return s.keepFile(file{
		Hash: kept.hash, Size: kept.size, Kind: "thumbnail", MIME: "image/jpeg", Width: bounds.Dx(), Height: bounds.Dy(),
	}).Key, nil
}

// shrink makes a picture fit a square by averaging a few points per pixel.
func shrink(picture image.Image, side int) image.Image {
	bounds := picture.Bounds()
	scale := max(1, float64(max(bounds.Dx(), bounds.Dy()))/float64(side))
	width, height := max(1, int(float64(bounds.Dx())/scale)), max(1, int(float64(bounds.Dy())/scale))
	small := image.NewRGBA(image.Rect(0, 0, width, height))

	const points = 3

	for y := range height {
		for x := range width {
			var r, g, b uint32

			for i := range points * points {
				px := bounds.Min.X + int((float64(x)+(float64(i%points)+0.5)/points)*scale)
				py := bounds.Min.Y + int((float64(y)+(float64(i/points)+0.5)/points)*scale)
				pr, pg, pb, _ := picture.At(min(px, bounds.Max.X-1), min(py, bounds.Max.Y-1)).RGBA()
				r, g, b = r+pr>>8, g+pg>>8, b+pb>>8
			}

			const n = points * points
			small.SetRGBA(x, y, color.RGBA{R: uint8(r / n), G: uint8(g / n), B: uint8(b / n), A: 255})
		}
	}

	return small
}

func fileName(content received, hint file) (string, string) {
	name, mimeType := hint.Name, hint.MIME
	if name == "" {
		name = path.Base(strings.ReplaceAll(content.name, "\\", "/"))
	}

	if name == "." || name == "/" {
		name = ""
	}

	if mimeType == "" {
		mimeType = content.mime
	}

	if byName := mime.TypeByExtension(path.Ext(name)); byName != "" && (mimeType == "" || mimeType == "application/octet-stream") {
		mimeType = byName
	}

	mimeType, _, _ = strings.Cut(mimeType, ";")

	if hint.Kind == "voice" && (mimeType == "" || mimeType == "application/octet-stream") {
		mimeType = "audio/ogg"
	}

	return name, mimeType
}

func setIfZero(target *int, value int) {
	if *target == 0 {
		*target = value
	}
}

// inputFile finds the file that a parameter means: an upload, a part of the
// form by its name, or a file_id.
func (c *call) inputFile(p *params, field string, hint file) (*file, error) {
	value := p.str(field)

	if name, ok := strings.CutPrefix(value, attachPrefix); ok {
		content, ok := p.uploads[name]
		if !ok {
			return nil, badRequest("file not found in the request: %s", name)
		}

		if content.size == 0 {
			return nil, badRequest("file must be non-empty")
		}

		return c.addFile(content, hint)
	}

	known := c.fileByID(c.bot.ID, value)

	switch {
	case value == "":
		return nil, missing(field)
	case known == nil:
		return nil, badRequest("wrong file identifier/HTTP URL specified")
	case known.Kind != hint.Kind:
		return nil, badRequest("can't use file of type %s as %s", kinds[known.Kind].title, kinds[hint.Kind].title)
	}

	return known, nil
}

// fileObject returns the fields that every kind of file has.
func (s *Server) fileObject(botID int64, f *file) object {
	return object{"file_id": s.fileID(botID, f), "file_unique_id": uniqueID(f), "file_size": f.Size}
}

func (s *Server) photoSize(botID int64, f *file) object {
	o := s.fileObject(botID, f)
	o["width"], o["height"] = f.Width, f.Height

	return o
}

// mediaObject returns what a message shows of a file, such as a Voice.
func (s *Server) mediaObject(botID int64, item *mediaItem) any {
	f := s.world.Files[item.File]
	thumb := s.world.Files[f.Thumb]

	if item.Kind == "photo" {
		if thumb == nil {
			return []any{s.photoSize(botID, f)}
		}

		return []any{s.photoSize(botID, thumb), s.photoSize(botID, f)}
	}

	o := s.fileObject(botID, f)
	if thumb != nil && item.Kind != "voice" {
		o["thumbnail"] = s.photoSize(botID, thumb)
	}

	switch item.Kind {
	case "voice":
		o["duration"] = f.Duration
		set(o, "mime_type", f.MIME)

		return o
	case "video_note":
		o["duration"], o["length"] = f.Duration, max(f.Width, 1)

		return o
	case "sticker":
		o["type"], o["is_animated"], o["is_video"] = "regular", false, f.MIME == "video/webm"
		o["width"], o["height"] = f.Width, f.Height
		set(o, "emoji", f.Emoji)

		return o
	case "video", "animation":
		o["duration"], o["width"], o["height"] = f.Duration, f.Width, f.Height
	case "audio":
		o["duration"] = f.Duration
		set(o, "title", f.Title)
		set(o, "performer", f.Performer)
	}

	set(o, "file_name", f.Name)
	set(o, "mime_type", f.MIME)

	return o
}

// pathLife is how long an address from getFile is good for at least.
const pathLife = time.Hour

func (c *call) getFile() (any, error) {
	f := c.fileByID(c.bot.ID, c.str("file_id"))

	switch {
	case f == nil:
		return nil, badRequest("wrong file_id or the file is temporarily unavailable")
	case f.Size > maxBotDownload:
		return nil, badRequest("file is too big")
	}

	filePath := fmt.Sprintf("%s/file_%d%s", kinds[f.Kind].folder, c.world.next(), extension(f))
	c.world.Paths[filePath] = &sharedRef{Bot: c.bot.ID, File: f.Key, Until: c.now().Add(pathLife).Unix()}
	c.touch()

	o := c.fileObject(c.bot.ID, f)
	o["file_path"] = filePath

	return o, nil
}

func extension(f *file) string {
	switch f.Kind {
	case "photo", "thumbnail":
		return ".jpg"
	case "voice":
		return ".oga"
	default:
		return strings.ToLower(path.Ext(f.Name))
	}
}

// serveFile answers /file/bot<token>/<path>.
func (s *Server) serveFile(w http.ResponseWriter, r *http.Request, token, filePath string) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		writeRefusal(w, &apiError{Status: http.StatusMethodNotAllowed, Text: "Method Not Allowed"})

		return
	}

	b, err := s.botByToken(token)
	if err != nil {
		writeRefusal(w, err)

		return
	}

	s.mu.Lock()
	fault := s.takeFault(b.ID, "file")
	shared := s.world.Paths[filePath]

	var f *file
	if shared != nil && shared.Bot == b.ID && shared.Until >= s.now().Unix() {
		f = s.world.Files[shared.File]
	}
	s.mu.Unlock()

	_, err = s.spoil(r.Context(), fault)
	if err == nil && f == nil {
		err = &apiError{Status: http.StatusNotFound, Text: "Not Found"}
	}

	switch {
	case fault != nil && (fault.Kind == faultDropBefore || fault.Kind == faultDropAfter):
		panic(http.ErrAbortHandler)
	case err != nil:
		writeRefusal(w, err)

		return
	case fault != nil && fault.Kind == faultCut:
		w.Header().Set("Content-Length", fmt.Sprint(f.Size))

		w = &cutWriter{ResponseWriter: w, left: f.Size / 2}
	}

	s.serveContent(w, r, f)
}

// cutWriter ends the connection after some bytes.
type cutWriter struct {
	http.ResponseWriter

	left int64
}

func (w *cutWriter) Write(data []byte) (int, error) {
	if int64(len(data)) > w.left {
		if _, err := w.ResponseWriter.Write(data[:w.left]); err == nil {
			if flusher, ok := w.ResponseWriter.(http.Flusher); ok {
				flusher.Flush()
			}
		}

		panic(http.ErrAbortHandler)
	}

	w.left -= int64(len(data))

	n, err := w.ResponseWriter.Write(data)
	if err != nil {
		return n, fmt.Errorf("send a part of a file: %w", err)
	}

	return n, nil
}

func (s *Server) serveContent(w http.ResponseWriter, r *http.Request, f *file) {
	content, err := s.store.open(f.Hash)
	if err != nil {
		s.log.ErrorContext(r.Context(), "a file is missing in the state folder", "error", err)
		writeRefusal(w, err)

		return
	}
	defer content.Close()

	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", time.Time{}, content)
}
