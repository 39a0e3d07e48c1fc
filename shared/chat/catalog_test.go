package chat_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/transcript"
)

func newCatalog(t require.TestingT) *chat.Catalog {
	catalog, err := chat.NewCatalog()
	require.NoError(t, err)

	return catalog
}

// texts reads a catalog file: its keys, each with the texts of its plural forms.
func texts(t *testing.T, language string) map[string][]string {
	t.Helper()

	var file map[string]map[string]any

	_, err := toml.DecodeFile(filepath.Join("locales", "active."+language+".toml"), &file)
	require.NoError(t, err)

	found := map[string][]string{}

	for section, entries := range file {
		for name, entry := range entries {
			switch entry := entry.(type) {
			case string:
				found[section+"."+name] = []string{entry}
			case map[string]any:
				for _, form := range entry {
					text, ok := form.(string)
					require.True(t, ok)

					found[section+"."+name] = append(found[section+"."+name], text)
				}
			default:
				t.Fatalf("%s.%s of %s is no text", section, name, language)
			}
		}
	}

	return found
}

var placeholder = regexp.MustCompile(`\{\{.*?\}\}`)

func placeholders(forms []string) []string {
	found := map[string]bool{}
	for _, form := range forms {
		for _, name := range placeholder.FindAllString(form, -1) {
			found[name] = true
		}
	}

	return slices.Sorted(maps.Keys(found))
}

func TestLanguagesSayTheSame(t *testing.T) {
	t.Parallel()

	languages := newCatalog(t).Languages()
	files, err := filepath.Glob("locales/active.*.toml")
	require.NoError(t, err)
	require.Len(t, files, len(languages), "each file of locales is a language that is offered")

	first := texts(t, languages[0])
	for _, language := range languages[1:] {
		other := texts(t, language)
		require.Equal(t, slices.Sorted(maps.Keys(first)), slices.Sorted(maps.Keys(other)), language)

		for key := range first {
			require.Equal(t, placeholders(first[key]), placeholders(other[key]), "%s of %s", key, language)
		}
	}
}

// literals gives the string literals of Go files that are no tests, with the
// function call that each is an argument of, if it is.
func literals(t *testing.T, directory string, visit func(text, call string)) {
	t.Helper()

	err := filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}

		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}

		calls := map[ast.Node]string{}

		ast.Inspect(file, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.CallExpr:
				for _, argument := range node.Args {
					if function, ok := node.Fun.(*ast.SelectorExpr); ok {
						if of, ok := function.X.(*ast.Ident); ok {
							calls[argument] = of.Name + "." + function.Sel.Name
						}
					}
				}
			case *ast.ImportSpec, *ast.Field:
				return false
			case *ast.BasicLit:
				if text, err := strconv.Unquote(node.Value); err == nil && node.Kind == token.STRING {
					visit(text, calls[node])
				}
			}

			return true
		})

		return nil
	})
	require.NoError(t, err)
}

func TestEveryTextIsUsedAndEveryUsedTextIsThere(t *testing.T) {
	t.Parallel()

	known := texts(t, "id")
	sections := map[string]bool{}

	for key := range known {
		section, _, _ := strings.Cut(key, ".")
		sections[section] = true
	}

	used := map[string]bool{}
	for _, command := range newCatalog(t).Commands("id", true, true) {
		used["command."+command.Name] = true // the one key that is put together
	}

	isKey := regexp.MustCompile(`^([a-z]+)\.[a-z_]+$`)

	literals(t, ".", func(text, _ string) {
		if match := isKey.FindStringSubmatch(text); match != nil && sections[match[1]] {
			require.Contains(t, known, text, "the code asks for a text that is not there")

			used[text] = true
		}
	})
	literals(t, "..", func(text, call string) { // what other packages tell people
		section, _, _ := strings.Cut(text, ".")
		others := []string{"error", "trouble", "check", "notice", "catalog", "ordering", "broadcast"}

		if slices.Contains(others, section) && isKey.MatchString(text) {
			require.Contains(t, known, text, "%s asks for a text that is not there", call)

			used[text] = true
		}
	})

	for key := range known {
		require.True(t, used[key], "nothing says %s any more", key)
	}
}

