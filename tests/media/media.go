// Package media holds small sound and video files with the words that are said
// in them, and measures how many of those words a transcript got wrong.
package media

import (
	"embed"
	"fmt"
	"path"
	"strings"
)

// Files holds every sample by its name; README.md says what each one is.
//
//go:embed *.ogg *.mp3 *.mp4 *.txt
var Files embed.FS

// Said returns the words that are said in the file of that name, for example "voice-en.ogg".
// It fails for files in which nothing is said that a recogniser could print.
func Said(name string) (string, error) {
	texts := []string{strings.TrimSuffix(name, path.Ext(name)) + ".txt"}
	if name == "video-en.mp4" {
		texts = []string{"voice-en.txt", "voice-en-2.txt"}
	}
	said := make([]string, 0, len(texts))
	for _, text := range texts {
		words, err := Files.ReadFile(text)
		if err != nil {
			return "", fmt.Errorf("media: read what is said in %s: %w", name, err)
		}
		said = append(said, strings.TrimSpace(string(words)))
	}
	return strings.Join(said, " "), nil
}
