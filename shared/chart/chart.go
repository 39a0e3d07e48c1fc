// Package chart provides pictures of numbers: bars over days as a PNG that is
// readable on a telephone.
package chart

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"
	"slices"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"

	"github.com/lapak-id/lapak/shared/errs"
)

// Bars is a chart with one bar for each value.
type Bars struct {
	Title  string
	Note   string   // below the title
	Values []int64  // 1 to MaxBars; negative ones hang below the line
	Labels []string // one below each bar; those that would overlap are left out
	// Axis writes a value beside its line; it should be short.
	Axis func(value int64) string
}

// MaxBars is how many values a chart shows.
const MaxBars = 92

// The picture and what stands where in it, in pixels.
const (
	width, height = 1280, 720
	left          = 150
	right         = width - 40
	top           = 140
	bottom        = height - 80
	titleAt       = 62
	noteAt        = 100
	labelAt       = bottom + 40
	radius        = 6
	gap           = 0.28 // of a bar's place that stays free
	between       = 18   // labels, at least
)

// The sizes of the letters, in pixels.
const (
	titleSize = 36
	noteSize  = 24
	labelSize = 22
)

// PNG draws the chart. Invalid where there is nothing to draw or too much.
func (b Bars) PNG() ([]byte, error) {
	if len(b.Values) == 0 || len(b.Values) > MaxBars || len(b.Labels) != len(b.Values) {
		return nil, errs.New(errs.Invalid, "draw a chart of %d values with %d labels: use 1 to %d, a label each",
			len(b.Values), len(b.Labels), MaxBars)
	}

	letters, err := typefaces()
	if err != nil {
		return nil, err
	}

	page := canvas{image.NewRGBA(image.Rect(0, 0, width, height))}
	page.fill(page.Bounds(), paper())

	letters.Lock()
	defer letters.Unlock()

	page.write(letters.title, b.Title, left, titleAt, ink())
	page.write(letters.note, b.Note, left, noteAt, pale())

	scale := scaleOf(b.Values)
	for at := scale.low; at <= scale.high; at += scale.step {
		y := scale.y(at)
		page.fill(image.Rect(left, y, right, y+1), grid())

		text := b.Axis(at)
		page.write(letters.label, text, left-between-widthOf(letters.label, text), y+labelSize/3, pale())
	}

	place := float64(right-left) / float64(len(b.Values))
	for i, value := range b.Values {
		from, to := scale.y(value), scale.y(0)
		x := left + place*(float64(i)+gap/2)
		page.bar(x, float64(min(from, to)), x+place*(1-gap), float64(max(from, to)), value < 0)
	}

	y := scale.y(0)
	page.fill(image.Rect(left, y, right, y+2), pale())
	b.label(page, letters.label, place)

	var file bytes.Buffer
	if err := png.Encode(&file, page); err != nil {
		return nil, errs.Wrap(err, errs.Internal, "encode a chart")
	}

	return file.Bytes(), nil
}

// label writes the labels below the bars, from the last one backwards, every
// so many that none touches the next.
func (b Bars) label(page canvas, face font.Face, place float64) {
	widest := 0
	for _, text := range b.Labels {
		widest = max(widest, widthOf(face, text))
	}

	every := max(1, int(math.Ceil(float64(widest+between)/place)))

	for i := len(b.Labels) - 1; i >= 0; i -= every {
		text := b.Labels[i]
		x := left + int(place*(float64(i)+1./2)) - widthOf(face, text)/2
		page.write(face, text, min(x, width-widthOf(face, text)), labelAt, pale())
	}
}

// scale puts values on the picture: from low to high in round steps, with zero
// among them.
type scale struct{ low, high, step int64 }

// steps is about how many lines a chart has.
const steps = 5

func scaleOf(values []int64) scale {
	const ten = 10

	high, low := max(0, slices.Max(values)), min(0, slices.Min(values))
	least := max((high-low+steps-1)/steps, 1)
	step := int64(1)

	for step <= math.MaxInt64/ten && step*ten <= least {
		step *= ten
	}

	for _, factor := range []int64{1, 2, 5, ten} { // 1, 2 or 5 of the power of ten, whichever is enough
		if step*factor >= least {
			step *= factor

			break
		}
	}

	found := scale{low: -roundUp(-low, step), high: roundUp(high, step), step: step}
	if found.low == found.high {
		found.high = step
	}

	return found
}