// What people read comes from the catalogs; what operators read is English and
// goes through errs or slog.
func TestNoTextIsWrittenInCode(t *testing.T) {
	t.Parallel()

	sentence := regexp.MustCompile(`\pL{2,} \pL{2,}`)

	literals(t, ".", func(text, call string) {
		if !sentence.MatchString(tag.ReplaceAllString(text, "")) {
			return
		}

		of, _, _ := strings.Cut(call, ".")
		if !slices.Contains([]string{"errs", "slog"}, of) {
			t.Errorf("%q is written in code", text)
		}
	})
}

func TestNumbersAndTimesAreWrittenAsTheLanguageDoes(t *testing.T) {
	t.Parallel()

	indonesian, english := newCatalog(t).In("id"), newCatalog(t).In("en")

	for value, want := range map[int64][2]string{
		0: {"0", "0"}, 999: {"999", "999"}, 9840: {"9.840", "9,840"}, -1234567: {"-1.234.567", "-1,234,567"},
	} {
		require.Equal(t, want, [2]string{indonesian.Number(value), english.Number(value)})
	}

	for length, want := range map[time.Duration][2]string{
		0:                                     {"", ""},
		time.Second:                           {"1 detik", "1 second"},
		83 * time.Second:                      {"1 menit 23 detik", "1 minute 23 seconds"},
		10*time.Minute + 20*time.Second:       {"10 menit", "10 minutes"},
		72*time.Minute + 10*time.Second:       {"1 jam 12 menit", "1 hour 12 minutes"},
		3*time.Hour + 59*time.Second:          {"3 jam 1 menit", "3 hours 1 minute"},
		59*time.Second + 800*time.Millisecond: {"1 menit", "1 minute"},
	} {
		require.Equal(t, want, [2]string{indonesian.Duration(length), english.Duration(length)})
	}

	for bytes, want := range map[int64][2]string{
		0: {"", ""}, 12: {"1 kB", "1 kB"}, 340_000: {"340 kB", "340 kB"}, 3_450_000: {"3,4 MB", "3.4 MB"},
		412_000_000: {"412 MB", "412 MB"}, 1_900_000_000: {"1.900 MB", "1,900 MB"},
	} {
		require.Equal(t, want, [2]string{indonesian.Size(bytes), english.Size(bytes)})
	}

	at := time.Date(2026, 5, 1, 23, 5, 0, 0, time.UTC)
	require.Equal(t, "2 Mei 06.05", indonesian.Moment(at, "Asia/Jakarta"))
	require.Equal(t, "2 May 08:05", english.Moment(at, "Asia/Jayapura"))
	require.Equal(t, "1 May 23:05", english.Moment(at, "No/Where"), "a zone that is unknown is UTC")
}

func TestAnUnknownLanguageIsIndonesian(t *testing.T) {
	t.Parallel()

	catalog := newCatalog(t)
	require.Equal(t, catalog.In("id"), catalog.In("xx"))
}

func TestFit(t *testing.T) {
	t.Parallel()

	for _, test := range []struct {
		text  string
		limit int
		want  string
		cut   bool
	}{
		{"Satu. Dua.", 20, "Satu. Dua.", false},
		{"Satu kalimat. Dua kalimat. Tiga kalimat.", 30, "Satu kalimat. Dua kalimat.", true},
		{"Ya. Kalimat yang sangat panjang tanpa akhir", 30, "Ya. Kalimat yang sangat", true},
		{"Benarkah? Tentu! Dan seterusnya", 18, "Benarkah? Tentu!", true},
		{strings.Repeat("a", 50), 10, strings.Repeat("a", 10), true},
		{"🎙🎙🎙", 5, "🎙🎙", true},
	} {
		got, cut := chat.Fit(test.text, test.limit)
		require.Equal(t, test.want, got)
		require.Equal(t, test.cut, cut)
	}
}

func TestFitFitsAnything(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		limit := rapid.IntRange(1, 60).Draw(t, "limit")

		got, cut := chat.Fit(text, limit)
		require.LessOrEqual(t, chat.Units(got), limit)
		require.True(t, strings.HasPrefix(text, got))
		require.Equal(t, got != text, cut)
	})
}

