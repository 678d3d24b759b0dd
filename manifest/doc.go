// Package manifest turns a seance.yaml into checked plain values.
//
// A manifest names the programs of an image: its services (long-running
// programs) and hooks (commands run at start-up and shut-down), where each of
// them stands in the start-up list, how it is seen to be ready, restarted and
// stopped, and which folders are saved with it. docs/manifest.md describes
// every key.
//
//	m, err := manifest.Read(".")
//	if err != nil {
//		return err // prints every mistake with file, line, column and the line
//	}
//	for _, s := range m.Services {
//		fmt.Println(s.Name, s.Command)
//	}
//
// [Read] takes files or folders, [Parse] the text itself. Both return either
// a [*Manifest] with every default filled in, or an error that holds all
// mistakes at once ([Errors]). A manifest built in memory is checked by the
// same rules with [Manifest.Validate].
//
// The way from text to values has four steps, each in a file of its own:
// the text is checked and cut into lines (source.go), parsed as YAML into a
// small tree with aliases and merge keys resolved (yaml.go, tree.go), decoded
// by tables of keys (decode.go and its neighbours; expand.go replaces ${…}), and
// checked (check.go and its neighbours).
//
// Read does more before the third step (reading.go): it puts the trees of
// several files together (layer.go), Procfiles among them (procfile.go), and the
// variables of environment files into them (dotenv.go). Since what that comes to
// is to be the same anywhere, it writes it as a text (render.go), of which Parse
// makes the same manifest with no file and no variable: [Manifest.Source].
//
// Only Read touches the file system and the environment, and nothing the clock.
// Nothing has state: all functions are safe for concurrent use.
package manifest
