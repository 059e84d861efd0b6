package stack

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
)

// DataFolder is the folder below a target's path that holds what services
// write to folders of the project. No deploy, rollback or pruning removes or
// overwrites anything in it.
const DataFolder = "data"

// Persistent is a folder or a file of the project on the host that services
// write to: the same one for every release, and never removed.
type Persistent struct {
	// Path is its place below the target's path: data/uploads.
	Path string `json:"path"`
	// File reports whether it is one file.
	File bool `json:"file,omitempty"`
	// Services are those that mount it, sorted.
	Services []string `json:"services"`
	// Seed is what the project's files hold for it, by paths relative to Path
	// ("" is the file itself). It is written once, where Path is absent.
	Seed []File `json:"-"`
}

// Variable is a variable of the compose files, without its value.
type Variable struct {
	Name string `json:"name"`
	// Origin is where its value came from: "--env", "environment", ".env",
	// "default", …
	Origin string `json:"origin"`
}

// FolderHash is in the place of a folder's hash: it has no content of its own.
const FolderHash = "folder"

// Hash is the SHA-256 of the file's content, in hex, or FolderHash.
func (f File) Hash() string {
	switch {
	case f.Mode&fs.ModeDir != 0:
		return FolderHash
	case f.Source != "":
		return f.Sum
	}
	sum := sha256.Sum256(f.Content)
	return hex.EncodeToString(sum[:])
}
