package stack

// Build is how an image is made of a build section, by value. Local paths are
// absolute.
type Build struct {
	// Context is a folder of this machine, or a URL that BuildKit reads.
	Context string
	// Dockerfile is a file of this machine; with a URL as Context it is the path
	// in there. Inline is its text, where the compose file holds it.
	Dockerfile string
	Inline     string
	Target     string
	Args       map[string]string
	Labels     map[string]string
	// Contexts are further contexts by name: a folder, a URL, docker-image://….
	Contexts map[string]string
	// Secrets are the contents that a RUN may mount, by ID.
	Secrets map[string][]byte
	// SSH are the agents or keys that a RUN may mount: ID to path, "" for the agent.
	SSH map[string]string
	// Platforms are those that the file demands; empty: the host's.
	Platforms  []string
	CacheFrom  []string
	Network    string
	ExtraHosts []string // name=address
	ShmSize    int64    // in bytes
	Ulimits    []string // name=soft:hard
	NoCache    bool
	Pull       bool
	// Tags are further names of the image on this machine, as Compose gives them.
	Tags []string
	// Files and Bytes are what the builder may ask for.
	Files int
	Bytes int64
	// Problem is why it cannot be built; nil: nothing is known against it.
	Problem error
	// Exclude are paths of the context that are stackctl's own: what it writes
	// must not change what is built.
	Exclude []string
	// Beside are files of the context that say how it is deployed, not what is
	// built: a comment in the compose file makes no new image. One that the
	// Dockerfile names counts.
	Beside []string
}

// Built is what a build came to.
type Built struct {
	// ID is the image's.
	ID string
	// Cached and Steps count the build's steps.
	Cached, Steps int
}
