package cli

import (
	"github.com/spf13/cobra"

	"github.com/seancehq/seance/manifest"
)

// fileFlag gives a command the files of a manifest: none is what fallback says.
func fileFlag(cmd *cobra.Command, files *[]string, fallback string) {
	cmd.Flags().StringArrayVarP(files, "file", "f", nil, "the manifest: a `FILE`, or the folder that holds it; "+
		"said again, a layer over those before it (default: "+fallback+")")
}

// hereFallback is what most commands read when no file is named.
const hereFallback = "the current folder"

// readManifest reads a manifest of files or folders, the one of the current
// folder when none is named. One that is not there is as wrong as a bad one.
func readManifest(files ...string) (*manifest.Manifest, error) {
	m, err := manifest.Read(files...)
	if err != nil && !isManifestError(err) {
		return nil, usageError{err}
	}
	return m, err
}

// manifestWarnings says what a manifest has that is good but may not do what is
// meant.
func manifestWarnings(m *manifest.Manifest) []string {
	var warnings []string
	told := map[string]bool{}
	for _, s := range m.Services {
		name := s.Name
		if s.Of != "" {
			name = s.Of
		}
		if s.Detached && !told[name] {
			told[name] = true
			warnings = append(warnings, "service \""+name+"\" is detached, but an image that is saved with its memory has a PID namespace: what the service leaves behind ends with the image")
		}
	}
	return warnings
}
