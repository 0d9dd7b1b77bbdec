package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kukeon/kuke/cmd/kuke/service"
	"github.com/kukeon/kuke/config"
)

// serviceOptions are the options of the commands for units.
type serviceOptions struct {
	unitDir string
}

func (o *serviceOptions) host() (service.Host, error) {
	h := service.Host{Dir: o.unitDir}
	return h, h.Check()
}

func newService(a *app) *cobra.Command {
	o := &serviceOptions{}
	cmd := &cobra.Command{
		Use:     "service",
		Short:   "Manage the systemd units of kuke",
		Example: "  kuke service install --now -f /etc/kukeon\n  kuke service status",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.PersistentFlags().StringVar(&o.unitDir, "unit-dir", service.UnitDir, "`directory` of the unit files, which systemd must read")
	cmd.AddCommand(newServiceInstall(a, o), newServiceStatus(a, o), newServiceRemove(a, o))
	return cmd
}

// installOptions are those of kuke service install.
type installOptions struct {
	*serviceOptions
	files       []string
	environment string
	now         bool
	health      bool
}

func newServiceInstall(a *app, shared *serviceOptions) *cobra.Command {
	o := &installOptions{serviceOptions: shared}
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Install and enable the units of a project",
		Long: "install checks the configuration, and writes and enables these units:\n" +
			"\n" +
			"    kuke.service           applies the configuration at boot\n" +
			"    kuke-shutdown.service  stops the containers before the system shuts down\n" +
			"    kuke-network.service   repairs the networks after a firewall service has flushed its rules\n" +
			"    kuke-drift.timer       looks for drift every hour\n" +
			"    kuke-health.service    with --health: keeps the health of containers up, and restarts those with\n" +
			"                           on_unhealthy = \"restart\"\n" +
			"\n" +
			"The units name the project of --project or of the configuration. Units of another project than default are named\n" +
			"kuke@PROJECT.service and so on. The units use the global flags of this command. The environment file, which only\n" +
			"root can read, sets variables of the configuration (KUKE_VAR_name=value) and sources of secrets.",
		Example: "  kuke service install --now -f /etc/kukeon\n  kuke service install --project shop -f /etc/shop --environment-file /etc/shop.env",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.installService(cmd, o) },
	}
	cmd.Flags().StringArrayVarP(&o.files, "file", "f", nil, "`file` or directory of the configuration; repeatable (default: the current directory)")
	cmd.Flags().StringVar(&o.environment, "environment-file", "", "`file` with the environment variables of the units (default: /etc/kuke/PROJECT.env)")
	cmd.Flags().BoolVar(&o.health, "health", false, "unit that runs the healthchecks of containers")
	cmd.Flags().BoolVar(&o.now, "now", false, "start of the units, which applies the configuration")
	return cmd
}

func (a *app) installService(cmd *cobra.Command, o *installOptions) error {
	host, err := o.host()
	if err != nil {
		return err
	}
	project, err := a.session.FindProject(config.Input{Paths: o.files})
	if err != nil {
		return err
	}
	settings, err := serviceSettings(cmd, o, project)
	if err != nil {
		return err
	}
	variables, made, err := service.CheckEnvironment(settings.Environment)
	if err != nil {
		return err
	}
	if made {
		a.out.Text("wrote " + settings.Environment + " (empty: add lines like KUKE_VAR_name=value)\n")
	}
	if err := a.checkConfiguration(cmd.Context(), settings, variables); err != nil {
		return err
	}
	files, err := host.Install(cmd.Context(), settings, o.now)
	a.out.InstalledUnits(files)
	if err != nil {
		return err
	}
	a.out.UnitsEnabled(service.NamesOf(settings.Project), o.now)
	return nil
}

// serviceSettings returns the command line of the units: this program, with its global flags.
func serviceSettings(cmd *cobra.Command, o *installOptions, project string) (service.Settings, error) {
	s := service.Settings{Project: project, Environment: o.environment, Health: o.health}
	if s.Environment == "" {
		s.Environment = service.DefaultEnvironment(project)
	}
	var err error
	if s.Program, err = os.Executable(); err != nil {
		return s, fmt.Errorf("find the program of the units: %w", err)
	}
	if err := service.CheckProgram(s.Program); err != nil {
		return s, err
	}
	files := o.files
	if len(files) == 0 {
		files = []string{"."}
	}
	if slices.Contains(files, "-") {
		return s, errors.New("--file: a unit can't read standard input: name a file or a directory")
	}
	for _, file := range files {
		path, err := filepath.Abs(file)
		if err != nil {
			return s, fmt.Errorf("--file: %w", err)
		}
		s.Configuration = append(s.Configuration, path)
	}
	s.Flags = append(s.Flags, "--project="+project)
	cmd.Root().PersistentFlags().VisitAll(func(f *pflag.Flag) {
		if !f.Changed || f.Name == "project" {
			return
		}
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		for _, value := range values {
			s.Flags = append(s.Flags, "--"+f.Name+"="+value)
		}
	})
	return s, nil
}

// checkConfiguration loads the configuration as a unit does: with no terminal, and no variables but those given.
func (a *app) checkConfiguration(ctx context.Context, s service.Settings, variables []string) error {
	_, diags, err := a.session.Load(ctx, config.Input{Paths: s.Configuration, Environ: variables})
	if err != nil {
		return err
	}
	if diags.HasErrors() {
		a.errs.Note("The units can't apply the configuration. Their environment variables are those of " + s.Environment + ".")
	}
	return a.session.Report(diags)
}

func newServiceStatus(a *app, o *serviceOptions) *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "Show the installed units of all projects and the next check for drift",
		Example: "  kuke service status",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			host, err := o.host()
			if err != nil {
				return err
			}
			units, err := host.Status(cmd.Context())
			if err != nil {
				return err
			}
			a.out.Units(units)
			return nil
		},
	}
}

func newServiceRemove(a *app, o *serviceOptions) *cobra.Command {
	return &cobra.Command{
		Use:     "remove",
		Short:   "Disable and remove the units of a project",
		Long:    "remove disables and deletes the units of the project. Its containers keep running, and its environment file stays.",
		Example: "  kuke service remove --project shop",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			host, err := o.host()
			if err != nil {
				return err
			}
			project, err := a.session.FindProject(config.Input{})
			if err != nil {
				return err
			}
			removed, err := host.Remove(cmd.Context(), project)
			a.out.RemovedUnits(removed)
			if err != nil {
				return err
			}
			if len(removed) == 0 {
				a.out.Text(fmt.Sprintf("Nothing to remove: no units of project %s are installed in %s.\n", project, o.unitDir))
			}
			return nil
		},
	}
}
