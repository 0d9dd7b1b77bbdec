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
	namespace, subnet, subnet6          string
	address, address6                   string
	internal                            bool
	reclaimPolicy, directory, mode      string
	driverOpts                          []string
	uid, gid                            int64
}

func newCreate(a *app) *cobra.Command {
	create := &cobra.Command{
		Use:   "create KIND NAME|PATH",
		Short: "Create a single resource",
		Long: "create creates a realm, space, stack, cell, container or volume without a configuration, through the same plan and the\n" +
			"same steps as apply. The resource belongs to no project: no plan of a configuration deletes it, except together\n" +
			"with its parent. A configuration that declares it takes it over.",
		Example: "  kuke create realm main\n  kuke create container extra --realm main --stack blog --cell web --image busybox --command sleep --args 3600\n  kuke create space main/shop --subnet 10.30.0.0/24 --dry-run",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	for _, kind := range resource.AllKinds {
		o := &createOptions{}
		cmd := &cobra.Command{
			Use:     kind.Lower() + " NAME|PATH",
			Short:   "Create a " + kind.Lower(),
			Example: "  kuke create " + kind.Lower() + " " + example(kind),
			Args:    cobra.ExactArgs(1),
			RunE:    func(cmd *cobra.Command, args []string) error { return a.create(cmd.Context(), o, kind, args[0]) },
		}
		o.addFlags(cmd, kind)
		o.addAttributes(cmd, kind)
		create.AddCommand(cmd)
	}
	return create
}

func (o *createOptions) addAttributes(cmd *cobra.Command, kind resource.Kind) {
	f := cmd.Flags()
	f.StringArrayVar(&o.labels, "label", nil, "label, `KEY=VALUE`; repeatable")
	switch kind {
	case resource.KindRealm:
		f.StringVar(&o.namespace, "namespace", "", "containerd `namespace` (default: kukeon-NAME)")
	case resource.KindSpace:
		f.StringVar(&o.subnet, "subnet", "", "IPv4 `subnet` (default: a free one of --subnet-pool)")
		f.StringVar(&o.subnet6, "subnet6", "", "IPv6 `subnet`, or auto for a unique local /64 (default: no IPv6)")
		f.BoolVar(&o.internal, "internal", false, "no outgoing connections from the space")
	case resource.KindVolume:
		f.StringVar(&o.reclaimPolicy, "reclaim-policy", "", "`policy` when its parent is deleted: Retain (default) or Delete")
		f.StringVar(&o.directory, "path", "", "existing `path` of the host for the data (default: one below the state)")
		f.StringArrayVar(&o.driverOpts, "driver-opt", nil, "file system, `KEY=VALUE` with type, device or o, as Docker's driver local; repeatable")
		f.Int64Var(&o.uid, "uid", -1, "`owner` of the directory of the data (default: that in the image)")
		f.Int64Var(&o.gid, "gid", -1, "`group` of the directory of the data (default: that in the image)")
		f.StringVar(&o.mode, "mode", "", "`mode` of the directory of the data, like 0750 (default: that in the image)")
	case resource.KindCell:
		f.StringVar(&o.address6, "address6", "", "IPv6 `address` in the IPv6 subnet of the space (default: a free one)")
		f.StringVar(&o.address, "address", "", "IPv4 `address` in the subnet of the space (default: a free one)")
	case resource.KindContainer:
		f.StringVar(&o.image, "image", "", "image `reference` (default: "+resource.DefaultImage+")")
		f.StringVar(&o.command, "command", "", "`program`, in place of the entrypoint of the image")
		f.StringArrayVar(&o.args, "args", nil, "`argument` of the program; repeatable")
		f.StringArrayVar(&o.env, "env", nil, "environment variable, `NAME=VALUE`; repeatable")
		f.StringArrayVar(&o.ports, "port", nil, "published `port`, [[hostIP:]hostPort:]containerPort[/tcp|/udp|/sctp]; repeatable")
		f.StringArrayVar(&o.volumes, "volume", nil, "mount, `SOURCE:TARGET[:ro]`, of a path of the host or of a volume by its name; repeatable")
		f.StringArrayVar(&o.networks, "network", nil, "further `space` of the realm; repeatable")
		f.StringArrayVar(&o.aliases, "network-alias", nil, "further `name` of the cell; repeatable")
		f.BoolVar(&o.privileged, "privileged", false, "all capabilities and devices for the container")
		f.BoolVar(&o.root, "root", false, "root container of its cell (default for the first one)")
		f.StringVar(&o.restartPolicy, "restart-policy", "", "restart `policy`: no, always, on-failure[:N] or unless-stopped")
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
	set("address6", o.address6, o.address6 != "")
	network := map[string]any{"internal": o.internal}
	if o.subnet != "" {
		network["subnet"] = o.subnet
	}
	if o.subnet6 != "" {
		network["subnet6"] = o.subnet6
	}
	set("network", network, o.internal || o.subnet != "" || o.subnet6 != "")
	if kind == resource.KindVolume {
		return spec, o.volumeSpec(set)
	}
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

// volumeSpec sets the fields of a volume.
func (o *createOptions) volumeSpec(set func(name string, value any, given bool)) error {
	opts := map[string]string{}
	for _, opt := range o.driverOpts {
		key, value, ok := strings.Cut(opt, "=")
		if !ok {
			return fmt.Errorf("--driver-opt: %q is not of the form KEY=VALUE", opt)
		}
		opts[key] = value
	}
	set("driverOpts", opts, len(opts) > 0)
	set("reclaimPolicy", o.reclaimPolicy, o.reclaimPolicy != "")
	set("path", o.directory, o.directory != "")
	set("mode", o.mode, o.mode != "")
	set("uid", o.uid, o.uid >= 0)
	set("gid", o.gid, o.gid >= 0)
	return nil
}

func (o *createOptions) volumeSpecs() ([]map[string]any, error) {
	var volumes []map[string]any
	for _, volume := range o.volumes {
		parts := strings.Split(volume, ":")
		if len(parts) < 2 || len(parts) > 3 || len(parts) == 3 && parts[2] != "ro" && parts[2] != "rw" {
			return nil, fmt.Errorf("--volume: %q is not of the form SOURCE:TARGET[:ro]", volume)
		}
		source := "source"
		if !strings.HasPrefix(parts[0], "/") {
			source = "volume"
		}
		volumes = append(volumes, map[string]any{source: parts[0], "target": parts[1], "readOnly": len(parts) == 3 && parts[2] == "ro"})
	}
	return volumes, nil
}

// example returns arguments of kuke create for its help.
func example(kind resource.Kind) string {
	if kind == resource.KindVolume {
		return "main/default/blog/@data --mode 0750"
	}
	path := strings.Join([]string{"main", "default", "blog", "web", "extra"}[:kind.Depth()], "/")
	if kind == resource.KindContainer {
		return path + " --image busybox --command sleep --args 3600"
	}
	return path
}

func newDelete(a *app) *cobra.Command {
	o := &imperativeOptions{}
	var cascade, images bool
	cmd := &cobra.Command{
		Use:   "delete [KIND] NAME|PATH...",
		Short: "Delete single resources of any project",
		Long: "delete deletes a container, a volume with its data, or a cell with its containers. A stack, space or realm with resources below needs\n" +
			"--cascade; its volumes are kept, unless their reclaim policy is Delete. The root container of a cell needs --cascade too, unless all other containers of the cell are named:\n" +
			"they are deleted with it. The next apply of a configuration that declares a deleted resource creates it again. A\n" +
			"path tells its kind. NAME needs KIND.",
		Example: "  kuke delete main/default/blog/web/extra\n  kuke delete cell web db --realm main --stack blog\n  kuke delete volume main/default/blog/@data\n  kuke delete realm main --cascade --images",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			paths, err := o.named(cmd.Name(), args)
			if err != nil {
				return err
			}
			return a.session.Delete(cmd.Context(), paths, session.DeleteOptions{Cascade: cascade, Images: images}, a.runOptions(o))
		},
	}
	o.addFlags(cmd, resource.KindContainer)
	cmd.Flags().BoolVar(&cascade, "cascade", false, "deletion of all resources below too")
	addImagesFlag(cmd, &images)
	return cmd
}
