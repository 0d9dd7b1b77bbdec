package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/kukeon/kuke/cmd/kuke/view"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/planner/plan"
)

func newImagePull(a *app, realmName *string) *cobra.Command {
	return &cobra.Command{
		Use:   "pull IMAGE...",
		Short: "Pull images from their registries",
		Long: "pull downloads images into the containerd namespace of a realm, and unpacks them. A running container keeps the\n" +
			"image that it was created from. apply pulls missing images by itself.\n" +
			"\n" +
			"pull replaces a connection that brings nothing for the time of --stall-timeout, and continues where it has stopped.\n" +
			"The pull fails after five connections in a row that bring nothing. The next pull continues from there.",
		Example: "  kuke image pull --realm main nginx:1.28 redis",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			names, err := fullReferences(args)
			if err != nil {
				return err
			}
			return a.session.WithImages(cmd.Context(), *realmName, func(e *executor.Executor, namespace string) error {
				return a.pullImages(cmd.Context(), e, namespace, names)
			})
		},
	}
}

// fullReferences completes names, each once.
func fullReferences(args []string) ([]string, error) {
	var names []string
	seen := map[string]bool{}
	for _, arg := range args {
		name, err := executor.FullReference(arg)
		if err != nil {
			return nil, err
		}
		if !seen[name] {
			names = append(names, name)
		}
		seen[name] = true
	}
	return names, nil
}

// pullImages pulls images at the same time, and reports each of them. The failure of one does not end the others.
func (a *app) pullImages(ctx context.Context, e *executor.Executor, namespace string, names []string) error {
	progress := a.out.Progress(a.errs)
	progress.Drawn = a.drawn()
	pulled, failures := make([]*executor.PulledImage, len(names)), make([]error, len(names))
	var wg sync.WaitGroup
	for i, step := range progress.BeginPulls(names) {
		wg.Go(func() { pulled[i], failures[i] = pullOne(ctx, e, namespace, i, step, progress) })
	}
	wg.Wait()
	progress.EndPulls()
	done := 0
	for _, p := range pulled {
		if p == nil {
			continue
		}
		done++
		status := "is up to date"
		if p.New {
			status = "downloaded"
		}
		a.out.Line(fmt.Sprintf("%s %s in containerd namespace %s: %s", p.Name, status, namespace, p.Digest))
		if p.Foreign != "" {
			a.errs.Note(fmt.Sprintf("Image of another architecture: %s is for %s. Its programs do not run on this host without emulation.", p.Name, p.Foreign))
		}
	}
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted: %d of %s pulled", done, view.Count(len(names), "image"))
	}
	return errors.Join(failures...)
}

func pullOne(ctx context.Context, e *executor.Executor, namespace string, index int, step plan.Step, progress *view.Progress) (*executor.PulledImage, error) {
	begin := time.Now()
	progress.Observe(plan.Event{Index: index, Step: step})
	pulled, err := e.PullImage(ctx, namespace, step.Image.Reference, func(p plan.Progress) {
		progress.Observe(plan.Event{Index: index, Step: step, Elapsed: time.Since(begin), Progress: p})
	})
	progress.Observe(plan.Event{Index: index, Step: step, Done: true, Elapsed: time.Since(begin), Err: err})
	return pulled, err
}

func newImagePush(a *app, realmName *string) *cobra.Command {
	return &cobra.Command{
		Use:   "push IMAGE",
		Short: "Push an image to the registry of its name",
		Long: "push uploads an image of a realm to the registry that its name begins with. Of an image for several platforms of\n" +
			"which the realm has only some, it uploads the manifest for the platform of this host.",
		Example: "  kuke image tag --realm main shop:1 registry.example.com/team/shop:1\n  kuke image push --realm main registry.example.com/team/shop:1",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.session.WithImages(cmd.Context(), *realmName, func(e *executor.Executor, namespace string) error {
				name, digest, err := e.PushImage(cmd.Context(), namespace, args[0])
				if err != nil {
					return err
				}
				a.out.Line(fmt.Sprintf("%s pushed: %s", name, digest))
				return nil
			})
		},
	}
}

