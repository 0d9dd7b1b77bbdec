package image

import (
	"reflect"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// TestParseConfig reads the config of an image as Docker's builder writes it.
func TestParseConfig(t *testing.T) {
	got, err := parseConfig([]byte(`{"architecture": "arm64", "os": "linux", "variant": "v8", "config": {
		"User": "999:999", "ExposedPorts": {"5432/tcp": {}}, "Volumes": {"/var/lib/data": {}, "/etc/data": {}},
		"Healthcheck": {"Test": ["CMD-SHELL", "pg_isready"], "Interval": 30000000000, "StartInterval": 1000000000, "Retries": 5}}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		Platform: ocispec.Platform{Architecture: "arm64", OS: "linux", Variant: "v8"}, User: "999:999",
		Volumes: []string{"/etc/data", "/var/lib/data"}, Ports: []string{"5432/tcp"},
		Healthcheck: &Healthcheck{Test: []string{"CMD-SHELL", "pg_isready"}, Interval: 30 * time.Second, StartInterval: time.Second, Retries: 5},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("parseConfig returned %+v, want %+v", got, want)
	}
	if _, err := parseConfig([]byte(`[]`)); err == nil {
		t.Error("parseConfig read a list")
	}
}
