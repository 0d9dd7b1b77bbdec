package busybox

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
)

// WriteImage writes a docker archive with the root file system of [WriteTar] as its only layer. config is the part "config" of the
// image's config, as Docker writes it: {"Healthcheck": {"Test": ["CMD", "true"]}, "User": "1", "Volumes": {"/data": {}}}.
func WriteImage(w io.Writer, config json.RawMessage) (err error) {
	var layer bytes.Buffer
	if err := WriteTar(&layer); err != nil {
		return err
	}
	id := fmt.Sprintf("%x", sha256.Sum256(layer.Bytes()))
	image, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": runtime.GOOS, "config": config,
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + id}},
	})
	if err != nil {
		return fmt.Errorf("config of the image: %w", err)
	}
	manifest, err := json.Marshal([]map[string]any{{"Config": "config.json", "Layers": []string{id + ".tar"}}})
	if err != nil {
		return err
	}
	archive := tar.NewWriter(w)
	defer func() { err = errors.Join(err, archive.Close()) }()
	const mode = 0o644
	for _, entry := range []struct {
		name string
		data []byte
	}{{"config.json", image}, {id + ".tar", layer.Bytes()}, {"manifest.json", manifest}} {
		if err := archive.WriteHeader(&tar.Header{Name: entry.name, Mode: mode, Size: int64(len(entry.data))}); err != nil {
			return err
		}
		if _, err := archive.Write(entry.data); err != nil {
			return err
		}
	}
	return nil
}

// WriteImageFile writes the archive of [WriteImage] to a new file.
func WriteImageFile(name string, config json.RawMessage) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return WriteImage(f, config)
}
