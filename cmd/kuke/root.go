package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kukeon/kuke/cmd/kuke/remote"
	"github.com/kukeon/kuke/cmd/kuke/session"
	"github.com/kukeon/kuke/cmd/kuke/tty"
	"github.com/kukeon/kuke/cmd/kuke/view"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/planner"
)

// app has the global flags, and the views that all commands print to.
type app struct {
	stdin          *os.File
	stdout, stderr *os.File
	out, errs      *view.View
	stream         *view.Stream // nil as long as no message is printed
	interrupts     *interrupts
	questions      tty.Questions
	// session carries out the use cases, with the global flags once they are read.
	session session.Session

	directory  string
	runPath    string
	containerd string
	cgroupRoot string
	cniConfDir string
	cniBinDirs []string
	subnetPool string
	// projectName is the project of --project or KUKE_PROJECT, empty where none is given.
	projectName string
	noColor     bool
	logLevel    string

	connectTimeout, callTimeout, stallTimeout time.Duration

	// unknown is the error about a command that kuke lacks and whose help was asked for.
	unknown error

	// host is the address of --host or KUKE_HOST, empty where none is given. install allows a copy of kuke to be made there.
	host    string
	install bool
	// args are the arguments of the process. caller is the place that it was called from, nil for this host.
	args   []string
	caller *remote.Caller
	// relative are the flags with relative paths of the host.
	relative []string
	// input holds standard input, once the configuration was read from it.
	input []byte

	// environ holds the flags that KUKE_… variables have set.
	environ map[string]bool
}

// defaultCallTimeout leaves a containerd on a slow, busy host time for any question, and ends the wait for one that hangs
// before everybody has given up on kuke.
const defaultCallTimeout = 2 * time.Minute

// logLevels are the values of --log-level. Errors are printed at each level.
var logLevels = map[string]slog.Level{"off": slog.LevelError + 1, "info": slog.LevelInfo, "debug": slog.LevelDebug}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "kuke",
		Short: "Terraform for the containers of one host",
		Long: "kuke is Terraform for the containers of one Linux host. Describe realms, spaces, stacks, cells and containers in HCL\n" +
			"or YAML. plan shows every change, and apply makes exactly these changes through containerd, cgroups and CNI.",
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	flags := root.PersistentFlags()
	flags.StringVar(&a.directory, "chdir", "", "`directory` to change to before anything else, as --chdir=DIR before the command")
	flags.StringVar(&a.runPath, "run-path", "/opt/kukeon", "`directory` of the state")
	flags.StringVar(&a.containerd, "containerd", "/run/containerd/containerd.sock", "`socket` of containerd")
	flags.DurationVar(&a.connectTimeout, "connect-timeout", 0, "maximum `time` to wait for containerd to listen and to answer, like 2m while the host boots (default: fail at once)")
	flags.DurationVar(&a.callTimeout, "call-timeout", defaultCallTimeout, "maximum `time` for an answer of containerd, and for the run of a CNI plugin")
	flags.DurationVar(&a.stallTimeout, "stall-timeout", executor.DefaultStall, "maximum `time` without a byte of an image that is pulled, before its connection is replaced")
	flags.StringVar(&a.cgroupRoot, "cgroup-root", "/sys/fs/cgroup", "mount `point` of the cgroup file systems")
	flags.StringVar(&a.cniConfDir, "cni-conf-dir", "/etc/cni/net.d", "`directory` of the CNI configuration of spaces")
	flags.StringSliceVar(&a.cniBinDirs, "cni-bin-dir", []string{"/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni"}, "`directories` of CNI plugins, in order")
	flags.StringVar(&a.subnetPool, "subnet-pool", planner.DefaultSubnetPool, "IPv4 `subnet` to allocate the subnets of spaces from, a /24 each")
	flags.StringVar(&a.projectName, "project", "", "`project` that owns the applied resources (default: that of the kuke block, else the name of the directory of the configuration)")
	flags.StringVar(&a.host, "host", "", "`address` of the host to run on, like ssh://user@host:port, or local for this host (default: that of the kuke block, else this host)")
	flags.BoolVar(&a.install, "install", false, "copy of this kuke on --host, if kuke is missing there or has another version")
	flags.BoolVar(&a.noColor, "no-color", false, "output without colours (also: NO_COLOR)")
	flags.StringVar(&a.logLevel, "log-level", "off", "`level` of the log on standard error: off, info (steps and times) or debug (also calls to containerd and CNI plugins, and files)")
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return a.prepare(cmd) }
	root.AddCommand(newOperations(a)...)
	root.AddCommand(newShutdown(a))
	root.AddCommand(
		newCreate(a), newDelete(a), newLogs(a), newExec(a), newAttach(a), newTop(a), newHealth(a), newState(a),
		newPlan(a), newApply(a), newDestroy(a), newShow(a), newHistory(a), newValidate(a), newGet(a), newImage(a), newVolume(a), newLogin(a), newLogout(a), newImport(a), newOutput(a), newConsole(a),
		newFmt(a), newConvert(a), newSchema(a), newExplain(a), newGraph(a),
		newDoctor(a), newLab(a), newService(a), newVersion(a), newMan(a),
	)
	describeCompletion(root)
	a.divert(root)
	root.SetHelpCommand(newHelp(a))
	root.InitDefaultHelpCmd()
	addGroups(root)
	showHelp(root)
	a.refuseUnknownHelp(root)
	showUsage(root)
	root.SetVersionTemplate(versionLine() + "\n")
	root.SetFlagErrorFunc(flagError)
	return root
}