func newImageTag(a *app, realmName *string) *cobra.Command {
	return &cobra.Command{
		Use:     "tag SOURCE NAME",
		Short:   "Give an image another name",
		Long:    "tag gives an image of a realm another name, too. If another image has that name, it loses it.",
		Example: "  kuke image tag --realm main shop:1 registry.example.com/team/shop:1",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.session.WithImages(cmd.Context(), *realmName, func(e *executor.Executor, namespace string) error {
				from, to, err := e.TagImage(cmd.Context(), namespace, args[0], args[1])
				if err != nil {
					return err
				}
				a.out.Line(fmt.Sprintf("%s is now also %s in containerd namespace %s", from, to, namespace))
				return nil
			})
		},
	}
}

func newImageInspect(a *app, realmName *string) *cobra.Command {
	return &cobra.Command{
		Use:     "inspect IMAGE...",
		Short:   "Show images as JSON",
		Long:    "inspect prints the names, digests, configuration and layers of images as JSON, like docker image inspect.",
		Example: "  kuke image inspect --realm main nginx | jq '.[0].Config.Env'",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.session.WithImages(cmd.Context(), *realmName, func(e *executor.Executor, namespace string) error {
				var all []*executor.ImageDetails
				for _, name := range args {
					details, err := e.InspectImage(cmd.Context(), namespace, name)
					if err != nil {
						return err
					}
					all = append(all, details)
				}
				return a.out.JSON(all)
			})
		},
	}
}

func newImagePrune(a *app, realmName *string) *cobra.Command {
	var all, autoApprove bool
	var lockTimeout time.Duration
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Remove images that no container needs",
		Long: "prune lists the images of a realm that no container needs, asks for approval, and removes them. An image is needed by\n" +
			"every container that exists or is recorded, also by one that is stopped. Without --all, it removes the images that are\n" +
			"named only by a digest. It also removes the beginnings of failed downloads.",
		Example: "  kuke image prune --realm main\n  kuke image prune --realm main --all --auto-approve",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			reclaimed, err := a.session.PruneImages(cmd.Context(), *realmName, all, lockTimeout, func(images []executor.Image) error {
				if len(images) == 0 {
					a.out.Line("Containers need all images.")
					return nil
				}
				a.out.Images(images, false)
				if autoApprove {
					return nil
				}
				return a.approve(cmd.Context(), nil)
			})
			if err != nil {
				return err
			}
			a.out.Line("Reclaimed " + units.HumanSize(float64(reclaimed)) + ".")
			return nil
		},
	}
	cmd.Flags().BoolVarP(&all, "all", "a", false, "all images that no container needs, also those with a tag")
	cmd.Flags().BoolVar(&autoApprove, "auto-approve", false, "approval without a prompt")
	cmd.Flags().DurationVar(&lockTimeout, "lock-timeout", 0, "maximum `time` to wait for another kuke command, like 30s")
	return cmd
}

func newImageSave(a *app, realmName *string) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "save IMAGE...",
		Short: "Save images to an archive",
		Long: "save writes images of a realm to an OCI archive, for kuke image import and docker load. Of an image for several\n" +
			"platforms, it contains those that the realm has.",
		Example: "  kuke image save --realm main --output shop.tar shop:1\n  kuke image save --realm main --output - shop:1 | docker load",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case output == "":
				return errors.New("--output names no file: use --output FILE, or --output - for standard output")
			case output == "-" && term.IsTerminal(int(a.stdout.Fd())):
				return errors.New("an archive can't be written to a terminal: use --output FILE, or redirect standard output")
			case output != "-" && a.caller != nil:
				return errors.New("--output: an archive of another host comes through standard output. Use --output - and redirect it to the file")
			}
			return a.session.WithImages(cmd.Context(), *realmName, func(e *executor.Executor, namespace string) error {
				save := func(w io.Writer) error { return e.SaveImages(cmd.Context(), namespace, args, w) }
				if output == "-" {
					return save(a.stdout)
				}
				return writeWhole(output, save)
			})
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "`file` of the archive, - for standard output")
	annotateFile(cmd, "output", writtenFile)
	return cmd
}

// writeWhole writes a file that has its name only once it is complete.
func writeWhole(name string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-")
	if err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	const readable = 0o644
	err = errors.Join(write(f), f.Chmod(readable), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
