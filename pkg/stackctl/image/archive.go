// Package image owns image archives: it reads what `docker save` wrote, finds
// which layers a host lacks, and streams those and no others. It must not know
// how a host is reached or what an image is for.
package image

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"

	"github.com/distribution/reference"
)

// Bounds on what an archive may hold.
const (
	maxEntries  = 20_000
	maxDocument = 8 << 20 // manifest.json or an image's config
	maxLayers   = 256
	maxLinks    = 8
	maxImages   = 1_000
)

var (
	digest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	// named matches a config's name where that carries its digest.
	named = regexp.MustCompile(`(?:^|[/:])([0-9a-f]{64})(?:\.json)?$`)
)

// archive is an opened docker-save archive: where each file lies in it, and
// the images that its manifest.json lists.
type archive struct {
	src    io.ReaderAt
	files  map[string]entry
	images []saved
}

// entry is one file of the archive; link is set for symbolic and hard links.
type entry struct {
	offset, size int64
	link         string
	twice        bool
}

// saved is one image of an archive.
type saved struct {
	id       string
	tags     []string
	platform string
	revision string
	config   entry
	raw      []byte // the config, where it is not in the archive
	diffIDs  []string
	layers   []entry
}

// size is that of the layers as they are stored.
func (s saved) size() int64 {
	var n int64
	for _, l := range s.layers {
		n += l.size
	}
	return n
}

// manifest is one element of manifest.json.
type manifest struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// config is what is read of an image's config.
type config struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant"`
	Config       struct {
		Labels map[string]string
	} `json:"config"`
	RootFS struct {
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
}

// source is a file that an archive is read from.
type source interface {
	io.ReadSeeker
	io.ReaderAt
}

// readArchive reads the headers, manifest.json and the configs of an archive
// of size bytes. Layers are neither read nor trusted.
func readArchive(src source, size int64) (*archive, error) {
	files, err := scan(src, size)
	if err != nil {
		return nil, err
	}
	a := &archive{src: src, files: files}
	var list []manifest
	e, err := a.find("manifest.json")
	if err != nil {
		return nil, fmt.Errorf("%w: not an archive that docker save wrote", err)
	}
	if _, err := a.document(e, &list); err != nil {
		return nil, fmt.Errorf("manifest.json: %w", err)
	}
	if len(list) == 0 || len(list) > maxImages {
		return nil, fmt.Errorf("manifest.json lists %d images", len(list))
	}
	for _, m := range list {
		s, err := a.image(m)
		if err != nil {
			return nil, err
		}
		a.images = append(a.images, s)
	}
	return a, nil
}

// scan notes where each file of the tar lies, without reading contents.
func scan(src io.ReadSeeker, size int64) (map[string]entry, error) {
	files := map[string]entry{}
	r := tar.NewReader(src)
	for range maxEntries {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, fmt.Errorf("damaged or cut off: %w", err)
		}
		e := entry{size: h.Size}
		switch h.Typeflag {
		case tar.TypeReg:
		case tar.TypeSymlink:
			e = entry{link: path.Join(path.Dir(clean(h.Name)), h.Linkname)} //nolint:gosec // only names entries of the archive; nothing is unpacked
			if path.IsAbs(h.Linkname) {
				e.link = clean(h.Linkname)
			}
		case tar.TypeLink:
			e = entry{link: clean(h.Linkname)}
		default:
			continue
		}
		for k := range h.PAXRecords {
			if strings.HasPrefix(k, "GNU.sparse.") {
				return nil, fmt.Errorf("%s is a sparse file", h.Name)
			}
		}
		if e.offset, err = src.Seek(0, io.SeekCurrent); err != nil {
			return nil, err
		}
		if e.size < 0 || e.size > size-e.offset {
			return nil, fmt.Errorf("cut off: %s ends beyond the end of the file", h.Name)
		}
		name := clean(h.Name)
		_, e.twice = files[name]
		files[name] = e
	}
	return nil, fmt.Errorf("more than %d entries", maxEntries)
}

