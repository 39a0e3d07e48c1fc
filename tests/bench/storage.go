package main

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/xml"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
)

// storage is an S3 that takes everything, checks its checksum as S3 does, and
// keeps its size alone: what is measured is the client, not a disk. Files of
// this machine can be put behind its objects.
type storage struct {
	*httptest.Server

	mu      sync.Mutex
	started int
	uploads map[string]map[int]storedPart
	objects map[string]int64  // sizes, by path
	files   map[string]string // objects that can be read, by path
}

type storedPart struct {
	Number int    `xml:"PartNumber"`
	Size   int64  `xml:"Size"`
	ETag   string `xml:"ETag"`
	CRC32  string `xml:"ChecksumCRC32"`
}

func newStorage() *storage {
	s := &storage{uploads: map[string]map[int]storedPart{}, objects: map[string]int64{}, files: map[string]string{}}
	s.Server = httptest.NewServer(s)

	return s
}

// serve puts a file of this machine behind an object.
func (s *storage) serve(path, file string) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.files[path] = file
}

func (s *storage) fileOf(path string) string {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.files[path]
}

// size gives the bytes of an object, -1 where there is none.
func (s *storage) size(path string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()

	if size, there := s.objects[path]; there {
		return size
	}

	return -1
}

// ServeHTTP speaks as much of S3 as an upload takes.
func (s *storage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	id := query.Get("uploadId")

	switch {
	case r.Method == http.MethodPut:
		part, err := receive(r)
		if err != nil {
			refuse(w, http.StatusBadRequest, "BadDigest", err.Error())

			return
		}

		s.keep(w, r, id, part)
	case r.Method == http.MethodPost && query.Has("uploads"):
		s.start(w)
	case r.Method == http.MethodPost && id != "":
		s.complete(w, r, id)
	case r.Method == http.MethodGet && id != "":
		s.list(w, id)
	case r.Method == http.MethodGet && query.Get("list-type") != "":
		// Nothing that was written can be read, so nothing is listed.
		_, _ = fmt.Fprint(w, `<ListBucketResult><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>`)
	case id == "" && s.fileOf(r.URL.Path) != "" && r.Method != http.MethodDelete:
		http.ServeFile(w, r, s.fileOf(r.URL.Path))
	case r.Method == http.MethodHead:
		if size := s.size(r.URL.Path); size >= 0 {
			w.Header().Set("Content-Length", strconv.FormatInt(size, 10))

			return
		}

		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodDelete:
		s.remove(r, id)
		w.WriteHeader(http.StatusNoContent)
	default:
		refuse(w, http.StatusNotFound, "NoSuchKey", "nothing is kept here")
	}
}

// receive reads a body and checks the checksum that came with it.
func receive(r *http.Request) (storedPart, error) {
	sum := crc32.NewIEEE()

	size, err := io.Copy(sum, r.Body)
	if err != nil {
		return storedPart{}, fmt.Errorf("read the body: %w", err)
	}

	crc := base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum.Sum32()))
	if said := r.Header.Get("X-Amz-Checksum-Crc32"); said != crc {
		return storedPart{}, fmt.Errorf("the checksum is %s, the request says %q", crc, said)
	}

	return storedPart{Size: size, ETag: `"` + crc + `"`, CRC32: crc}, nil
}

func (s *storage) keep(w http.ResponseWriter, r *http.Request, id string, part storedPart) {
	s.mu.Lock()
	defer s.mu.Unlock()

	w.Header().Set("ETag", part.ETag)

	if id == "" {
		s.objects[r.URL.Path] = part.Size

		return
	}

	parts, there := s.uploads[id]
	if !there {
		refuse(w, http.StatusNotFound, "NoSuchUpload", id)

		return
	}

	part.Number, _ = strconv.Atoi(r.URL.Query().Get("partNumber")) // zero fits nowhere
	parts[part.Number] = part
}

func (s *storage) start(w http.ResponseWriter) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.started++
	id := "upload-" + strconv.Itoa(s.started)
	s.uploads[id] = map[int]storedPart{}

	_, _ = fmt.Fprintf(w, "<InitiateMultipartUploadResult><UploadId>%s</UploadId></InitiateMultipartUploadResult>", id)
}

func (s *storage) complete(w http.ResponseWriter, r *http.Request, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()

	var asked struct {
		Parts []storedPart `xml:"Part"`
	}

	parts, there := s.uploads[id]

	if err := xml.NewDecoder(r.Body).Decode(&asked); err != nil || !there {
		refuse(w, http.StatusNotFound, "NoSuchUpload", id)

		return
	}

	var size int64

	for _, part := range asked.Parts {
		if kept := parts[part.Number]; kept.ETag != part.ETag {
			refuse(w, http.StatusBadRequest, "InvalidPart", part.ETag)

			return
		}

		size += parts[part.Number].Size
	}

	s.objects[r.URL.Path] = size
	delete(s.uploads, id)

	_, _ = fmt.Fprint(w, `<CompleteMultipartUploadResult><ETag>"whole"</ETag></CompleteMultipartUploadResult>`)
}

func (s *storage) list(w http.ResponseWriter, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()

	var answer struct {
		XMLName xml.Name     `xml:"ListPartsResult"`
		Parts   []storedPart `xml:"Part"`
	}

	parts, there := s.uploads[id]
	if !there {
		refuse(w, http.StatusNotFound, "NoSuchUpload", id)

		return
	}

	for _, part := range parts {
		answer.Parts = append(answer.Parts, part)
	}

	slices.SortFunc(answer.Parts, func(a, b storedPart) int { return a.Number - b.Number })

	_ = xml.NewEncoder(w).Encode(answer) // a caller that is gone fails by itself
}

func (s *storage) remove(r *http.Request, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if id == "" {
		delete(s.objects, r.URL.Path)
	} else {
		delete(s.uploads, id)
	}
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", code, message)
}