// Whatever was said, and whatever the file is called, the result is a message
// that Telegram takes.
func TestResultIsAlwaysAMessage(t *testing.T) {
	t.Parallel()

	catalog := newCatalog(t)
	rules := &phone{}

	rapid.Check(t, func(rt *rapid.T) {
		rules.t = t
		said := strings.Repeat(rapid.String().Draw(rt, "said"), rapid.IntRange(1, 800).Draw(rt, "times"))
		job := transcript.Job{
			ID: "DC0KHS0EN138BE2", Language: rapid.SampledFrom([]string{"id", "en"}).Draw(rt, "language"),
			Source: transcript.Source{Name: rapid.String().Draw(rt, "name"), Kind: transcript.Audio},
		}
		result := catalog.Result(job, transcript.Transcript{
			Text: said, Language: rapid.String().Draw(rt, "heard"), Duration: time.Duration(rapid.Int64Range(0, 1e14).Draw(rt, "length")),
		})
		rules.check(message.Address{Store: demo, Chat: ani}, result)
	})
}

// The first message and the rest hold all of the text, in order, each a
// message that Telegram takes; or there is no rest, and the result says so.
func TestRestHoldsWhatTheResultHasNoRoomFor(t *testing.T) {
	t.Parallel()

	catalog := newCatalog(t)
	rules := &phone{}

	rapid.Check(t, func(rt *rapid.T) {
		rules.t = t
		sentence := rapid.OneOf(rapid.StringMatching(`([a-z<&]{1,9} ){1,20}[a-z]{1,9}[.?]`), rapid.StringN(1, 300, -1))
		once := strings.Join(rapid.SliceOfN(sentence, 1, 20).Draw(rt, "said"), " ") + " "
		said := strings.Repeat(once, rapid.IntRange(1, 90).Draw(rt, "times"))
		job := transcript.Job{
			ID: "DC0KHS0EN138BE2", Language: rapid.SampledFrom([]string{"id", "en"}).Draw(rt, "language"),
			Source: transcript.Source{Name: rapid.String().Draw(rt, "name"), Kind: transcript.Audio},
			Result: &transcript.Summary{Missing: time.Duration(rapid.Int64Range(0, 1e14).Draw(rt, "missing"))},
		}
		heard := transcript.Transcript{Text: said, Model: "groq/whisper-large-v3-turbo", Language: "indonesian"}

		to := message.Address{Store: demo, Chat: ani}
		first := catalog.Result(job, heard)
		rules.check(to, first)
		rules.check(to, catalog.Read(job, heard))

		rest := catalog.Rest(job, heard)
		require.LessOrEqual(rt, len(rest), 15)
		require.Equal(rt, len(rest) > 0, strings.Contains(picture(first), "job:rest:"))

		_, quoted, _ := strings.Cut(first.HTML, "<blockquote")
		_, quoted, _ = strings.Cut(quoted, ">")
		shown, _, _ := strings.Cut(quoted, "</blockquote>")
		shown = strings.TrimSuffix(shown, " …")

		for _, part := range rest {
			rules.check(to, part)

			_, text, found := strings.Cut(part.HTML, "\n\n")
			require.True(rt, found)

			shown += text
		}

		bare := func(text string) string { return strings.Join(strings.Fields(text), "") }
		if len(rest) > 0 || !strings.HasSuffix(quoted, " …</blockquote>") {
			require.Equal(rt, bare(said), bare(unescape(shown)))
		}
	})
}

func aJob() transcript.Job {
	return transcript.Job{
		ID: "DC0KHS0EN138BE2", Language: "id", CreatedAt: time.Date(2026, 11, 21, 7, 5, 0, 0, time.UTC),
		Source: transcript.Source{
			Name: "rapat-senin.mp4", Kind: transcript.Video, Duration: 72 * time.Minute, Size: 12_000_000,
		},
	}
}

