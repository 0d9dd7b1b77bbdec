package history

import (
	"net/url"
	"os"
	"os/user"
	"strconv"
	"strings"
)

// Origin is the place that a command came from.
type Origin struct {
	// Directory is the working directory of the command.
	Directory string `json:"directory"`
	// SSH is the address of the client and its port, then those of this host, as SSH_CONNECTION tells them.
	SSH string `json:"ssh,omitempty"`
	CI  *CI    `json:"ci,omitempty"`
}

// CI is the job of a pipeline. Any user can set the variables that tell it.
type CI struct {
	System string `json:"system"`
	// Job is an address to look at or a number.
	Job      string `json:"job"`
	Revision string `json:"revision,omitempty"`
	Actor    string `json:"actor,omitempty"`
}

// systems are the pipelines by the variables that they set.
var systems = []struct {
	name                 string
	job, revision, actor string
}{
	{"GitHub Actions", "GITHUB_RUN_ID", "GITHUB_SHA", "GITHUB_ACTOR"},
	{"GitLab CI", "CI_JOB_URL", "CI_COMMIT_SHA", "GITLAB_USER_LOGIN"},
	{"Jenkins", "BUILD_URL", "GIT_COMMIT", "BUILD_USER_ID"},
	{"Buildkite", "BUILDKITE_BUILD_URL", "BUILDKITE_COMMIT", "BUILDKITE_BUILD_CREATOR"},
	{"CircleCI", "CIRCLE_BUILD_URL", "CIRCLE_SHA1", "CIRCLE_USERNAME"},
}

// OriginOf returns the origin of a command in a working directory with an environment.
func OriginOf(directory string, lookup func(string) string) Origin {
	o := Origin{Directory: cut(directory), SSH: cut(lookup("SSH_CONNECTION"))}
	for _, s := range systems {
		job := lookup(s.job)
		if job == "" {
			continue
		}
		if server, repository := lookup("GITHUB_SERVER_URL"), lookup("GITHUB_REPOSITORY"); s.job == "GITHUB_RUN_ID" && server != "" && repository != "" {
			job = server + "/" + repository + "/actions/runs/" + job
		}
		if address, err := url.Parse(job); err == nil && address.User != nil {
			address.User = nil // it may hold a token
			job = address.String()
		}
		o.CI = &CI{System: s.name, Job: cut(job), Revision: cut(lookup(s.revision)), Actor: cut(lookup(s.actor))}
		break
	}
	return o
}

// Here returns the origin of this command. sudo hides the environment of its user, which root reads from the processes above.
func Here() Origin {
	directory, _ := os.Getwd() // the other values help without it
	var above []map[string]string
	if os.Getenv("SUDO_USER") != "" && os.Geteuid() == 0 {
		above = ancestors(os.Getppid())
	}
	return OriginOf(directory, func(name string) string {
		if value := os.Getenv(name); value != "" {
			return value
		}
		for _, env := range above {
			if value := env[name]; value != "" {
				return value
			}
		}
		return ""
	})
}

// ancestors returns the environments of a process and of those above it, the nearest first.
func ancestors(pid int) []map[string]string {
	const most = 8 // a shell or two, sudo twice, the shell of the user
	var all []map[string]string
	for range most {
		if pid <= 1 {
			break
		}
		data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
		if err != nil {
			break
		}
		env := map[string]string{}
		for _, pair := range strings.Split(string(data), "\x00") {
			if name, value, ok := strings.Cut(pair, "="); ok {
				env[name] = value
			}
		}
		all = append(all, env)
		pid = parentOf(pid)
	}
	return all
}

// parentOf returns the process above another one, 0 where that is unknown.
func parentOf(pid int) int {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	_, rest, ok := strings.Cut(string(data[max(0, strings.LastIndexByte(string(data), ')')):]), ") ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 2 {
		return 0
	}
	parent, _ := strconv.Atoi(fields[1])
	return parent
}

// Who returns the user who logged in, and the one that this command runs as where that is another one.
func Who() (login, as string) {
	as = "uid " + strconv.Itoa(os.Getuid())
	if u, err := user.Current(); err == nil {
		as = u.Username
	}
	login = as
	if caller := os.Getenv("SUDO_USER"); caller != "" && os.Geteuid() == 0 {
		login = caller
	} else if audited := loginUser(); audited != "" {
		login = audited
	}
	if login == as {
		as = ""
	}
	return cut(login), as
}

// loginUser returns the user who logged in as the kernel's audit has it: it survives su. It is empty for services.
func loginUser() string {
	data, err := os.ReadFile("/proc/self/loginuid")
	if err != nil {
		return ""
	}
	const unset = "4294967295"
	id := strings.TrimSpace(string(data))
	if id == unset || id == "" {
		return ""
	}
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return "uid " + id
}
