package report

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	design "hushpipe/format/page"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// color is linear sRGB, 0…1.
type color [3]float64

// palette reads the custom properties of a rule of page.css.
func palette(t *testing.T, rule string) map[string]color {
	t.Helper()
	_, body, ok := strings.Cut(design.Style, rule+" {")
	require.True(t, ok, rule)
	body, _, _ = strings.Cut(body, "}")
	colors := map[string]color{}
	for _, m := range regexp.MustCompile(`--([a-z0-9-]+): #([0-9a-f]{6});`).FindAllStringSubmatch(body, -1) {
		var c color
		for i := range c {
			n, err := strconv.ParseUint(m[2][2*i:2*i+2], 16, 8)
			require.NoError(t, err)
			c[i] = linear(float64(n) / 255)
		}
		colors[m[1]] = c
	}
	return colors
}

func linear(v float64) float64 {
	if v <= 0.04045 {
		return v / 12.92
	}
	return math.Pow((v+0.055)/1.055, 2.4)
}

// contrast is defined in https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio.
func contrast(a, b color) float64 {
	light := func(c color) float64 { return 0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2] }
	x, y := light(a), light(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// visions are the colours that people with one kind of cone missing see, by Machado, Oliveira
// and Fernandes 2009, severity 1.
var visions = map[string][3]color{
	"all cones":    {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
	"protanopia":   {{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}},
	"deuteranopia": {{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}},
	"tritanopia":   {{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}},
}

func times(m [3]color, c color) (out color) {
	for i, row := range m {
		out[i] = row[0]*c[0] + row[1]*c[1] + row[2]*c[2]
	}
	return out
}

// seen returns a colour as seen with one of visions.
func seen(vision [3]color, c color) color {
	c = times(vision, c)
	for i := range c {
		c[i] = min(1, max(0, c[i]))
	}
	return c
}

// apart returns the distance of two colours in OKLab, where black and white are 1 apart;
// https://www.w3.org/TR/css-color-4/#color-difference-OK.
func apart(a, b color) (sum float64) {
	lab := func(c color) color {
		cones := times([3]color{{0.4122214708, 0.5363325363, 0.0514459929}, {0.2119034982, 0.6806995451, 0.1073969566},
			{0.0883024619, 0.2817188376, 0.6299787005}}, c)
		for i := range cones {
			cones[i] = math.Cbrt(cones[i])
		}
		return times([3]color{{0.2104542553, 0.7936177850, -0.0040720468}, {1.9779984951, -2.4285922050, 0.4505937099},
			{0.0259040371, 0.7827717662, -0.8086757660}}, cones)
	}
	x, y := lab(a), lab(b)
	for i := range x {
		sum += (x[i] - y[i]) * (x[i] - y[i])
	}
	return math.Sqrt(sum)
}

// Everybody can distinguish the colours of sizes from each other and from the background; larger
// sizes stand out more.
func TestPalette(t *testing.T) {
	assert.InDelta(t, 1, apart(color{}, color{1, 1, 1}), 1e-6)
	assert.InDelta(t, 21, contrast(color{}, color{1, 1, 1}), 1e-6)
	for scheme, rule := range map[string]string{"light": ":root", "dark": ":root:not(.printing)"} {
		colors := palette(t, rule)
		size := func(i int) color {
			c, ok := colors[fmt.Sprint("s", i)]
			require.True(t, ok)
			return c
		}
		for _, ground := range []string{"ground", "raised"} {
			for _, name := range []string{"c0", "c1", "s0", "s1", "s2", "s3", "s4", "s5"} {
				// https://www.w3.org/TR/WCAG22/#non-text-contrast
				assert.GreaterOrEqual(t, contrast(colors[name], colors[ground]), 3.0, "%s: %s on %s", scheme, name, ground)
			}
		}
		for i := range SizeClasses {
			if i > 0 {
				assert.Greater(t, contrast(size(i), colors["ground"]), contrast(size(i-1), colors["ground"]), "%s: %d", scheme, i)
			}
			for j := range i {
				for name, vision := range visions {
					assert.GreaterOrEqual(t, apart(seen(vision, size(i)), seen(vision, size(j))), 0.11,
						"%s: sizes %d and %d, %s", scheme, i, j, name)
				}
			}
		}
	}
}