func TestJobsAreToldAsTheyStand(t *testing.T) {
	t.Parallel()

	catalog, job := newCatalog(t), aJob()
	rules := &phone{t: t}

	shown := func(text message.Text) string {
		rules.check(message.Address{Store: demo, Chat: ani}, text)

		return picture(text)
	}

	require.Equal(t, `  | 🎧 rapat-senin · 1 jam 12 menit · 12 MB
  | ▰▰▰▰▰▱▱▱▱▱ mengunduh 52 %
  [✖️ Batalkan = job:cancel:DC0KHS0EN138BE2]`, shown(catalog.Progress(job, downloading(52))))
	require.Equal(t, `  | 🎧 rapat-senin · 1 jam 12 menit · 12 MB
  | ✍️ Sedang kudengarkan dan kutulis…
  [✖️ Batalkan = job:cancel:DC0KHS0EN138BE2]`, shown(catalog.Progress(job, transcript.Progress{Stage: transcript.Transcribing})))
	require.Equal(t, `  | 🎧 rapat-senin · 1 jam 12 menit · 12 MB
  | ▰▰▰▰▱▱▱▱▱▱ mengecilkan 40 % · sekitar 3 menit lagi
  [✖️ Batalkan = job:cancel:DC0KHS0EN138BE2]`,
		shown(catalog.Progress(job, transcript.Progress{Stage: transcript.Compressing, Percent: 40, Left: 170 * time.Second})))
	require.Equal(t, `  | 🎧 rapat-senin · 1 jam 12 menit · 12 MB
  | ▰▰▱▱▱▱▱▱▱▱ menulis bagian 3 dari 8 · kurang dari semenit lagi
  [✖️ Batalkan = job:cancel:DC0KHS0EN138BE2]`,
		shown(catalog.Progress(job, transcript.Progress{Stage: transcript.Transcribing, Part: 2, Parts: 8, Left: 50 * time.Second})))
	require.Contains(t, shown(catalog.Progress(job, transcript.Progress{Stage: transcript.Transcribing, Part: 8, Parts: 8})),
		"▰▰▰▰▰▰▰▰▰▰ menulis bagian 8 dari 8\n")
	require.Contains(t, shown(catalog.Progress(job, transcript.Progress{Stage: transcript.Compressing, Percent: 4, Bytes: 9_800_000})),
		"mengecilkan 4 % · jadi sekitar 9,8 MB")
	require.Contains(t, shown(catalog.Progress(job, transcript.Progress{})), "Sudah kuterima")
	require.Contains(t, shown(catalog.Progress(job, downloading(250))), "▰▰▰▰▰▰▰▰▰▰ ")
	require.Contains(t, shown(catalog.Progress(job, downloading(-3))), "▱▱▱▱▱▱▱▱▱▱ ")

	said := transcript.Transcript{
		Text: " Selamat pagi, <b>semuanya</b> & kita mulai. ", Language: "indonesian", Duration: 72 * time.Minute,
	}
	require.Equal(t, `  | 📝 <b>rapat-senin</b> · 1 jam 12 menit · Indonesia · 6 kata
  |
  | <blockquote>Selamat pagi, &lt;b&gt;semuanya&lt;/b&gt; &amp; kita mulai.</blockquote>
  [📄 Teks = job:txt:DC0KHS0EN138BE2] [🎬 SRT = job:srt:DC0KHS0EN138BE2]
  [🌐 VTT = job:vtt:DC0KHS0EN138BE2] [🧩 JSON = job:json:DC0KHS0EN138BE2]
  [🗑 Hapus = job:delete:DC0KHS0EN138BE2]`, shown(catalog.Result(job, said)))

	said.Text = strings.Repeat("Ini satu kalimat yang cukup panjang. ", 300)
	long := shown(catalog.Result(job, said))
	require.Contains(t, long, "1.800 kata")
	require.Contains(t, long, "<blockquote expandable>")
	require.Contains(t, long, "cukup panjang. …</blockquote>\n  | Masih ada 2 pesan lagi: ketuk Baca semua, atau ambil file teksnya.")
	require.Contains(t, long, "  [📖 Baca semua = job:rest:DC0KHS0EN138BE2] [🗑 Hapus = job:delete:DC0KHS0EN138BE2]")

	read := shown(catalog.Read(job, said))
	require.NotContains(t, read, "Baca semua")
	require.Contains(t, read, "cukup panjang. …</blockquote>\n  [📄")

	require.Equal(t, `  | 📝 <b>rapat-senin</b> · 0 kata
  |
  | Tidak ada ucapan yang terdengar di file ini.
  [🗑 Hapus = job:delete:DC0KHS0EN138BE2]`, shown(catalog.Result(job, transcript.Transcript{})))

	job.Result = &transcript.Summary{Missing: 12 * time.Minute}
	said.Text, said.Model = "Selamat pagi.", "groq/whisper-large-v3"
	require.Equal(t, `  | 📝 <b>rapat-senin</b> · 1 jam 12 menit · Indonesia · 2 kata · whisper-large-v3
  |
  | <blockquote>Selamat pagi.</blockquote>
  | ⚠️ File-nya terpotong: 12 menit terakhir tidak ada.`, strings.Split(shown(catalog.Result(job, said)), "\n  [")[0])

	said.Text = "Halo. Ya?"
	said.Segments = []transcript.Segment{{Text: "Halo.", Speaker: 1}, {Text: "Ya?", Speaker: 2}}
	require.Contains(t, shown(catalog.Result(job, said)), "<blockquote>Pembicara 1: Halo.\n  |\n  | Pembicara 2: Ya?</blockquote>")

	require.Equal(t, "  | Transkrip <b>rapat-senin</b>", shown(catalog.Caption(job, transcript.SubRip)))
	require.Contains(t, shown(catalog.Gone(job)), "Transkrip <b>rapat-senin</b> sudah tidak disimpan lagi.")

	job.Reason, job.Args = "error.too_big", errs.Args{"Limit": float64(20)} // as it comes out of the table
	require.Equal(t, `  | 🎧 rapat-senin · 1 jam 12 menit · 12 MB
  |
  | 😔 File ini lebih besar dari 20 MB, batas yang bisa kuambil dari Telegram. Kirim bagian yang lebih pendek atau versi audionya saja.`,
		shown(catalog.Failure(job)))
}