// describeCompletion gives cobra's command for completion texts like those of the others. Its own takes any argument for no mistake.
func describeCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	if completion, _, err := root.Find([]string{"completion"}); err == nil {
		completion.Short = "Print the completion script of a shell"
		completion.Long = "completion prints a script with which a shell completes the commands, flags and arguments of kuke."
		completion.Example = "  kuke completion bash > /etc/bash_completion.d/kuke"
		for _, shell := range completion.Commands() {
			shell.Short = "Print the completion script of " + shell.Name()
			shell.Long = ""
			shell.Example = "  kuke completion " + shell.Name()
		}
		completion.Args = cobra.NoArgs
		completion.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
}

// refuseUnknownHelp has --help after a command that kuke lacks fail, where cobra shows the help of the command above.
func (a *app) refuseUnknownHelp(root *cobra.Command) {
	show := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		if words := cmd.Flags().Args(); cmd.HasSubCommands() && len(words) > 0 {
			a.unknown = unknownCommand(cmd, words[0])
			return
		}
		show(cmd, args)
	})
}

// prepare fills flags that were not given from KUKE_… variables, and checks the global ones.
func (a *app) prepare(cmd *cobra.Command) error {
	projectGiven := cmd.Flags().Changed("project")
	err := a.fillFromEnviron(cmd)
	if err != nil {
		return err
	}
	if a.directory != "" {
		if err := os.Chdir(a.directory); err != nil {
			return fmt.Errorf("--chdir: %w", err)
		}
	}
	level, ok := logLevels[a.logLevel]
	if !ok {
		return fmt.Errorf("--log-level: there is no level %q: use off, info or debug", a.logLevel)
	}
	slog.SetDefault(slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: level})))
	color := !a.noColor && os.Getenv("NO_COLOR") == ""
	a.out, a.errs = view.New(a.stdout, color), view.New(a.stderr, color)
	if err := a.checkProjectFlag(projectGiven); err != nil {
		return err
	}
	for _, dir := range []struct{ flag, value string }{{"run-path", a.runPath}, {"cgroup-root", a.cgroupRoot}, {"cni-conf-dir", a.cniConfDir}} {
		if dir.value == "" {
			return fmt.Errorf("--%s: the value is empty: name a directory, or leave out the flag for the default", dir.flag)
		}
	}
	switch {
	case a.connectTimeout < 0:
		return fmt.Errorf("--connect-timeout: %s is negative: use 0s to fail at once, or a time to wait like 2m", a.connectTimeout)
	case a.callTimeout <= 0:
		return fmt.Errorf("--call-timeout: %s leaves no time for an answer: use a time like %s", a.callTimeout, defaultCallTimeout)
	case a.stallTimeout <= 0:
		return fmt.Errorf("--stall-timeout: %s leaves no time for a byte: use a time like %s", a.stallTimeout, executor.DefaultStall)
	}
	if a.caller == nil {
		a.relative = a.relativePaths(cmd)
	}
	if a.runPath, err = filepath.Abs(a.runPath); err != nil {
		return fmt.Errorf("--run-path: %w", err)
	}
	pool, err := parsePool(a.subnetPool)
	if err != nil {
		return fmt.Errorf("--subnet-pool: %w", err)
	}
	progress := a.out.Progress(a.errs)
	progress.Again, progress.Drawn = a.again(cmd), a.drawn()
	a.session = session.Session{
		Options: session.Options{
			RunPath: a.runPath, Containerd: a.containerd, CgroupRoot: a.cgroupRoot, CNIConfDir: a.cniConfDir, CNIBinDirs: a.cniBinDirs,
			ConnectTimeout: a.connectTimeout, CallTimeout: a.callTimeout, StallTimeout: a.stallTimeout, SubnetPool: pool, Project: a.projectName,
			Command: cmd.CommandPath(), Version: version, Caller: a.sessionCaller(),
		},
		Reporter: a.errs, Progress: progress, Interrupts: a.interrupts,
	}
	return nil
}

