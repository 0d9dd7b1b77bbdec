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
		Short: "Rewrite HCL files in canonical format",
		Long: "fmt gives *.hcl and *.kukevars files the canonical format of terraform fmt, and prints the names of those that it\n" +
			"changed. It changes the space in them, puts labels in quotes, writes a lone \"${var.x}\" as var.x and the type\n" +
			"\"string\" as string, and changes nothing they mean. PATH is a file, a directory, or - for standard input, which is\n" +
			"printed formatted. Lines end in LF, and a byte order mark is taken away. Hidden files are passed over, and so is\n" +
			"YAML. A file with a syntax error is left as it is.\n\n" +
			"Exit status: 0; with --check 3 when a file isn't formatted; 1 for an error.",
		RunE: func(_ *cobra.Command, args []string) error { return a.format(o, args) },
	}
	f := cmd.Flags()
	f.BoolVar(&o.check, "check", false, "write nothing, and exit with status 3 when a file isn't formatted")
	f.BoolVar(&o.diff, "diff", false, "show the changes")
	f.BoolVar(&o.list, "list", true, "print the names of the files that aren't formatted")
	f.BoolVar(&o.recursive, "recursive", false, "also the directories below")
	f.BoolVar(&o.write, "write", true, "rewrite the files; with --write=false only print what would be changed")
	return cmd
}

func (a *app) format(o *fmtOptions, paths []string) error {
	stdin := slices.Contains(paths, "-")
	switch {
	case len(paths) == 0:
		paths = []string{"."}
	case stdin && len(paths) > 1:
		return errors.New("- stands for standard input, and stands alone: format the files in another call")
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
