// Package qr owns the drawing of QR codes as a path of an SVG. It must not know
// what is in them.
package qr

import (
	"fmt"
	"strings"

	goqr "github.com/piglig/go-qr"
)

// Image is a QR code: the path fills the dark modules of an SVG with a viewBox of
// "0 0 Size Size". The margin that readers need (four modules) is in it.
type Image struct {
	Size int
	Path string
}

const margin = 4

// Draw makes the QR code of a text.
func Draw(text string) (Image, error) {
	code, err := goqr.EncodeText(text, goqr.Medium)
	if err != nil {
		return Image{}, fmt.Errorf("make a QR code of %d bytes: %w", len(text), err)
	}
	var path strings.Builder
	size := code.Size()
	for y := range size {
		for x := range size {
			if code.Module(x, y) {
				fmt.Fprintf(&path, "M%d %dh1v1h-1z", x+margin, y+margin)
			}
		}
	}
	return Image{Size: size + 2*margin, Path: path.String()}, nil
}
