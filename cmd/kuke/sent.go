package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kukeon/kuke/cmd/kuke/remote"
	"github.com/kukeon/kuke/config"
	"github.com/kukeon/kuke/config/resource"
)

// The annotations of flags whose values are files of the caller. The files of --file and --var-file are those of the
// configuration.
const (
	readFile    = "kuke_file_read"
	writtenFile = "kuke_file_written"
)

// annotateFile says that the flag names a file that the command reads or writes.
func annotateFile(cmd *cobra.Command, flag, annotation string) {
	cobra.CheckErr(cmd.Flags().SetAnnotation(flag, annotation, nil))
}

// The largest file that kuke reads, and all files together, in bytes.
const (
	maxSentFile = 16 << 20
	maxSent     = 128 << 20
)

// sending collects the files of a request.
type sending struct {
	*remote.Request
	sent map[string]bool
	size int64
}

// request returns everything that the command needs on another host, and the input that it reads, nil for none.
func (a *app) request(ctx context.Context, cmd *cobra.Command, args []string) (*remote.Request, io.Reader, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, nil, err
	}
	s := &sending{sent: map[string]bool{}, Request: &remote.Request{
		Args: a.args, Name: strings.TrimPrefix(cmd.CommandPath(), "kuke "), Environ: a.sentEnviron(),
		Terminal: remote.TerminalOf(a.stdin, a.stdout, a.stderr), Caller: remote.Caller{Dir: dir, User: userName(), Answers: map[string]string{}},
	}}
	s.Caller.Host, _ = os.Hostname() // the host does without both
	s.Caller.Home, _ = os.UserHomeDir()
	planFile := cmd.Name() == "apply" && len(args) > 0
	if planFile {
		err = a.sendPlan(s, args[0])
	}
	if err == nil {
		err = a.sendConfiguration(ctx, s, cmd, planFile)
	}
	if err == nil {
		err = s.addPaths(cmd, args)
	}
	if err != nil {
		return nil, nil, err
	}
	stdin, err := a.sentInput(cmd, args, planFile)
	s.Stdin = stdin != nil
	return s.Request, stdin, err
}

// userName returns the name of the user, or of the one who became root.
func userName() string {
	if caller := os.Getenv("SUDO_USER"); caller != "" && os.Geteuid() == 0 {
		return caller
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}

// sentEnviron returns the variables of the environment that set flags and the variables of a configuration.
func (a *app) sentEnviron() []string {
	var env []string
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, "KUKE_VAR_") || name == "NO_COLOR" || a.environ[strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, "KUKE_"), "_", "-"))] {
			env = append(env, pair)
		}
	}
	return env
}

// sendConfiguration adds the files of the configuration, and the sources of its secrets.
func (a *app) sendConfiguration(ctx context.Context, s *sending, cmd *cobra.Command, planFile bool) error {
	o := configurationOf(cmd)
	is := func(flag string) bool { f := cmd.Flags().Lookup(flag); return f != nil && f.Value.String() == "true" }
	if o == nil || cmd.Name() == "destroy" || is("destroy") || is("refresh-only") {
		return a.sendSettings(s, cmd, o != nil)
	}
	if planFile && len(o.files)+len(o.variables.assignments) == 0 {
		return nil
	}
	in, err := o.input(ctx, a)
	if err != nil {
		return err
	}
	in.Elsewhere = true
	var unreadable []error
	in.Opened = func(path string) { unreadable = append(unreadable, s.add(path, maxSentFile)) }
	in.Looked, s.Caller.Secrets = s.addVariable, map[string]string{}
	if ask := in.Ask; ask != nil {
		in.Ask = func(name, description string, sensitive bool) (string, error) {
			answer, err := ask(name, description, sensitive)
			s.Caller.Answers[name] = answer
			return answer, err
		}
	}
	c, diags, err := a.session.Load(ctx, in)
	if err != nil {
		return err
	}
	if diags.HasErrors() {
		return diags
	}
	for _, r := range c.Tree.Resources() {
		switch spec := r.Spec.(type) {
		case *resource.Container:
			unreadable = append(unreadable, s.addSecrets(spec.Secrets, r.SecretFile))
		case *resource.Realm:
			unreadable = append(unreadable, s.addPasswords(spec.RegistryCredentials, r.PasswordFile))
		}
	}
	return errors.Join(append(unreadable, s.addSources(a.session.Sources, in.Paths))...)
}

