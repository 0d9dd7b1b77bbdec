package remote

// Request is a command to run on a host, with everything of the caller that it needs.
type Request struct {
	// Args are the arguments of kuke. They may hold values of variables, and never become arguments of a process.
	Args []string
	// Name is the name of the command, which its process shows.
	Name string
	// Environ holds variables of the environment for the command, as os.Environ does.
	Environ []string
	// Stdin says that input follows.
	Stdin    bool
	Terminal Terminal
	Caller   Caller
	// Files are the files of the caller that the command reads. Outputs are the absolute paths of those that it writes.
	Files   []File
	Outputs []string
}

// Terminal tells which of the standard files of the caller is a terminal, and its size.
type Terminal struct {
	In, Out, Err bool
	Type         string
	Size         Size
}

// Size is the size of a terminal in characters.
type Size struct{ Width, Height uint16 }

// File is a file of the caller.
type File struct {
	// Path is the absolute path.
	Path string
	Data []byte
	// Size is more than the length of Data for a file that is too large for kuke to read: the rest is zeros.
	Size int64 `json:",omitempty"`
	// Same is the path of another file of the request that this is another name of.
	Same string `json:",omitempty"`
}

// Caller is the place that a command was called from.
type Caller struct {
	// Host and User are names.
	Host, User string
	// Dir is the working directory, Home the home directory of the user.
	Dir, Home string
	// Answers are the values of variables that the user has entered.
	Answers map[string]string
	// Secrets are the variables of the environment that secrets and configs are read from, with their values.
	Secrets map[string]string
	// Root is the directory on this host with the files of the caller: the file /x is Root/x.
	Root string
}
