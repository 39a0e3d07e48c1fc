package chat_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What is typed is the answer to the question that stands, until it is
// answered, left, forgotten or something else is opened.
func TestAQuestionStandsUntilItIsOver(t *testing.T) {
	t.Parallel()

	const answered = "Isi saldo <b>Rp75.000</b>"

	for name, test := range map[string]struct {
		meanwhile func(m *market)
		stands    bool
	}{
		"nothing":        {func(*market) {}, true},
		"a wrong answer": {func(m *market) { m.do(m.text("banyak")) }, true},
		"a voice message": {func(m *market) {
			m.do(m.voice())
			require.Contains(t, m.phone.message(0).HTML, "Sudah kuterima")
		}, true},
		"a while":           {func(m *market) { m.now.Advance(59 * time.Minute) }, true},
		"too long":          {func(m *market) { m.now.Advance(time.Hour) }, false},
		"a command":         {func(m *market) { m.do(m.text("/help")) }, false},
		"/cancel":           {func(m *market) { m.do(m.text("/cancel")) }, false},
		"another screen":    {func(m *market) { m.do(m.tap(m.phone.last, "open:help")) }, false},
		"the answer itself": {func(m *market) { m.do(m.text("20rb")); m.do(m.press("pay:qris")) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			m := newMarket(t)
			m.do(m.text("/wallet"))
			m.do(m.press("open:deposit"))
			test.meanwhile(m)
			m.do(m.text("75rb"))

			if test.stands {
				require.Contains(t, m.phone.message(0).HTML, answered)
			} else {
				require.NotContains(t, m.phone.message(0).HTML, answered)
			}
		})
	}
}

// /cancel leaves a question alone, and not what is being transcribed.
func TestCancelLeavesAQuestionFirst(t *testing.T) {
	t.Parallel()

	m := newMarket(t)
	m.do(m.voice())
	m.do(m.text("/search"))
	m.do(m.text("/cancel"))
	require.Equal(t, "Oke, tidak jadi.", m.phone.message(0).HTML)

	m.do(m.text("/cancel"))
	require.Contains(t, m.phone.message(0).HTML, "kubatalkan")
}
