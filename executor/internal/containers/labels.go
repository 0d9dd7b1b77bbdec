package containers

import (
	"maps"
	"slices"
	"strings"
)

// toolLabels are the prefixes of labels that tools set for themselves.
var toolLabels = []string{"kukeon.io/", "containerd.io/", "io.containerd.", "nerdctl/", "io.cri-containerd", "io.kubernetes."}

// UserLabels returns the labels that were set neither by a tool nor by the image.
func UserLabels(labels, image map[string]string) map[string]string {
	users := maps.Clone(labels)
	maps.DeleteFunc(users, func(key, value string) bool {
		byTool := slices.ContainsFunc(toolLabels, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
		return byTool || image[key] == value && value != ""
	})
	if len(users) == 0 {
		return nil
	}
	return users
}
