package stack

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"path/filepath"
	"strings"
)

// Where things are on a host, relative to the target's Path. Every path of the
// project there is made from these.
const (
	// ReleasesDir holds one folder per release: its compose files, its frozen
	// form, its record, and the files that its app services mount.
	ReleasesDir = "releases"
	// FilesDir holds what the edge and data services mount, by content.
	FilesDir = "files"
	// SecretsDir holds the files of secrets.
	SecretsDir = "secrets"
	// BackupsDir holds encrypted backups.
	BackupsDir = "backups"
	// TmpDir holds files until they are renamed to their place.
	TmpDir = "tmp"
	// EdgeDynamic holds the edge's dynamic files; the edge watches it.
	EdgeDynamic = "edge/dynamic"
	// EdgeStandby is the static file of a copy of the edge.
	EdgeStandby = "edge/standby.yml"
	// OrdersFile tells which certificates a public authority was asked for, and when.
	OrdersFile = "acme-orders.json"
	// LockFile is what the lock is taken on, LockNote who has it.
	LockFile = "lock"
	LockNote = "lock.json"
)

// Names of files in the folder of a release.
const (
	RecordFile   = "release.json" // ReleaseRecord
	FrozenFile   = "frozen.json"  // Release
	BaseFile     = "base.yaml"    // Release.Base
	AppFile      = "app.yaml"     // Release.App
	ContractFile = "openapi.yaml" // Release.Contract
	SchemaFile   = "schema.json"  // the database's schema when the release was good
)

// MaintenanceFile is the edge's dynamic file that keeps visitors out. It belongs
// to no release, so that deploys and rollbacks leave it as it is.
const MaintenanceFile = "stackctl-maintenance.yml"

// DetourFile is the edge's dynamic file that leads port 80 to a throwaway edge while
// that rehearses certificates. It is there for no longer.
const DetourFile = "stackctl-rehearsal.yml"

// ChallengeFile is the dynamic file by which several edges ask each other what an
// authority asks them. It belongs to no release either.
const ChallengeFile = "stackctl-challenge.yml"

// Lasts reports whether a dynamic file of the edge belongs to no release.
func Lasts(name string) bool {
	return name == MaintenanceFile || name == DetourFile || name == ChallengeFile
}

// ReleasePath is the path of a release's folder, or of something in it,
// relative to the target's Path.
func ReleasePath(id string, elem ...string) string {
	return path.Join(append([]string{ReleasesDir, id}, elem...)...)
}

// DynamicPath is the path of one of the edge's dynamic files, relative to the
// target's Path.
func DynamicPath(name string) string { return path.Join(EdgeDynamic, name) }

// At is the absolute path on the host of something below the target's Path.
func (t Target) At(elem ...string) string {
	return path.Join(append([]string{t.Path}, elem...)...)
}

// Sum is the SHA-256 of a file's content, in hex.
func Sum(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// ShortID is an image's or container's ID as people read it: 12 hex digits.
func ShortID(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	return id[:min(len(id), 12)]
}

// Folder is where backups of a target are kept on the operator's side.
func (b Backup) Folder(target string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, target)
	if name == "" {
		name = "target"
	}
	return filepath.Join(b.Dir, name)
}