// fillFromEnviron gives flags that are not on the command line the values of KUKE_… variables. KUKE_DESTROY, which plan has, turns no
// apply into a destroy.
func (a *app) fillFromEnviron(cmd *cobra.Command) (err error) {
	a.environ = map[string]bool{}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name := "KUKE_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, set := os.LookupEnv(name)
		if f.Changed || !set || err != nil || f.Name == "destroy" && cmd.Name() == "apply" {
			return
		}
		if e := cmd.Flags().Set(f.Name, value); e != nil {
			err = fmt.Errorf("environment variable %s: %w", name, flagError(cmd, e))
		}
		a.environ[f.Name] = true
	})
	return err
}

// checkProjectFlag makes sure that --project and KUKE_PROJECT can name a project. An empty variable is none; an empty flag is
// more likely a script whose own variable is empty.
func (a *app) checkProjectFlag(given bool) error {
	if a.projectName == "" {
		if given {
			return errors.New("--project: the name is empty: leave out the flag for the project of the configuration")
		}
		return nil
	}
	if err := resource.CheckName(a.projectName); err != nil {
		return fmt.Errorf("--project: %w", err)
	}
	return nil
}

// parsePool reads the subnet that others are chosen from.
func parsePool(s string) (netip.Prefix, error) {
	pool, err := netip.ParsePrefix(s)
	if err != nil || !pool.Addr().Is4() || pool != pool.Masked() || pool.Bits() < 8 || pool.Bits() > 24 {
		return pool, fmt.Errorf("%q is no IPv4 subnet of 8 to 24 bits, like %s", s, planner.DefaultSubnetPool)
	}
	return pool, nil
}

// given returns those of the flags that are on the command line, with their dashes.
func (a *app) given(cmd *cobra.Command, names []string) []string {
	var given []string
	for _, name := range names {
		if f := cmd.Flags().Lookup(name); f != nil && f.Changed && !a.environ[name] {
			given = append(given, "--"+name)
		}
	}
	return given
}

// parsePaths checks paths given by a flag.
func parsePaths(flag string, values []string) ([]resource.Path, error) {
	var paths []resource.Path
	for _, v := range values {
		p, err := resource.ParsePath(v)
		if err != nil {
			return nil, fmt.Errorf("--%s: %w", flag, err)
		}
		paths = append(paths, p)
	}
	return paths, nil
}
