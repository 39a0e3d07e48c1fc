package transcript

// What the fuzz tests try.
const MediaTypeBytes = mediaTypeBytes

var (
	MediaType   = mediaType
	IsMedia     = isMedia
	HashState   = hashState
	RestoreHash = restoreHash
)
