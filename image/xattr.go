package image

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// paxXattr is star's prefix for extended attributes, which GNU tar and bsdtar
// read too. "=" ends a record's key, so it is written as GNU tar does.
const paxXattr = "SCHILY.xattr."

// keptXattr reports whether an attribute belongs to the file rather than to
// the host's policy, see xattr(7).
func keptXattr(name string) bool {
	return strings.HasPrefix(name, "user.") || strings.HasPrefix(name, "trusted.") ||
		name == "security.capability" || strings.HasPrefix(name, "system.posix_acl_")
}

// readXattrs notes the file's extended attributes in the header.
func readXattrs(f *os.File, h *tar.Header) error {
	fd := int(f.Fd())
	names, err := grow(func(buf []byte) (int, error) { return unix.Flistxattr(fd, buf) })
	if errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot list extended attributes: %w", err)
	}
	for raw := range bytes.SplitSeq(names, []byte{0}) {
		name := string(raw)
		if !keptXattr(name) {
			continue
		}
		value, err := grow(func(buf []byte) (int, error) { return unix.Fgetxattr(fd, name, buf) })
		if errors.Is(err, unix.ENODATA) {
			continue
		}
		if err != nil {
			return fmt.Errorf("cannot read extended attribute %q: %w", name, err)
		}
		setPAX(h, paxXattr+escapeKey(name), string(value))
	}
	return nil
}

// grow calls read with a buffer as large as read wants, see getxattr(2).
func grow(read func([]byte) (int, error)) ([]byte, error) {
	for {
		n, err := read(nil)
		if err != nil || n == 0 {
			return nil, err
		}
		buf := make([]byte, n)
		n, err = read(buf)
		if errors.Is(err, unix.ERANGE) {
			continue // it became longer meanwhile
		}
		if err != nil {
			return nil, err
		}
		return buf[:n], nil
	}
}

// writeXattrs gives the file the header's extended attributes. Without
// privileges, those that only root may set are left out, as tar does.
func writeXattrs(f *os.File, h *tar.Header) error {
	for key, value := range h.PAXRecords {
		name, ok := strings.CutPrefix(key, paxXattr)
		if !ok {
			continue
		}
		name = unescapeKey(name)
		err := unix.Fsetxattr(int(f.Fd()), name, []byte(value), 0)
		if err != nil && (os.Geteuid() == 0 || !errors.Is(err, unix.EPERM)) {
			return fmt.Errorf("cannot set extended attribute %q: %w", name, err)
		}
	}
	return nil
}

func escapeKey(s string) string { return strings.NewReplacer("%", "%25", "=", "%3D").Replace(s) }

func unescapeKey(s string) string { return strings.NewReplacer("%25", "%", "%3D", "=").Replace(s) }