func TestHeardLanguagesHaveNames(t *testing.T) {
	t.Parallel()

	catalog := newCatalog(t)

	for heard, want := range map[string]string{
		"id": "Indonesia", "english": "Inggris", "ms": "Melayu", "jw": "Jawa", "sundanese": "Sunda", "Arabic": "Arab",
		"zh": "Mandarin", "ja": "Jepang", "korean": "Korea", "swahili": "Swahili", "fr": "French", "xx": "Xx",
	} {
		result := catalog.Result(aJob(), transcript.Transcript{Text: "x", Language: heard})
		require.Contains(t, result.HTML, " · "+want+" · 1 kata")
	}
}

func TestFilesWithoutANameAreCalledByTheirKind(t *testing.T) {
	t.Parallel()

	catalog := newCatalog(t)

	for kind, want := range map[transcript.Kind]string{
		transcript.Voice: "Pesan suara", transcript.Audio: "Audio", transcript.Video: "Video",
		transcript.VideoNote: "Pesan video", transcript.Document: "File", "newer": "File",
	} {
		job := aJob()
		job.Source = transcript.Source{Kind: kind}
		require.Equal(t, "Transkrip <b>"+want+"</b>", catalog.Caption(job, transcript.Text).HTML)
	}

	job := aJob()
	job.Source.Name = strings.Repeat("panjang ", 20) + ".mp3"
	require.Contains(t, catalog.Caption(job, transcript.Text).HTML, "panjang…</b>")
}

func TestTheMenuIsInBothLanguages(t *testing.T) {
	t.Parallel()

	for _, language := range newCatalog(t).Languages() {
		menu := newCatalog(t).Commands(language, true, true)
		require.NotEmpty(t, menu)

		for _, command := range menu {
			require.Regexp(t, `^[a-z_]{1,32}$`, command.Name)
			require.NotContains(t, command.Text, "command.", "a key instead of its text")
			require.LessOrEqual(t, len(command.Text), 256)
		}
	}
}

func downloading(percent int) transcript.Progress {
	return transcript.Progress{Stage: transcript.Downloading, Percent: percent}
}