// sendSettings adds the files that tell the project.
func (a *app) sendSettings(s *sending, cmd *cobra.Command, named bool) error {
	in, err := a.settingsInput(cmd)
	if err != nil {
		return err
	}
	// The command reports the errors, if it asks for the project.
	if _, _, err := a.session.ProjectOf(in); err != nil {
		return err
	}
	sources := map[string][]byte{}
	for name, text := range a.session.Sources {
		if named || config.LanguageOf(name, text) == config.HCL {
			sources[name] = text
		}
	}
	return s.addSources(sources, in.Paths)
}

// sendPlan adds the sources of the secrets of a saved plan. The plan itself is an argument.
func (a *app) sendPlan(s *sending, file string) error {
	p, err := a.session.LoadPlan(file)
	if err != nil {
		return err
	}
	var failed []error
	for _, c := range p.Changes {
		if c.After == nil {
			continue
		}
		switch spec := c.After.Spec.(type) {
		case *resource.Container:
			failed = append(failed, s.addSecrets(spec.Secrets, func(s resource.Secret) string { return s.FromFile }))
		case *resource.Realm:
			failed = append(failed, s.addPasswords(spec.RegistryCredentials, func(c resource.RegistryCredential) string { return c.PasswordFromFile }))
		}
	}
	return errors.Join(failed...)
}

// addSources adds files that were read by their names, and the other names of them among the paths.
func (s *sending) addSources(sources map[string][]byte, paths []string) error {
	identities := map[string]string{}
	for name := range sources {
		if _, err := os.Lstat(name); err != nil {
			continue // standard input
		}
		if err := s.add(name, maxSentFile); err != nil {
			return err
		}
		if real, err := filepath.EvalSymlinks(name); err == nil {
			identities[absolute(real)] = absolute(name)
		}
	}
	for _, path := range paths {
		real, err := filepath.EvalSymlinks(path)
		if err != nil {
			continue
		}
		if same := identities[absolute(real)]; same != "" && !s.sent[absolute(path)] {
			s.sent[absolute(path)] = true
			s.Files = append(s.Files, remote.File{Path: absolute(path), Same: same})
		}
	}
	return nil
}

// absolute returns the absolute path of a file that exists.
func absolute(path string) string {
	if full, err := filepath.Abs(path); err == nil {
		return full
	}
	return path // the working directory is gone
}

// addSecrets adds the sources of secrets, as far as they exist: the command reports the others, if it needs them.
func (s *sending) addSecrets(secrets []resource.Secret, file func(resource.Secret) string) error {
	if s.Caller.Secrets == nil {
		s.Caller.Secrets = map[string]string{}
	}
	for _, secret := range secrets {
		if secret.FromEnv != "" {
			s.addVariable(secret.FromEnv)
			continue
		}
		const maxSecret = 1 << 20
		if err := s.add(file(secret), maxSecret); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// addPasswords adds the sources of the passwords for registries, as addSecrets does.
func (s *sending) addPasswords(credentials []resource.RegistryCredential, file func(resource.RegistryCredential) string) error {
	var failed []error
	for _, c := range credentials {
		source := []resource.Secret{{FromEnv: c.PasswordFromEnv, FromFile: c.PasswordFromFile}}
		failed = append(failed, s.addSecrets(source, func(resource.Secret) string { return file(c) }))
	}
	return errors.Join(failed...)
}

// addVariable adds an environment variable that a resource names, if it is set.
func (s *sending) addVariable(name string) {
	if value, set := os.LookupEnv(name); set {
		s.Caller.Secrets[name] = value
	}
}

// add adds a file with at most so many bytes of its content, once.
func (s *sending) add(path string, limit int64) error {
	full, err := filepath.Abs(path)
	if err != nil || s.sent[full] {
		return err
	}
	f, err := os.Open(full)
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return err
	}
	file := remote.File{Path: full, Data: data}
	if int64(len(data)) > limit {
		// It is too large for kuke, whatever it holds.
		file.Data, file.Size = nil, int64(len(data))
	}
	if s.size += int64(len(file.Data)); s.size > maxSent {
		return fmt.Errorf("the command reads files of more than %d MiB, which is too much to send: %s is one of them", maxSent>>20, path)
	}
	s.sent[full] = true
	s.Files = append(s.Files, file)
	return nil
}

// addTree adds a file, or all files of a directory and of those below it.
func (s *sending) addTree(path string) error {
	return filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
			return err
		}
		return s.add(name, maxSent)
	})
}

