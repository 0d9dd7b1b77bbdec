package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/kukeon/kuke/config"
	"github.com/kukeon/kuke/planner/state/durable"
)

type fmtOptions struct {
	check, diff, list, recursive, write bool
}

func newFmt(a *app) *cobra.Command {
	o := &fmtOptions{}
	cmd := &cobra.Command{
		Use:   "fmt [PATH...]",
		Short: "Format HCL files",
		Long: "fmt rewrites *.hcl and *.kukevars files in the canonical format of terraform fmt, and prints the names of the\n" +
			"changed files. It changes white space, puts labels in quotes, writes a lone \"${var.x}\" as var.x and the type\n" +
			"\"string\" as string, ends lines with LF and removes a byte order mark. It never changes the meaning.\n" +
			"\n" +
			"PATH is a file, a directory, or - for standard input (printed formatted). Hidden files and YAML files are ignored,\n" +
			"and a file with a syntax error stays as it is.\n" +
			"\n" +
			"Exit status: 0; 3 with --check if a file is not formatted; 1 for an error.",
		Example: "  kuke fmt\n  kuke fmt --check --recursive\n  kuke fmt --diff --write=false main.hcl\n  kuke fmt - < main.hcl",
		RunE:    func(_ *cobra.Command, args []string) error { return a.format(o, args) },
	}
	f := cmd.Flags()
	f.BoolVar(&o.check, "check", false, "check without changes; exit status 3 if a file is not formatted")
	f.BoolVar(&o.diff, "diff", false, "diff of the changes")
	f.BoolVar(&o.list, "list", true, "names of the files that are not formatted")
	f.BoolVar(&o.recursive, "recursive", false, "directories below too")
	f.BoolVar(&o.write, "write", true, "changes in the files; --write=false only prints the names")
	return cmd
}

func (a *app) format(o *fmtOptions, paths []string) error {
	stdin := slices.Contains(paths, "-")
	switch {
	case len(paths) == 0:
		paths = []string{"."}
	case stdin && len(paths) > 1:
		return errors.New("- is standard input and excludes files: format the files with another command")
	}
	files, sources, diags := config.Format(paths, o.recursive, a.stdin)
	a.session.Sources = sources
	var failed []error
	changed := false
	for _, f := range files {
		changed = changed || f.Changed()
		if err := a.formatted(o, f, stdin); err != nil {
			failed = append(failed, err)
		}
	}
	if len(failed) > 0 {
		a.errs.Error(errors.Join(failed...), nil)
	}
	switch err := a.session.Report(diags); {
	case err != nil:
		return err
	case len(failed) > 0:
		return exitCode(exitError)
	case o.check && changed:
		return exitCode(exitUnformatted)
	}
	return nil
}

// formatted writes one file and says so, as far as is asked for.
func (a *app) formatted(o *fmtOptions, f *config.Formatted, stdin bool) error {
	switch {
	case stdin && !o.check && !o.diff:
		a.out.Text(string(f.After))
		return nil
	case !f.Changed():
		return nil
	case !stdin:
		if o.write && !o.check {
			if err := rewrite(f.Name, f.After); err != nil {
				return fmt.Errorf("write %s: %w", f.Name, err)
			}
		}
		if o.list {
			a.out.Line(f.Name)
		}
	}
	if o.diff {
		a.out.Diff(f.Name, string(f.Before), string(f.After))
	}
	return nil
}

// rewrite replaces the content of a file in one step, and leaves its mode, its owner, and the link that led to it.
func rewrite(name string, data []byte) error {
	target, err := filepath.EvalSymlinks(name)
	if err != nil {
		return err
	}
	var stat unix.Stat_t
	if err := unix.Stat(target, &stat); err != nil {
		return err
	}
	// Only root may give a file away; who may write a file of others, owns it from now on.
	return durable.WriteFileFor(target, data, fs.FileMode(stat.Mode&0o777), int(stat.Uid), int(stat.Gid))
}
