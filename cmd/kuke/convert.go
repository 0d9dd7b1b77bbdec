package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/kukeon/kuke/config"
)

type convertOptions struct {
	planOptions
	to    string
	out   string
	force bool
}

func newConvert(a *app) *cobra.Command {
	o := &convertOptions{}
	cmd := &cobra.Command{
		Use:   "convert",
		Short: "Convert the configuration from HCL to YAML, or from YAML to HCL",
		Long: "convert reads the configuration and writes its resources in the other language: nested HCL blocks, or v1beta1\n" +
			"manifests with one document for each resource. Reading the output gives exactly the same resources. The output\n" +
			"holds values: comments and expressions are lost, and defaults may be written out.\n" +
			"\n" +
			"convert overwrites no file without --force. Do not keep both files in one directory: kuke reads both.",
		Example: "  kuke convert -f main.hcl --out main.yaml\n  kuke convert -f main.yaml",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.convert(cmd.Context(), o) },
	}
	o.addInputFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.to, "to", "", "`language` of the output, hcl or yaml (default: that of the name of --out, else the other one)")
	f.StringVar(&o.out, "out", "-", "`file` of the output, or - for standard output")
	f.BoolVar(&o.force, "force", false, "replacement of an existing file")
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("to", cobra.FixedCompletions([]string{"hcl", "yaml"}, cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

func (a *app) convert(ctx context.Context, o *convertOptions) error {
	if o.to != "" && o.to != string(config.HCL) && o.to != string(config.YAML) {
		return fmt.Errorf("--to: there is no language %q: use hcl or yaml", o.to)
	}
	in, err := o.input(ctx, a)
	if err != nil {
		return err
	}
	in.KeepFiles = true
	c, diags, err := a.session.Load(ctx, in)
	if err != nil {
		return err
	}
	if err := a.session.Report(diags); err != nil {
		return err
	}
	tree := c.Tree
	if err := convertible(c); err != nil {
		return err
	}
	to, err := o.language(a.session.Sources)
	if err != nil {
		return err
	}
	text, err := config.Convert(tree, to)
	if err != nil {
		return err
	}
	if c.Project.Named {
		a.errs.Note(fmt.Sprintf("The converted configuration does not name the project. Keep the block of %s, or use --project %s.", c.Project.Declared, c.Project.Name))
	}
	if o.out == "-" {
		a.out.Text(string(text))
		return nil
	}
	if config.LanguageOf(o.out, text) != to {
		return fmt.Errorf("--out: the name %s is not that of a file in %s: use a name that ends in .%s", o.out, to, to)
	}
	if err := o.write(text); err != nil {
		return fmt.Errorf("write %s: %w", o.out, err)
	}
	a.out.Converted(o.out, counts(tree))
	return nil
}

// convertible refuses a configuration with values that a text cannot hold.
func convertible(c *config.Configuration) error {
	if c.Pending {
		return errors.New("the configuration refers to addresses that planning allocates: a converted configuration can't contain them")
	}
	for _, r := range c.Tree.Resources() {
		if len(r.Sensitive) > 0 {
			return fmt.Errorf("%s: %s has sensitive values, which a converted configuration would show", r.Declared, r.Path)
		}
	}
	return nil
}

// language returns the language of the output: that of --to, else the one that the configuration does not use.
func (o *convertOptions) language(sources map[string][]byte) (config.Language, error) {
	if o.to != "" {
		return config.Language(o.to), nil
	}
	switch filepath.Ext(o.out) {
	case ".hcl":
		return config.HCL, nil
	case ".yaml", ".yml":
		return config.YAML, nil
	}
	found := map[config.Language]bool{}
	for name, data := range sources {
		found[config.LanguageOf(name, data)] = true
	}
	switch {
	case found[config.HCL] && found[config.YAML]:
		return "", errors.New("the configuration is in HCL and YAML: name the language of the output with --to")
	case found[config.HCL]:
		return config.YAML, nil
	}
	return config.HCL, nil
}

// write writes the file in one step, and over another only where that is asked for.
func (o *convertOptions) write(text []byte) error {
	const mode = 0o644
	if o.force {
		if err := rewrite(o.out, text); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	f, err := os.OpenFile(o.out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return errors.New("the file exists: choose another name, or replace it with --force")
	}
	if err != nil {
		return err
	}
	if _, err := f.Write(text); err != nil {
		return errors.Join(err, f.Close(), os.Remove(o.out))
	}
	return f.Close()
}