// roundUp gives the first multiple of step that is not below value, which is
// not negative.
func roundUp(value, step int64) int64 { return (value + step - 1) / step * step }

func (s scale) y(value int64) int {
	part := float64(value-s.low) / float64(s.high-s.low)

	return bottom - int(math.Round(part*(bottom-top)))
}

// canvas is a picture to draw on.
type canvas struct{ *image.RGBA }

func (c canvas) fill(area image.Rectangle, with color.Color) {
	draw.Draw(c, area, image.NewUniform(with), image.Point{}, draw.Src)
}

// bar draws a bar whose far end is round.
func (c canvas) bar(x0, y0, x1, y1 float64, hangs bool) {
	if y1-y0 < 1 {
		return
	}

	round := min(radius, (x1-x0)/2, y1-y0)
	tint := accent()

	if hangs {
		y0, y1, round = y1, y0, -round
		tint = loss()
	}

	// The raster is as large as the bar, not as the picture: there may be many.
	area := image.Rect(int(x0), int(min(y0, y1)), int(x1)+1, int(max(y0, y1))+1)
	raster := vector.NewRasterizer(area.Dx(), area.Dy())
	at := func(x, y float64) (float32, float32) {
		return float32(x - float64(area.Min.X)), float32(y - float64(area.Min.Y))
	}
	corner := func(x, y, toX, toY float64) {
		bx, by := at(x, y)
		cx, cy := at(toX, toY)
		raster.QuadTo(bx, by, cx, cy)
	}
	side := math.Abs(round)

	raster.MoveTo(at(x0, y1))
	raster.LineTo(at(x0, y0+round))
	corner(x0, y0, x0+side, y0)
	raster.LineTo(at(x1-side, y0))
	corner(x1, y0, x1, y0+round)
	raster.LineTo(at(x1, y1))
	raster.ClosePath()
	raster.Draw(c, area, image.NewUniform(tint), image.Point{})
}

func (c canvas) write(face font.Face, text string, x, y int, tint color.Color) {
	pen := font.Drawer{Dst: c, Src: image.NewUniform(tint), Face: face, Dot: fixed.P(x, y)}
	pen.DrawString(text)
}

func widthOf(face font.Face, text string) int { return font.MeasureString(face, text).Ceil() }

func paper() color.Color  { return color.White }
func ink() color.Color    { return color.RGBA{R: 0x1B, G: 0x1F, B: 0x24, A: 0xFF} }
func pale() color.Color   { return color.RGBA{R: 0x6A, G: 0x73, B: 0x7D, A: 0xFF} }
func grid() color.Color   { return color.RGBA{R: 0xE6, G: 0xE8, B: 0xEB, A: 0xFF} }
func accent() color.Color { return color.RGBA{R: 0x22, G: 0x8B, B: 0xE6, A: 0xFF} }
func loss() color.Color   { return color.RGBA{R: 0xE0, G: 0x51, B: 0x3B, A: 0xFF} }

// faces are the letters. A face is for one user at a time.
type faces struct {
	sync.Mutex

	title, note, label font.Face
}

// typefaces reads the letters when the first chart is drawn: no cold start
// waits for them.
//
//nolint:gochecknoglobals // read once, and then only under its lock
var typefaces = sync.OnceValues(func() (*faces, error) {
	var read faces

	for _, one := range []struct {
		into *font.Face
		from []byte
		size float64
	}{
		{&read.title, gobold.TTF, titleSize}, {&read.note, goregular.TTF, noteSize}, {&read.label, goregular.TTF, labelSize},
	} {
		parsed, err := opentype.Parse(one.from)
		if err != nil {
			return nil, errs.Wrap(err, errs.Internal, "read a typeface that is built in")
		}

		const pixels = 72 // dots an inch at which a point is a pixel

		*one.into, err = opentype.NewFace(parsed, &opentype.FaceOptions{Size: one.size, DPI: pixels, Hinting: font.HintingNone})
		if err != nil {
			return nil, errs.Wrap(err, errs.Internal, "cut a typeface to %g pixels", one.size)
		}
	}

	return &read, nil
})
