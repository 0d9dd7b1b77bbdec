package resource

// Streams are the standard input and output of a container.
type Streams struct {
	TTY     bool     `json:"tty,omitempty" kuke:"replace" doc:"Give the program a terminal, whose input stays open: a shell does not end. Its whole output is standard output."`
	Logging *Logging `json:"logging,omitempty" kuke:"live" doc:"Log of the output. Default: files beside the record of the container, which kuke logs reads."`
}

// The logging drivers. A container that chooses none has the first.
const (
	LogLocal    = "local"
	LogJSONFile = "json-file"
	LogJournald = "journald"
	LogNone     = "none"
)

// The size in bytes and the number of the log files of a container that chooses none.
const (
	DefaultLogSize  = 10 << 20
	DefaultLogFiles = 3
)

// JournalSocket is the socket on which the journal of the host takes entries.
const JournalSocket = "/run/systemd/journal/socket"

// Logging is the log of the output of a container.
type Logging struct {
	Driver   string `json:"driver,omitempty" kuke:"live,check=logdriver,default=local" doc:"Place of the log: local or json-file (files of kuke's own, in one format), journald (the journal of the host), or none."`
	MaxSize  int64  `json:"maxSize,omitempty" kuke:"live,type=bytes,min=4096,default=10MiB" doc:"Size at which the next file begins, in bytes or with a unit such as 10MiB."`
	MaxFiles int64  `json:"maxFiles,omitempty" kuke:"live,min=1,max=1000,default=3" doc:"Number of files that are kept, with the one that is written."`
}

// LogDriver returns the logging driver of the container, which is never [LogJSONFile].
func (c *Container) LogDriver() string {
	if c.Logging == nil || c.Logging.Driver == "" {
		return LogLocal
	}
	return c.Logging.Driver
}
