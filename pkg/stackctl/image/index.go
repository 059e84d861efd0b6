package image

import (
	"fmt"
	"os"
	"path/filepath"

	"stackctl/pkg/stackctl/stack"
)

// Index reads every archive (*.tar) of a folder and maps references, written
// the short way ("redis:7.2"), to images. An image without a tag is found by
// its ID. Layers are not read. A damaged archive, and a reference that two
// archives hold with different content, are errors that name the files.
func Index(dir string) (map[string]stack.Image, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, stack.Fault(stack.CauseUsage, "read the image archives", err,
			"make the images first, or correct images.archives")
	}
	index := map[string]stack.Image{}
	for _, f := range files {
		if f.IsDir() || filepath.Ext(f.Name()) != ".tar" {
			continue
		}
		file := filepath.Join(dir, f.Name())
		if err := indexFile(index, file); err != nil {
			return nil, stack.Fault(stack.CauseUsage, "read image archive "+file, err,
				"write it again with docker save, or remove it")
		}
	}
	return index, nil
}

// Lookup finds a reference in an index, however it is written.
func Lookup(index map[string]stack.Image, ref string) (stack.Image, bool) {
	if i, ok := index[ref]; ok {
		return i, true
	}
	short, err := familiar(ref)
	if err != nil {
		return stack.Image{}, false
	}
	i, ok := index[short]
	return i, ok
}

func indexFile(index map[string]stack.Image, file string) error {
	a, closer, err := open(file)
	if err != nil {
		return err
	}
	defer closer()
	for _, s := range a.images {
		refs := s.tags
		if len(refs) == 0 {
			refs = []string{s.id}
		}
		for _, ref := range refs {
			if other, ok := index[ref]; ok && other.ID != s.id {
				return fmt.Errorf("%s is another image in %s", ref, other.Archive)
			}
			index[ref] = stack.Image{
				Reference: ref, ID: s.id, Layers: s.diffIDs, Archive: file, Bytes: s.size(), Platform: s.platform, Revision: s.revision,
			}
		}
	}
	return nil
}

// open reads an archive's structure; the second result closes the file.
func open(file string) (*archive, func(), error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, err
	}
	closer := func() { _ = f.Close() }
	info, err := f.Stat()
	if err == nil {
		var a *archive
		if a, err = readArchive(f, info.Size()); err == nil {
			return a, closer, nil
		}
	}
	closer()
	return nil, nil, err
}