// addPaths adds the files that arguments and flags name.
func (s *sending) addPaths(cmd *cobra.Command, args []string) error {
	for _, i := range fileArguments(cmd, args) {
		if args[i] != "-" && !streamed(cmd) {
			if err := s.addTree(args[i]); err != nil {
				return err
			}
		}
	}
	return eachFileFlag(cmd, func(f *pflag.Flag, path string) error {
		if _, read := f.Annotations[readFile]; read {
			return s.addTree(path)
		}
		full, err := filepath.Abs(path)
		if err != nil {
			return err
		}
		if info, err := os.Stat(filepath.Dir(full)); err != nil || !info.IsDir() {
			return fmt.Errorf("%s: there is no directory %s. Create it first", flagName(f), filepath.Dir(path))
		}
		if info, err := os.Stat(full); err == nil && info.IsDir() {
			return fmt.Errorf("%s: %s is a directory. Name a file", flagName(f), path)
		}
		s.Outputs = append(s.Outputs, full)
		return nil
	})
}

// fileArguments returns the numbers of the arguments that are files.
func fileArguments(cmd *cobra.Command, args []string) []int {
	var files []int
	for i, name := range strings.Fields(cmd.Use)[1:] {
		if i < len(args) && strings.Contains(name, "FILE") {
			files = append(files, i)
		}
	}
	return files
}

// streamed reports whether the file that is the argument of the command is sent as its input: images and
// backups are large.
func streamed(cmd *cobra.Command) bool {
	return cmd.CommandPath() == "kuke image import" || cmd.CommandPath() == "kuke volume restore"
}

// eachFileFlag calls fn with the flags whose values are files.
func eachFileFlag(cmd *cobra.Command, fn func(f *pflag.Flag, path string) error) error {
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		_, read := f.Annotations[readFile]
		_, written := f.Annotations[writtenFile]
		if !read && !written {
			return
		}
		paths := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			paths = list.GetSlice()
		}
		for _, path := range paths {
			if path != "" && path != "-" && failed == nil {
				failed = fn(f, path)
			}
		}
	})
	return failed
}

// sentInput returns the input of the command, nil where it reads none: it may be that of others, too.
func (a *app) sentInput(cmd *cobra.Command, args []string, planFile bool) (io.Reader, error) {
	for _, i := range fileArguments(cmd, args) {
		if streamed(cmd) && args[i] != "-" {
			f, err := os.Open(args[i])
			if err != nil {
				return nil, fmt.Errorf("read the file to send: %w", err)
			}
			return f, nil
		}
	}
	if stdin := cmd.Flags().Lookup("password-stdin"); stdin != nil {
		return io.NopCloser(a.stdin), nil
	}
	approve, interactive := cmd.Flags().Lookup("auto-approve"), cmd.Flags().Lookup("interactive")
	switch {
	case a.input != nil:
		return io.MultiReader(bytes.NewReader(a.input), a.stdin), nil
	case approve != nil && approve.Value.String() != "true" && !planFile,
		interactive != nil && interactive.Value.String() == "true",
		cmd.Name() != "exec" && slices.Contains(args, "-"):
		return io.NopCloser(a.stdin), nil
	}
	return nil, nil
}

// callersPaths has the flags and arguments that are files of the caller name them as this host sees them.
func (a *app) callersPaths(cmd *cobra.Command, args []string) ([]string, error) {
	args = slices.Clone(args)
	for _, i := range fileArguments(cmd, args) {
		switch path, err := a.caller.Relative(args[i]); {
		case err != nil:
			return nil, err
		case streamed(cmd):
			args[i] = "-"
		default:
			args[i] = path
		}
	}
	return args, eachFileFlag(cmd, func(f *pflag.Flag, path string) error {
		relative, err := a.caller.Relative(path)
		if err != nil {
			return err
		}
		return f.Value.Set(relative)
	})
}
