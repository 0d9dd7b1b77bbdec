package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/kukeon/kuke/cmd/kuke/look"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor"
)

func newImage(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "image",
		Short:   "Manage the images of a realm",
		Example: "  kuke image pull --realm main nginx:1.28\n  kuke image list --realm main\n  kuke image prune --realm main",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var realmName string
	cmd.PersistentFlags().StringVar(&realmName, "realm", "default", "`realm` of the images")
	cmd.AddCommand(newImageImport(a, &realmName), newImageList(a, &realmName), newImageRemove(a, &realmName))
	cmd.AddCommand(newImagePull(a, &realmName), newImagePush(a, &realmName), newImageTag(a, &realmName))
	cmd.AddCommand(newImageInspect(a, &realmName), newImagePrune(a, &realmName), newImageSave(a, &realmName))
	return cmd
}

func newImageImport(a *app, realmName *string) *cobra.Command {
	var name, namespace string
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Import an image from a file",
		Long: "import reads an OCI archive, a Docker archive (docker save) or the tar of a root file system, plain or compressed\n" +
			"with gzip or zstd, from FILE or from standard input (-). A root file system needs --name.",
		Example: "  docker save shop:1 | kuke image import --realm main -\n  kuke image import --realm main --name busybox rootfs.tar",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var in io.Reader = a.stdin
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return fmt.Errorf("import an image: %w", err)
				}
				defer f.Close()
				in = f
			}
			return a.session.WithImages(cmd.Context(), *realmName, func(e *executor.Executor, ns string) error {
				if namespace != "" {
					ns = namespace
				}
				names, err := e.ImportImage(cmd.Context(), ns, in, name)
				if err != nil {
					return fmt.Errorf("import %s: %w", args[0], err)
				}
				for _, n := range names {
					a.out.Line(fmt.Sprintf("%s imported into containerd namespace %s", n, ns))
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "`reference` of the image, like docker.io/library/busybox:latest")
	cmd.Flags().StringVar(&namespace, "namespace", "", "containerd `namespace`, for a realm with its own namespace that is not applied yet")
	return cmd
}

func newImageList(a *app, realmName *string) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the images of a realm",
		Example: "  kuke image list --realm main",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			images, err := look.Images(cmd.Context(), &a.session, *realmName)
			if err != nil {
				return err
			}
			a.out.Images(images, false)
			return nil
		},
	}
}

func newImageRemove(a *app, realmName *string) *cobra.Command {
	return &cobra.Command{
		Use:     "remove IMAGE...",
		Aliases: []string{"rm"},
		Short:   "Remove images that no container uses",
		Example: "  kuke image remove --realm main busybox",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.session.WithImages(cmd.Context(), *realmName, func(e *executor.Executor, namespace string) error {
				for _, name := range args {
					removed, err := e.RemoveImage(cmd.Context(), namespace, name)
					if err != nil {
						return err
					}
					a.out.Line(fmt.Sprintf("%s removed from containerd namespace %s", removed, namespace))
				}
				return nil
			})
		},
	}
}

// getImages is get of images: the realm is an argument or the flag's, the format any of get's.
func (a *app) getImages(cmd *cobra.Command, o *getOptions, args []string) error {
	realmName := o.realm
	if len(args) > 0 {
		if realmName = args[0]; resource.CheckName(realmName) != nil {
			return fmt.Errorf("images are those of a realm: %w", resource.CheckName(realmName))
		}
	}
	if o.watch {
		return a.watchImages(cmd.Context(), o, realmName)
	}
	images, err := look.Images(cmd.Context(), &a.session, realmName)
	if err != nil {
		return err
	}
	switch o.format {
	case "json":
		return a.out.JSON(images)
	case "yaml":
		return a.out.YAML(images)
	case "name":
		for _, image := range images {
			a.out.Text(image.Name + "\n")
		}
	default:
		a.out.Images(images, o.format == "wide")
	}
	return nil
}

// watchImages shows images as watch does resources.
func (a *app) watchImages(ctx context.Context, o *getOptions, realmName string) error {
	watch := a.out.WatchImages(o.format == "wide")
	return a.everyInterval(ctx, func() (unknown, err error) {
		images, unknown, err := look.ImagesNow(ctx, &a.session, realmName)
		if err != nil || ctx.Err() != nil {
			return nil, err
		}
		watch.Images(images, unknown == nil)
		return unknown, nil
	})
}
