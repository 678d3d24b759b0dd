package image

import (
	"fmt"
	"regexp"
	"strings"
)

// DefaultTag is the tag of a reference that gives none.
const DefaultTag = "latest"

// Limits of a reference, in bytes. The tag's is that of the OCI distribution
// specification.
const (
	maxNameLen = 128
	maxTagLen  = 128
)

// The grammar is that of one path component of a container's name. A regexp
// is immutable, so these are constants in all but the keyword.
var (
	nameRE = regexp.MustCompile(`^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$`)
	tagRE  = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*$`)
)

// Ref names a saved image, as people know it from containers: NAME[:TAG].
type Ref struct{ Name, Tag string }

// String returns NAME:TAG, with the tag always written out. ParseRef of it
// gives the same Ref.
func (r Ref) String() string {
	if r.Tag == "" {
		return r.Name + ":" + DefaultTag
	}
	return r.Name + ":" + r.Tag
}

// RefError says why a text is no reference.
type RefError struct{ Text, Why string }

func (e *RefError) Error() string {
	return fmt.Sprintf("%q is not an image name: %s", e.Text, e.Why)
}

// ParseRef reads NAME[:TAG]. The name is lower-case letters and digits in
// parts separated by ".", "_", "__" or dashes; the tag is letters, digits,
// "_", "." and "-", and starts with none of the last two. Without a tag it is
// DefaultTag. The error is a *RefError.
func ParseRef(s string) (Ref, error) {
	name, tag, tagged := strings.Cut(s, ":")
	if !tagged {
		tag = DefaultTag
	}
	if why := badName(name); why != "" {
		return Ref{}, &RefError{s, why}
	}
	if why := badTag(tag); why != "" {
		return Ref{}, &RefError{s, why}
	}
	return Ref{name, tag}, nil
}

func badName(name string) string {
	switch {
	case name == "":
		return "the name is empty"
	case len(name) > maxNameLen:
		return fmt.Sprintf("the name has more than %d characters", maxNameLen)
	case name == "sha256" || name == "sha512":
		return "the name of a digest algorithm cannot be an image's name"
	case name != strings.ToLower(name):
		return fmt.Sprintf("names are lower case: %q", strings.ToLower(name))
	case !nameRE.MatchString(name):
		return `a name is lower-case letters and digits, with ".", "_" or "-" between them`
	}
	return ""
}

func badTag(tag string) string {
	switch {
	case tag == "":
		return "the tag after \":\" is empty"
	case len(tag) > maxTagLen:
		return fmt.Sprintf("the tag has more than %d characters", maxTagLen)
	case !tagRE.MatchString(tag):
		return `a tag is letters, digits, "_", "." and "-", and starts with none of the last two`
	}
	return ""
}
