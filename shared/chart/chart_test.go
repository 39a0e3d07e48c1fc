package chart_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/chart"
	"github.com/lapak-id/lapak/shared/errs"
)

func bars(values ...int64) chart.Bars {
	labels := make([]string, len(values))
	for i := range labels {
		labels[i] = strconv.Itoa(i+1) + " Nov"
	}

	return chart.Bars{
		Title: "Omzet 30 hari", Note: "23 Okt – 21 Nov 2026 · Rp12.345.000", Values: values, Labels: labels,
		Axis: func(value int64) string { return "Rp" + strconv.FormatInt(value/1000, 10) + " rb" },
	}
}

func draw(t require.TestingT, b chart.Bars) image.Image {
	file, err := b.PNG()
	require.NoError(t, err)
	require.Less(t, len(file), 200_000, "it goes to a telephone")

	drawn, err := png.Decode(bytes.NewReader(file))
	require.NoError(t, err)
	require.Equal(t, image.Rect(0, 0, 1280, 720), drawn.Bounds())

	return drawn
}

// tall gives how many pixels of a colour stand in the middle of the place of
// one of five bars.
func tall(drawn image.Image, bar int, want color.Color) int {
	const left, right, bars = 150, 1240, 5

	x := left + (right-left)*(2*bar+1)/(2*bars)
	count := 0

	for y := range drawn.Bounds().Dy() {
		if color.RGBAModel.Convert(drawn.At(x, y)) == want {
			count++
		}
	}

	return count
}

func TestBarsAreAsTallAsTheirValues(t *testing.T) {
	t.Parallel()

	blue, red := color.RGBA{0x22, 0x8B, 0xE6, 0xFF}, color.RGBA{0xE0, 0x51, 0x3B, 0xFF}
	drawn := draw(t, bars(0, 100_000, 50_000, -50_000, 1))

	full := tall(drawn, 1, blue)
	require.Greater(t, full, 200)
	require.InDelta(t, full/2, tall(drawn, 2, blue), 2)
	require.InDelta(t, full/2, tall(drawn, 3, red), 3)
	require.Zero(t, tall(drawn, 0, blue))
	require.Zero(t, tall(drawn, 4, blue), "one rupiah is no bar beside a hundred thousand")
	require.Zero(t, tall(drawn, 1, red))
}

func TestNothingSoldIsAChartToo(t *testing.T) {
	t.Parallel()

	draw(t, bars(0, 0, 0, 0, 0, 0, 0))
}

func TestWhatCannotBeDrawnIsSaid(t *testing.T) {
	t.Parallel()

	for _, b := range []chart.Bars{
		bars(), bars(make([]int64, chart.MaxBars+1)...), {Values: []int64{1}, Axis: func(int64) string { return "" }},
	} {
		_, err := b.PNG()
		require.Equal(t, errs.Invalid, errs.CodeOf(err))
	}
}

func TestChartsAreDrawnAtTheSameTime(t *testing.T) {
	t.Parallel()

	want, err := bars(1, 2, 3).PNG()
	require.NoError(t, err)

	var group sync.WaitGroup

	for range 4 {
		group.Go(func() {
			got, err := bars(1, 2, 3).PNG()
			if err != nil || !bytes.Equal(want, got) {
				t.Error("drawn at the same time it looks different", err)
			}
		})
	}

	group.Wait()
}

// Whatever the figures, there is a picture, with few lines. A picture takes a
// second under the race detector, so that these are few.
func TestAnyValuesAreDrawn(t *testing.T) {
	t.Parallel()

	const largest = 1_000_000_000_000

	random := rand.New(rand.NewPCG(1, 2))
	many := make([]int64, chart.MaxBars)

	for at := range many {
		many[at] = random.Int64N(2*largest) - largest
	}

	for _, values := range [][]int64{
		{1}, {-1}, {largest}, {-largest}, {largest, -largest}, {1, largest}, {3, 7, -2, 11}, many, many[:7],
	} {
		lines := 0
		b := bars(values...)
		b.Axis = func(value int64) string {
			lines++

			return strconv.FormatInt(value, 10)
		}

		if _, err := b.PNG(); err != nil || lines < 2 || lines > 9 {
			t.Errorf("%v: %d lines, error %v", values, lines, err)
		}
	}
}

// BenchmarkPNG is what /report waits for.
func BenchmarkPNG(b *testing.B) {
	values := make([]int64, 30)
	for i := range values {
		values[i] = int64(i*i) * 10_000
	}

	for b.Loop() {
		if _, err := bars(values...).PNG(); err != nil {
			b.Fatal(err)
		}
	}
}

// LAPAK_CHART names a file to look at.
func TestLook(t *testing.T) {
	t.Parallel()

	path := os.Getenv("LAPAK_CHART")
	if path == "" {
		t.Skip("to look at a chart: LAPAK_CHART=/tmp/chart.png go test -run TestLook ./shared/chart")
	}

	values := make([]int64, 30)
	for i := range values {
		values[i] = int64(400_000 + 300_000*((i*7)%5) - 20_000*i)
	}

	file, err := bars(values...).PNG()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, file, 0o600))
}
