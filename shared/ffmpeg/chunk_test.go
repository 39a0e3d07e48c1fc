package ffmpeg_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/blob"
	"github.com/lapak-id/lapak/shared/ffmpeg"
)

// large is a content of a few chunks and a bit.
var large = noise(9*512<<10 + 12_345)

// Whoever reads wherever, at the same time as others, gets the media's bytes,
// and no chunk is fetched twice while it is kept.
func TestChunksAreTheMedia(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		reader, done := ffmpeg.Chunks(context.Background(), stored(large))
		defer done()

		var readers sync.WaitGroup

		for range rapid.IntRange(1, 8).Draw(t, "readers") {
			offset := rapid.IntRange(0, len(large)+10).Draw(t, "offset")
			length := rapid.SampledFrom([]int{0, 1, 100, 512 << 10, 600 << 10, 2 << 20}).Draw(t, "length")

			readers.Go(func() {
				into := make([]byte, length)
				count, err := reader.ReadAt(into, int64(offset))
				want := large[min(offset, len(large)):min(offset+length, len(large))]
				assert.True(t, bytes.Equal(want, into[:count]), "%d bytes at %d", length, offset)
				assert.Equal(t, count < length, err == io.EOF)
			})
		}

		readers.Wait()
	})
}

func TestAChunkIsFetchedOnce(t *testing.T) {
	t.Parallel()

	var (
		mu      sync.Mutex
		fetched = map[int64]int{}
	)

	media := stored(large[:3*512<<10])
	open := media.Open
	media.Open = func(ctx context.Context, part blob.Range) (io.ReadCloser, error) {
		mu.Lock()
		defer mu.Unlock()

		fetched[part.Offset]++

		return open(ctx, part)
	}

	reader, done := ffmpeg.Chunks(t.Context(), media)

	var readers sync.WaitGroup
	for range 50 {
		readers.Go(func() {
			_, err := reader.ReadAt(make([]byte, 1<<20), 100)
			assert.NoError(t, err)
		})
	}

	readers.Wait()
	done()
	assert.Equal(t, map[int64]int{0: 1, 512 << 10: 1, 1024 << 10: 1}, fetched)
}

// asked asks the reader that ffmpeg asks.
func asked(t require.TestingT, address, ranges string) (int, http.Header, []byte) {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, address, nil)
	require.NoError(t, err)

	if ranges != "" {
		request.Header.Set("Range", ranges)
	}

	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	require.NoError(t, err)

	defer response.Body.Close()

	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)

	return response.StatusCode, response.Header, body
}

func TestRangesAreTheMedia(t *testing.T) {
	t.Parallel()

	address, done, err := ffmpeg.Serve(t.Context(), stored(large))
	require.NoError(t, err)

	defer done()

	status, _, body := asked(t, address, "")
	assert.Equal(t, http.StatusOK, status)
	assert.True(t, bytes.Equal(large, body))

	status, _, body = asked(t, address+"x", "")
	assert.Equal(t, http.StatusNotFound, status, "only who was told finds it")
	assert.Less(t, len(body), 100)

	rapid.Check(t, func(t *rapid.T) {
		from := rapid.IntRange(0, len(large)-1).Draw(t, "from")
		to := rapid.IntRange(from, len(large)+100).Draw(t, "to")
		ranges, last := fmt.Sprintf("bytes=%d-%d", from, to), min(to, len(large)-1)

		if rapid.Bool().Draw(t, "open") {
			ranges, last = fmt.Sprintf("bytes=%d-", from), len(large)-1
		}

		status, header, body := asked(t, address, ranges)
		assert.Equal(t, http.StatusPartialContent, status)
		assert.Equal(t, fmt.Sprintf("bytes %d-%d/%d", from, last, len(large)), header.Get("Content-Range"))
		assert.True(t, bytes.Equal(large[from:last+1], body))
	})
}

func FuzzRange(f *testing.F) {
	content := large[:1000]

	address, done, err := ffmpeg.Serve(f.Context(), stored(content))
	require.NoError(f, err)
	f.Cleanup(done)

	for _, ranges := range []string{
		"bytes=0-", "bytes=-5", "bytes=5-2", "bytes=0-0,2-3", "bytes=999-", "bytes=1000-", "bytes=-0", "x=1-2", "bytes=", "bytes=--1",
		"bytes=99999999999999999999-", "bytes=0-99999999999999999999",
	} {
		f.Add(ranges)
	}

	f.Fuzz(func(t *testing.T, ranges string) {
		for _, letter := range []byte(ranges) {
			if letter < ' ' || letter > '~' {
				return // no HTTP client sends it
			}
		}

		status, header, body := asked(t, address, ranges)

		switch status {
		case http.StatusOK:
			assert.Equal(t, content, body)
		case http.StatusPartialContent:
			if header.Get("Content-Range") == "" {
				return // several ranges, in parts
			}

			var from, to, size int

			_, err := fmt.Sscanf(header.Get("Content-Range"), "bytes %d-%d/%d", &from, &to, &size)
			require.NoError(t, err)
			assert.Equal(t, content[from:to+1], body)
			assert.Equal(t, len(content), size)
		default:
			assert.Equal(t, http.StatusRequestedRangeNotSatisfiable, status)
		}
	})
}
