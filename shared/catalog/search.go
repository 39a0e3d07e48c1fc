package catalog

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/table"
)

// maxWords bounds what a search looks for; words behind them are ignored.
const maxWords = 8

// Search gives the offers whose names or descriptions hold all words of a text, whole or as
// beginnings, in any case and with or without accents, at most limit: those with the most
// words in their names first, then with the most whole words, then what sells best. Up to
// five minutes old.
func (s *Service) Search(ctx context.Context, store, text string, limit int) ([]Offer, error) {
	stored, err := s.snapshot(ctx, store)
	if err != nil {
		return nil, errs.Context(err, "search the products of %s", store)
	}

	wanted := wordsOf(text)
	if len(wanted) == 0 {
		return nil, nil
	}

	wanted = wanted[:min(len(wanted), maxWords)]

	type hit struct {
		offer        Offer
		names, whole int
	}

	var hits []hit

	for _, of := range stored {
		if names, whole, all := of.match(wanted); all {
			hits = append(hits, hit{of.offer, names, whole})
		}
	}

	slices.SortStableFunc(hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(b.names, a.names), cmp.Compare(b.whole, a.whole), cmp.Compare(b.offer.Sold, a.offer.Sold))
	})

	var found []Offer
	for _, hit := range hits[:min(len(hits), limit)] {
		found = append(found, hit.offer)
	}

	return found, nil
}

// Popular gives what sells best, at most limit: what was never sold is not in it. Up to
// five minutes old.
func (s *Service) Popular(ctx context.Context, store string, limit int) ([]Offer, error) {
	stored, err := s.snapshot(ctx, store)
	if err != nil {
		return nil, errs.Context(err, "find what is popular at %s", store)
	}

	var found []Offer

	for _, of := range stored {
		if of.offer.Sold > 0 {
			found = append(found, of.offer)
		}
	}

	slices.SortStableFunc(found, func(a, b Offer) int { return cmp.Compare(b.Sold, a.Sold) })

	return found[:min(len(found), limit)], nil
}

// searchable is an offer with its words.
type searchable struct {
	offer             Offer
	name, description []string // folded, sorted
}

// match counts how many of the wanted words stand in the name, and how many
// are whole words; false where one stands nowhere.
func (s searchable) match(wanted []string) (int, int, bool) {
	names, whole := 0, 0

	for _, word := range wanted {
		inName, exactly := begins(s.name, word)
		if inName {
			names++
		} else {
			var inDescription bool
			if inDescription, exactly = begins(s.description, word); !inDescription {
				return 0, 0, false
			}
		}

		if exactly {
			whole++
		}
	}

	return names, whole, true
}

// begins reports whether one of some sorted words begins with word, and then if one is it.
func begins(words []string, word string) (bool, bool) {
	at, exactly := slices.BinarySearch(words, word)

	return exactly || (at < len(words) && strings.HasPrefix(words[at], word)), exactly
}

// wordsOf gives the words of a text as they are compared.
func wordsOf(text string) []string {
	return strings.FieldsFunc(fold(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// fold makes texts alike that differ in case and accents only (Unicode NFKD
// without its marks: https://unicode.org/reports/tr15/).
func fold(text string) string {
	plain := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}

		return unicode.ToLower(r)
	}, norm.NFKD.String(text))

	return plain
}

// sortedWords gives the words of a text in all its languages.
func sortedWords(text Text) []string {
	var all []string
	for _, one := range text {
		all = append(all, wordsOf(one)...)
	}

	slices.Sort(all)

	return slices.Compact(all)
}

// snapshot gives what a store has on sale, up to freshFor old.
func (s *Service) snapshot(ctx context.Context, store string) ([]searchable, error) {
	known, generation, ok := s.snapshots.get(store)
	if ok {
		return known, nil
	}

	of, err := rowsOf(store)
	if err != nil {
		return nil, err
	}

	var read shelf

	for row, err := range s.all(ctx, table.Query{Partition: of.catalog(), Prefix: table.SortPrefix(productKind)}) {
		if err == nil {
			err = read.put(row)
		}

		if err != nil {
			return nil, err
		}
	}

	var found []searchable

	for _, offer := range read.offers() {
		if !offer.Hidden {
			found = append(found, searchable{offer, sortedWords(offer.Name), sortedWords(offer.Description)})
		}
	}

	s.snapshots.put(store, generation, found)

	return found, nil
}

const (
	// freshFor is how old what Search and Popular say may be.
	freshFor = 5 * time.Minute
	// maxStores is how many stores' snapshots are kept: a warm function serves few.
	maxStores = 64
)

// snapshots keeps what stores have on sale. It is safe for concurrent use.
type snapshots struct {
	clock clock.Clock

	mu         sync.Mutex
	kept       map[string]snapshot
	generation int // of drops: what was read before one is not kept after it
}

type snapshot struct {
	offers []searchable
	until  time.Time
}

func newSnapshots(now clock.Clock) *snapshots {
	return &snapshots{clock: now, kept: map[string]snapshot{}}
}

// get gives a snapshot that is fresh, and the generation for put.
func (s *snapshots) get(store string) ([]searchable, int, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()

	found, ok := s.kept[store]

	return found.offers, s.generation, ok && s.clock.Now().Before(found.until)
}

// put keeps a snapshot; where there is no room, in the place of another.
func (s *snapshots) put(store string, generation int, offers []searchable) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if generation != s.generation {
		return
	}

	for other := range s.kept {
		if len(s.kept) < maxStores {
			break
		}

		delete(s.kept, other)
	}

	s.kept[store] = snapshot{offers: offers, until: s.clock.Now().Add(freshFor)}
}

func (s *snapshots) drop(store string) {
	s.mu.Lock()
	defer s.mu.Unlock()

	delete(s.kept, store)
	s.generation++
}