// clean makes a name of the archive comparable. Names are only looked up in
// the archive itself, never on a disk.
func clean(name string) string { return strings.TrimPrefix(path.Join("/", name), "/") }

// find follows links inside the archive.
func (a *archive) find(name string) (entry, error) {
	at := clean(name)
	for range maxLinks {
		e, ok := a.files[at]
		switch {
		case !ok:
			return entry{}, fmt.Errorf("%s is missing", name)
		case e.twice:
			return entry{}, fmt.Errorf("%s is in it twice", name)
		case e.link == "":
			return e, nil
		}
		at = clean(e.link)
	}
	return entry{}, fmt.Errorf("%s is a chain of links", name)
}

// document decodes a JSON file of the archive and returns its bytes.
func (a *archive) document(e entry, v any) ([]byte, error) {
	if e.size > maxDocument {
		return nil, fmt.Errorf("%d bytes is too long", e.size)
	}
	b := make([]byte, e.size)
	if _, err := a.src.ReadAt(b, e.offset); err != nil {
		return nil, err
	}
	return b, json.Unmarshal(b, v)
}

// image reads one image of manifest.json and checks that it is whole.
func (a *archive) image(m manifest) (saved, error) {
	e, err := a.find(m.Config)
	if err != nil {
		return saved{}, fmt.Errorf("image config %w", err)
	}
	var c config
	raw, err := a.document(e, &c)
	if err != nil {
		return saved{}, fmt.Errorf("image config %s: %w", m.Config, err)
	}
	s := saved{id: hash(raw), config: e, diffIDs: c.RootFS.DiffIDs, platform: platform(c), revision: c.Config.Labels[revisionLabel]}
	if n := named.FindStringSubmatch(m.Config); n != nil && "sha256:"+n[1] != s.id {
		return saved{}, fmt.Errorf("image config %s has the digest %s", m.Config, s.id)
	}
	if len(m.Layers) != len(s.diffIDs) || len(m.Layers) > maxLayers {
		return saved{}, fmt.Errorf("image %s lists %d layers and %d diff IDs (at most %d)", m.Config, len(m.Layers), len(s.diffIDs), maxLayers)
	}
	for i, name := range m.Layers {
		if !digest.MatchString(s.diffIDs[i]) {
			return saved{}, fmt.Errorf("image %s: diff ID %q is not a SHA-256 digest", m.Config, s.diffIDs[i])
		}
		layer, err := a.find(name)
		if err != nil {
			return saved{}, fmt.Errorf("layer %w", err)
		}
		s.layers = append(s.layers, layer)
	}
	for _, tag := range m.RepoTags {
		ref, err := familiar(tag)
		if err != nil {
			return saved{}, fmt.Errorf("tag %q: %w", tag, err)
		}
		s.tags = append(s.tags, ref)
	}
	return s, nil
}

// familiar is a reference as people write it, with its tag: redis becomes
// redis:latest, docker.io/library/redis:7 becomes redis:7.
func familiar(ref string) (string, error) {
	n, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return "", err
	}
	return reference.FamiliarString(reference.TagNameOnly(n)), nil
}

// Canonical is the one way to write an image's reference: with registry and
// repository, and with its digest where it has one, else with its tag. Two
// references of one canonical form are the same image (distribution/reference).
func Canonical(ref string) string {
	n, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return ref // an ID, or what an engine will refuse
	}
	if d, is := n.(reference.Digested); is {
		if pinned, err := reference.WithDigest(reference.TrimNamed(n), d.Digest()); err == nil {
			return pinned.String()
		}
	}
	return reference.TagNameOnly(n).String()
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// revisionLabel is which commit an image was built from (OCI image spec,
// pre-defined annotation keys).
const revisionLabel = "org.opencontainers.image.revision"

func platform(c config) string {
	parts := []string{c.OS, c.Architecture}
	if c.Variant != "" {
		parts = append(parts, c.Variant)
	}
	return strings.Join(parts, "/")
}
