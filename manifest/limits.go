package manifest

// Limits of a manifest's text. They are far above what people write (a thousand
// services fit) and keep the time and memory that a hostile text can take small.
const (
	// MaxSize is the largest manifest in bytes.
	MaxSize = 1 << 20
	// maxEntries bounds the keys of one mapping: the YAML parser's time grows
	// with their square.
	maxEntries = 4096
	// maxDepth bounds how deep values nest.
	maxDepth = 32
	// maxAnchors bounds the anchors of one text.
	maxAnchors = 1000
	// maxValues bounds all values together, each alias counted with all that
	// it stands for ("billion laughs").
	maxValues = 200_000
	// maxListed bounds the lists that are checked each against each: categories
	// and captured folders.
	maxListed = 256
	// maxFiles bounds the manifests, and the environment files, of which one is
	// made.
	maxFiles = 64
	// maxReplicas bounds the replicas of one service, maxServices the services of
	// a manifest with all their replicas.
	maxReplicas = 1000
	maxServices = 10_000
	// maxNeeds bounds the needs of all services together, each replica of both
	// counted.
	maxNeeds = 200_000
	// maxMistakes bounds what is reported of one text.
	maxMistakes = 200
	// MaxNameLength is the longest name of an image, a service, a hook or a
	// category, in bytes.
	MaxNameLength = 64
)
