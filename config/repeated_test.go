package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkRepeatedManifests loads one manifest again and again, which is an error for each: the time for one stays what it
// is however many there are.
func BenchmarkRepeatedManifests(b *testing.B) {
	manifests := map[string]string{
		"realm":     "kind: Realm\nmetadata:\n  name: main\nspec:\n  id: main\n",
		"container": "kind: Container\nmetadata:\n  name: c\nspec:\n  id: c\n  realmId: main\n  spaceId: s\n  stackId: t\n  cellId: w\n  image: busybox\n",
	}
	for name, manifest := range manifests {
		for _, count := range []int{1000, 4000, 16000} {
			b.Run(fmt.Sprintf("%s/%d", name, count), func(b *testing.B) {
				file := filepath.Join(b.TempDir(), "all.yaml")
				if err := os.WriteFile(file, []byte(strings.Repeat("apiVersion: v1beta1\n"+manifest+"---\n", count)), 0o600); err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					if _, diags := Load(Input{Paths: []string{file}}); len(diags) < count-1 {
						b.Fatalf("%d diagnostics", len(diags))
					}
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*count), "µs/manifest")
			})
		}
	}
}
