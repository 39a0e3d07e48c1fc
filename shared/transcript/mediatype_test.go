package transcript_test

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/transcript"
)

// packets is the beginning of an MPEG transport stream.
func packets(count int, before string) string {
	return strings.Repeat(before+"\x47\x40\x11\x10"+strings.Repeat("\xff", 184), count)
}

// mp3Frames are frames of MPEG-1 layer III, 128 kbit/s at 44.1 kHz: 417 bytes.
func mp3Frames(count int) string {
	return strings.Repeat("\xff\xfb\x90\x00"+strings.Repeat("\x00", 413), count)
}

// beginnings are how files begin, by what they are.
var beginnings = map[string]struct{ head, want string }{
	"MP3, ID3v2":          {"ID3\x04\x00\x00\x00\x00\x00\x23TSSE" + strings.Repeat("\x00", 60), "audio/mpeg"},
	"MP3, large ID3v2":    {"ID3\x03\x00\x00\x00\x0f\x76\x76APIC" + strings.Repeat("\x00", 60), "audio/mpeg"},
	"MP3, bare":           {mp3Frames(3), "audio/mpeg"},
	"MP3 behind garbage":  {"\x00\x00\x00\x00\x00" + mp3Frames(3), "audio/mpeg"},
	"MPEG-2 layer III":    {"\xff\xf3\x84\xc4" + strings.Repeat("\x00", 60), "audio/mpeg"},
	"AAC, ADTS":           {"\xff\xf1\x50\x80\x02\x1f\xfc" + strings.Repeat("\x21", 60), "audio/aac"},
	"AMR":                 {"#!AMR\n\x3c\x91\x17\x16", "audio/amr"},
	"AMR-WB":              {"#!AMR-WB\n\x04", "audio/amr"},
	"Ogg Opus":            {"OggS\x00\x02" + strings.Repeat("\x00", 20) + "\x01\x13OpusHead\x01\x01", "audio/ogg"},
	"Ogg Vorbis":          {"OggS\x00\x02" + strings.Repeat("\x00", 20) + "\x01\x1e\x01vorbis\x00\x00", "audio/ogg"},
	"Ogg Theora":          {"OggS\x00\x02" + strings.Repeat("\x00", 20) + "\x01\x2a\x80theora\x03\x02", "video/ogg"},
	"Ogg of another kind": {"OggS\x00\x02" + strings.Repeat("\x00", 40), "application/ogg"},
	"WAV":                 {"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00", "audio/wav"},
	"WAV, RF64":           {"RF64\xff\xff\xff\xffWAVEds64", "audio/wav"},
	"AIFF":                {"FORM\x00\x00\x00\x2eAIFFCOMM\x00\x00", "audio/aiff"},
	"AIFF-C":              {"FORM\x00\x00\x00\x2eAIFCFVER\x00\x00", "audio/aiff"},
	"FLAC":                {"fLaC\x00\x00\x00\x22\x12\x00\x12\x00", "audio/flac"},
	"FLAC, one block":     {"fLaC\x80\x00\x00\x22\x12\x00\x12\x00", "audio/flac"},
	"CAF":                 {"caff\x00\x01\x00\x00desc\x00", "audio/x-caf"},
	"AU":                  {".snd\x00\x00\x00\x18\xff\xff\xff\xff", "audio/basic"},
	"M4A":                 {"\x00\x00\x00\x1cftypM4A \x00\x00\x02\x00M4A isom", "audio/x-m4a"},
	"MP4":                 {"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41", "video/mp4"},
	"MP4, fragmented":     {"\x00\x00\x00\x24ftypiso5\x00\x00\x02\x00iso5iso6mp41dash", "video/mp4"},
	"MOV":                 {"\x00\x00\x00\x14ftypqt  \x00\x00\x02\x00qt  ", "video/quicktime"},
	"MOV without a type":  {"\x00\x04\x12\x34moov\x00\x00\x00\x6cmvhd", "video/quicktime"},
	"3GP":                 {"\x00\x00\x00\x18ftyp3gp4\x00\x00\x02\x003gp4", "video/3gpp"},
	"WebM": {
		"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x84webm", "video/webm",
	},
	"MKV": {
		"\x1a\x45\xdf\xa3\xa3\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x88matroska", "video/matroska",
	},
	"MKV that does not say": {"\x1a\x45\xdf\xa3\x80" + strings.Repeat("\x00", 60), "video/matroska"},
	"AVI":                   {"RIFF\x00\x00\x01\x00AVI LIST\x00\x00\x00\x00hdrlavih", "video/x-msvideo"},
	"FLV":                   {"FLV\x01\x05\x00\x00\x00\x09", "video/x-flv"},
	"WMA, WMV":              {"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c\x00\x00", "video/x-ms-asf"},
	"MPEG-PS":               {"\x00\x00\x01\xba\x44\x00\x04\x00", "video/mpeg"},
	"MPEG-TS":               {packets(4, ""), "video/mp2t"},
	"M2TS":                  {packets(4, "\x00\x00\x00\x00"), "video/mp2t"},

	"HTML":           {"<!DOCTYPE html><html><body>", "HTML"},
	"ZIP":            {"PK\x03\x04\x14\x00\x00\x00\x00\x00" + strings.Repeat("\x00", 16) + "\x05\x00\x00\x00a.txtHello", "ZIP"},
	"RAR":            {"Rar!\x1a\x07\x01\x00", "RAR"},
	"gzip":           {"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", "GZ"},
	"PDF":            {"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", "PDF"},
	"HLS":            {"#EXTM3U\n#EXT-X-VERSION:3\nfile:///etc/passwd\n", "M3U"},
	"ffconcat":       {"ffconcat version 1.0\nfile /etc/passwd\n", "TXT"},
	"PLS":            {"[playlist]\nFile1=http://127.0.0.1/\n", "TXT"},
	"DASH":           {"<?xml version=\"1.0\"?>\n<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\">", "XML"},
	"subtitles":      {"1\n00:00:01,000 --> 00:00:02,000\nHello\n", "SRT"},
	"a script":       {"#!/bin/sh\nrm -rf /\n", "SH"},
	"SVG":            {"<svg xmlns=\"http://www.w3.org/2000/svg\">", "SVG"},
	"JPEG":           {"\xff\xd8\xff\xe0\x00\x10JFIF\x00", "JPG"},
	"PNG":            {"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR", "PNG"},
	"WebP":           {"RIFF\x00\x00\x00\x00WEBPVP8 ", "WEBP"},
	"HEIC":           {"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "HEIC"},
	"AVIF":           {"\x00\x00\x00\x18ftypavif\x00\x00\x00\x00mif1avif", "AVIF"},
	"MIDI":           {"MThd\x00\x00\x00\x06\x00\x01\x00\x02", "MIDI"},
	"Windows":        {"MZ\x90\x00\x03\x00\x00\x00\x04\x00", "EXE"},
	"Flash":          {"CWS\x0a\x00\x00\x01\x00", "SWF"},
	"Linux":          {"\x7fELF\x02\x01\x01\x00" + strings.Repeat("\x00", 8) + "\x02\x00", ""},
	"nothing":        {"", ""},
	"a byte":         {"\x47", "TXT"},
	"noise":          {"\x01\x02\x03\x04\x05\x06\x07\x08", ""},
	"two packets":    {packets(2, ""), ""},
	"text of G":      {strings.Repeat("G"+strings.Repeat("x", 187), 4), "TXT"},
	"EBML and HTML?": {"\x1a\x45\xdf\xa3\x9f\x42\x82\x84html", ""},
}

func TestTypesByTheFirstBytes(t *testing.T) {
	t.Parallel()

	for name, c := range beginnings {
		found, err := transcript.MediaType([]byte(c.head))

		if strings.Contains(c.want, "/") {
			assert.Equal(t, c.want, found, name)
			assert.NoError(t, err, name)

			continue
		}

		assert.Equal(t, errs.Invalid, errs.CodeOf(err), "%s: taken for %s", name, found)

		sentence, args, _ := errs.Sentence(err)
		if c.want == "" {
			assert.Equal(t, "error.not_media", sentence, name)
		} else {
			assert.Equal(t, "error.other_type", sentence, name)
			assert.Equal(t, c.want, args["Type"], name)
		}
	}
}

func TestTypesOfRealFiles(t *testing.T) {
	t.Parallel()

	for pattern, want := range map[string]string{
		"voice-*.ogg": "audio/ogg", "voice-en-2.mp3": "audio/mpeg", "video-en.mp4": "video/mp4", "music.ogg": "audio/ogg",
	} {
		files, err := filepath.Glob("../../tests/media/" + pattern)
		require.NoError(t, err)
		require.NotEmpty(t, files)

		for _, file := range files {
			content, err := os.ReadFile(file)
			require.NoError(t, err)

			found, err := transcript.MediaType(content[:transcript.MediaTypeBytes])
			require.NoError(t, err, file)
			assert.Equal(t, want, found, file)
		}
	}
}

func FuzzMediaType(f *testing.F) {
	for _, c := range beginnings {
		f.Add([]byte(c.head))
	}

	f.Fuzz(func(t *testing.T, head []byte) {
		found, err := transcript.MediaType(head[:min(len(head), transcript.MediaTypeBytes)])
		if err == nil {
			assert.True(t, transcript.IsMedia(found) || found == "video/mp2t" || found == "audio/x-caf", found)
			assert.Less(t, len(found), 30, "it goes into a header")

			return
		}

		assert.Equal(t, errs.Invalid, errs.CodeOf(err))

		sentence, args, told := errs.Sentence(err)
		require.True(t, told, hex.EncodeToString(head))

		if sentence == "error.other_type" {
			assert.Regexp(t, `^[A-Z0-9_.]{1,12}$`, args["Type"], "it goes into a sentence")
		}
	})
}

func sumOf(content string) hash.Hash {
	sum := sha256.New()
	sum.Write([]byte(content))

	return sum
}

func FuzzRestoreHash(f *testing.F) {
	f.Add([]byte(nil))
	f.Add([]byte("sha\x03"))

	for _, content := range []string{"", "a", strings.Repeat("x", 100)} {
		state, err := transcript.HashState(sumOf(content))
		require.NoError(f, err)
		f.Add(state)
	}

	f.Fuzz(func(t *testing.T, state []byte) {
		restored, err := transcript.RestoreHash(state)
		if err != nil {
			assert.Equal(t, errs.Invalid, errs.CodeOf(err))

			return
		}

		assert.Len(t, restored.Sum(nil), sha256.Size)
	})
}
