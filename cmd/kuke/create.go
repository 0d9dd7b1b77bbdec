package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kukeon/kuke/cmd/kuke/session"
	"github.com/kukeon/kuke/config/resource"
)

// createOptions are the attributes that can be given by flags; a configuration has all.
type createOptions struct {
	imperativeOptions
	image, command, restartPolicy       string
	args, env, ports, networks, aliases []string
	volumes, labels                     []string
	privileged, root                    bool
	namespace, subnet, address          string
	internal                            bool
}

func newCreate(a *app) *cobra.Command {
	create := &cobra.Command{
		Use:   "create KIND NAME|PATH",
		Short: "Create a single resource by hand",
		Long: "create makes a realm, space, stack, cell or container without a configuration, through the same plan and the same\n" +
			"steps as apply. What is made by hand belongs to no project: no configuration's plan deletes it, save with its parent.\n" +
			"A configuration that declares it takes it over.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	for _, kind := range resource.Kinds {
		o := &createOptions{}
		cmd := &cobra.Command{
			Use:   kind.Lower() + " NAME|PATH",
			Short: "Create a " + kind.Lower(),
			Args:  cobra.ExactArgs(1),
			RunE:  func(cmd *cobra.Command, args []string) error { return a.create(cmd.Context(), o, kind, args[0]) },
		}
		o.addFlags(cmd, kind)
		o.addAttributes(cmd, kind)
		create.AddCommand(cmd)
	}
	return create
}

func (o *createOptions) addAttributes(cmd *cobra.Command, kind resource.Kind) {
	f := cmd.Flags()
	f.StringArrayVar(&o.labels, "label", nil, "a label, KEY=VALUE; repeatable")
	switch kind {
	case resource.KindRealm:
		f.StringVar(&o.namespace, "namespace", "", "containerd namespace (default: kukeon-NAME)")
	case resource.KindSpace:
		f.StringVar(&o.subnet, "subnet", "", "IPv4 subnet (default: a free one of the pool)")
		f.BoolVar(&o.internal, "internal", false, "let nothing out of the space")
	case resource.KindCell:
		f.StringVar(&o.address, "address", "", "IPv4 address in the space's subnet (default: a free one)")
	case resource.KindContainer:
		f.StringVar(&o.image, "image", "", "image reference (default: "+resource.DefaultImage+")")
		f.StringVar(&o.command, "command", "", "program to run, in place of the image's entrypoint")
		f.StringArrayVar(&o.args, "args", nil, "one of its arguments; repeatable")
		f.StringArrayVar(&o.env, "env", nil, "environment variable, NAME=value; repeatable")
		f.StringArrayVar(&o.ports, "port", nil, "published port, [[hostIP:]hostPort:]containerPort[/tcp|/udp|/sctp]; repeatable")
		f.StringArrayVar(&o.volumes, "volume", nil, "mount, SOURCE:TARGET[:ro]; repeatable")
		f.StringArrayVar(&o.networks, "network", nil, "further space of the realm; repeatable")
		f.StringArrayVar(&o.aliases, "network-alias", nil, "further name of the cell; repeatable")
		f.BoolVar(&o.privileged, "privileged", false, "give it all capabilities and devices")
		f.BoolVar(&o.root, "root", false, "make it the root container of its cell (default for the first one)")
		f.StringVar(&o.restartPolicy, "restart-policy", "", "no, always, on-failure[:N] or unless-stopped")
	}
}

func (a *app) create(ctx context.Context, o *createOptions, kind resource.Kind, arg string) error {
	p, err := o.path(kind, arg)
	if err != nil {
		return err
	}
	spec, err := o.spec(kind)
	if err != nil {
		return err
	}
	return a.session.Create(ctx, p, spec, a.runOptions(&o.imperativeOptions))
}

// spec returns the fields of the manifest that the flags make.
func (o *createOptions) spec(kind resource.Kind) (map[string]any, error) {
	spec := map[string]any{}
	set := func(name string, value any, given bool) {
		if given {
			spec[name] = value
		}
	}
	labels := map[string]string{}
	for _, label := range o.labels {
		key, value, ok := strings.Cut(label, "=")
		if !ok {
			return nil, fmt.Errorf("--label: %q is not of the form KEY=VALUE", label)
		}
		labels[key] = value
	}
	set("labels", labels, len(labels) > 0)
	set("namespace", o.namespace, o.namespace != "")
	set("address", o.address, o.address != "")
	network := map[string]any{"internal": o.internal}
	if o.subnet != "" {
		network["subnet"] = o.subnet
	}
	set("network", network, o.internal || o.subnet != "")
	if kind != resource.KindContainer {
		return spec, nil
	}
	volumes, err := o.volumeSpecs()
	if err != nil {
		return nil, err
	}
	set("image", o.image, o.image != "")
	set("command", o.command, o.command != "")
	set("args", o.args, len(o.args) > 0)
	set("env", o.env, len(o.env) > 0)
	set("ports", o.ports, len(o.ports) > 0)
	set("volumes", volumes, len(volumes) > 0)
	set("networks", o.networks, len(o.networks) > 0)
	set("networksAliases", o.aliases, len(o.aliases) > 0)
	set("privileged", true, o.privileged)
	set("root", true, o.root)
	set("restartPolicy", o.restartPolicy, o.restartPolicy != "")
	return spec, nil
}

func (o *createOptions) volumeSpecs() ([]map[string]any, error) {
	var volumes []map[string]any
	for _, volume := range o.volumes {
		parts := strings.Split(volume, ":")
		if len(parts) < 2 || len(parts) > 3 || len(parts) == 3 && parts[2] != "ro" && parts[2] != "rw" {
			return nil, fmt.Errorf("--volume: %q is not of the form SOURCE:TARGET[:ro]", volume)
		}
		volumes = append(volumes, map[string]any{"source": parts[0], "target": parts[1], "readOnly": len(parts) == 3 && parts[2] == "ro"})
	}
	return volumes, nil
}

func newDelete(a *app) *cobra.Command {
	o := &imperativeOptions{}
	var cascade, images bool
	cmd := &cobra.Command{
		Use:   "delete KIND NAME|PATH...",
		Short: "Delete single resources, whatever project they belong to",
		Long: "delete removes a container, a cell with its containers, or, with --cascade when anything is in it, a stack, space or\n" +
			"realm. The root container of a cell takes the others with it, which needs --cascade too. What a configuration still\n" +
			"declares is made anew by its next apply.",
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			paths, err := o.named(args)
			if err != nil {
				return err
			}
			return a.session.Delete(cmd.Context(), paths, session.DeleteOptions{Cascade: cascade, Images: images}, a.runOptions(o))
		},
	}
	o.addFlags(cmd, resource.KindContainer)
	cmd.Flags().BoolVar(&cascade, "cascade", false, "delete what is in it as well")
	addImagesFlag(cmd, &images)
	return cmd
}
