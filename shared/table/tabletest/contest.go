package tabletest

import (
	"strconv"
	"sync/atomic"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/table"
)

const (
	writers = 8
	rounds  = 10
)

// together runs all writers at the same time and fails on the first error.
func (s *subject) together(write func(writer int) error) {
	s.Helper()

	var group errgroup.Group

	for writer := range writers {
		group.Go(func() error { return write(writer) })
	}

	require.NoError(s, group.Wait())
}

// noUpdateIsLost counts in the body of a row that all writers read, change and
// replace: each of them must get through as often as it meant to.
func noUpdateIsLost(s *subject) {
	ctx := s.Context()
	key := s.key("a")
	s.write(table.Create(table.Row{Key: key, Body: []byte(`0`)}))

	increment := func() error {
		row, err := s.table.Get(ctx, key)
		if err != nil {
			return err
		}

		count, err := strconv.Atoi(string(row.Body))
		if err != nil {
			return err
		}

		row.Body = strconv.AppendInt(nil, int64(count+1), 10)

		return s.table.Write(ctx, table.Replace(row))
	}

	s.together(func(int) error {
		for done := 0; done < rounds; {
			err := until(ctx, increment)

			switch {
			case err == nil:
				done++
			case !errs.Is(err, errs.Conflict):
				return err
			}
		}

		return nil
	})

	row := s.get(key)
	assert.Equal(s, strconv.Itoa(writers*rounds), string(row.Body))
	assert.EqualValues(s, writers*rounds+1, row.Version)
}

// boundsUnderContest sells a stock to more buyers than it has pieces.
func boundsUnderContest(s *subject) {
	const stock = writers * rounds / 2

	ctx := s.Context()
	key := s.key("stock")
	s.write(table.Add(key, "left", stock, 0, stock))

	var sold, refused atomic.Int64

	s.together(func(writer int) error {
		for round := range rounds {
			err := until(ctx, func() error {
				return s.table.Write(ctx, table.Add(key, "left", -1, 0, stock),
					table.Create(s.row("sale-"+strconv.Itoa(writer)+"-"+strconv.Itoa(round))))
			})

			switch {
			case err == nil:
				sold.Add(1)
			case errs.Is(err, errs.Conflict):
				refused.Add(1)
			default:
				return err
			}
		}

		return nil
	})

	assert.EqualValues(s, stock, sold.Load())
	assert.EqualValues(s, writers*rounds-stock, refused.Load())
	assert.EqualValues(s, 0, s.get(key).Counters["left"])
	assert.Len(s, s.all(table.Query{Partition: s.rows, Limit: 100, Prefix: "row#sale-"}), stock)
}

func oneCreatorWins(s *subject) {
	ctx := s.Context()

	var won atomic.Int64

	s.together(func(writer int) error {
		row := s.row("a")
		row.Body = strconv.AppendInt(nil, int64(writer), 10)

		err := until(ctx, func() error { return s.table.Write(ctx, table.Create(row)) })
		if err == nil {
			won.Add(1)
		} else if !errs.Is(err, errs.Conflict) {
			return err
		}

		return nil
	})

	assert.EqualValues(s, 1, won.Load())
}

// transfersKeepTheSum moves amounts between accounts, both ways at once.
func transfersKeepTheSum(s *subject) {
	const start = 20

	ctx := s.Context()
	accounts := []table.Key{s.key("a"), s.key("b"), s.key("c")}

	for _, account := range accounts {
		s.write(table.Add(account, "balance", start, 0, 1000))
	}

	s.together(func(writer int) error {
		for round := range rounds {
			from, to := accounts[(writer+round)%3], accounts[(writer+round+1+writer%2)%3]

			err := until(ctx, func() error {
				return s.table.Write(ctx, table.Add(from, "balance", -7, 0, 1000), table.Add(to, "balance", 7, 0, 1000))
			})
			if err != nil && !errs.Is(err, errs.Conflict) {
				return err
			}
		}

		return nil
	})

	sum := int64(0)

	for _, account := range accounts {
		balance := s.get(account).Counters["balance"]
		assert.GreaterOrEqual(s, balance, int64(0))
		sum += balance
	}

	assert.EqualValues(s, len(accounts)*start, sum)
}
