package image

import (
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// FormatVersion is the version of the format that this package writes, and
// the only one it reads.
const FormatVersion = 1

// Media types of a saved image.
const (
	ArtifactType    = "application/vnd.seance.image.v1+json"
	MediaTypeConfig = "application/vnd.seance.image.config.v1+json"

	mediaTypeCRIU   = "application/vnd.seance.image.criu.v1.tar+zstd"
	mediaTypeMemory = "application/vnd.seance.image.memory.v1.tar+zstd"
	mediaTypeFiles  = "application/vnd.seance.image.files.v1.tar+zstd"
	mediaTypeInit   = "application/vnd.seance.image.init.v1+zstd"
)

// Annotations of seance's own. OCI's org.opencontainers.image.ref.name and
// .created are used beside them.
const (
	// AnnotationFreezer, on a manifest, is the freezer that made the image.
	AnnotationFreezer = "vnd.seance.image.freezer"
	// AnnotationPath, on a files layer, is the absolute path of the captured
	// folder.
	AnnotationPath = "vnd.seance.layer.path"
	// AnnotationContentDigest and AnnotationContentSize, on a layer, are the
	// digest and size in bytes of what the layer decompresses to. The digest
	// is there on init layers only.
	AnnotationContentDigest = "vnd.seance.layer.content.digest"
	AnnotationContentSize   = "vnd.seance.layer.content.size"
	// AnnotationIndexSum, on the index, is the digest of the index with this
	// annotation empty.
	AnnotationIndexSum = "vnd.seance.index.sum"
)

// InitName is the name under which Extract writes the init binary.
const InitName = "seance"

// LayerKind says what a layer holds.
type LayerKind string

const (
	// LayerCRIU is CRIU's small files: all but the memory.
	LayerCRIU LayerKind = "criu"
	// LayerMemory is CRIU's pages files.
	LayerMemory LayerKind = "memory"
	// LayerInit is the seance binary that is PID 1 of the image, one file.
	LayerInit LayerKind = "init"
	// LayerFiles is a captured folder. An image may have several.
	LayerFiles LayerKind = "files"
)

// layerKinds is the order in which layers stand in a manifest.
func layerKinds() []LayerKind {
	return []LayerKind{LayerCRIU, LayerMemory, LayerInit, LayerFiles}
}

func (k LayerKind) mediaType() string {
	switch k {
	case LayerCRIU:
		return mediaTypeCRIU
	case LayerMemory:
		return mediaTypeMemory
	case LayerInit:
		return mediaTypeInit
	case LayerFiles:
		return mediaTypeFiles
	}
	return ""
}

func kindOf(mediaType string) (LayerKind, bool) {
	for _, k := range layerKinds() {
		if k.mediaType() == mediaType {
			return k, true
		}
	}
	return "", false
}

// IsMemoryFile tells CRIU's memory files, by name, from the others of a dump.
func IsMemoryFile(name string) bool {
	return strings.HasPrefix(name, "pages-") && strings.HasSuffix(name, ".img")
}

// IsCRIUFile tells the files of a dump that a restore needs beside the
// memory: every *.img but the pages.
func IsCRIUFile(name string) bool {
	return strings.HasSuffix(name, ".img") && !IsMemoryFile(name)
}

// Layer describes one layer of an image.
type Layer struct {
	Kind LayerKind `json:"kind"`
	// Path is the captured folder's absolute path, "" on other kinds.
	Path string `json:"path,omitempty"`
	// Digest and Size are the blob's, compressed.
	Digest digest.Digest `json:"digest"`
	Size   int64         `json:"size"`
	// ContentSize is what the blob decompresses to, in bytes.
	ContentSize int64 `json:"contentSize"`
	// ContentDigest is the digest of that, on init layers only.
	ContentDigest digest.Digest `json:"contentDigest,omitempty"`
}

// Summary is one line of a store's list: one tag.
type Summary struct {
	Ref     Ref           `json:"ref"`
	Digest  digest.Digest `json:"digest"`
	Created time.Time     `json:"created"`
	// Size is that of all the image's blobs on disk, in bytes, those that it
	// shares with other images included.
	Size    int64   `json:"size"`
	Freezer Freezer `json:"freezer"`
	// Err says why the rest is empty: the image's manifest cannot be read.
	Err error `json:"-"`
}

// Removed says what a removal did.
type Removed struct {
	// Refs are the tags that are gone.
	Refs   []Ref
	Digest digest.Digest
	// Blobs and Bytes count what was deleted from disk.
	Blobs int
	Bytes int64
	// Kept says why nothing could be deleted although the tags are gone:
	// another image's manifest cannot be read, so it is unknown which blobs
	// that one needs.
	Kept error
}

// descriptor types are OCI's; these keep the code short.
type (
	descriptor = v1.Descriptor
	manifest   = v1.Manifest
)
