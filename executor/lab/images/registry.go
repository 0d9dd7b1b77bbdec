package images

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"text/template"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/crypto/bcrypt"
)

// Registry is a private registry on the loopback of this network namespace, with TLS: Debian's docker-registry.
type Registry struct {
	// Address is its host and port.
	Address string
	// CA is the file with the certificate, which no host trusts by itself.
	CA string

	user, password string
	cmd            *exec.Cmd
	log            bytes.Buffer
	transport      *http.Transport
}

var registryConfig = template.Must(template.New("config").Parse(`version: 0.1
storage:
  filesystem:
    rootdirectory: {{.Dir}}/storage
http:
  addr: {{.Address}}
  tls:
    certificate: {{.Dir}}/cert.pem
    key: {{.Dir}}/key.pem
auth:
  htpasswd:
    realm: images
    path: {{.Dir}}/htpasswd
`))

// StartRegistry starts a registry at the address, a host and a port, with its files in dir. Only the user with the password may use it.
// [Registry.Stop] ends it.
func StartRegistry(ctx context.Context, dir, address, user, password string) (*Registry, error) {
	r := &Registry{Address: address, CA: filepath.Join(dir, "cert.pem"), user: user, password: password}
	if err := r.start(ctx, dir); err != nil {
		return nil, fmt.Errorf("start a registry at %s: %w", address, err)
	}
	return r, nil
}

func (r *Registry) start(ctx context.Context, dir string) error {
	if err := r.certificate(dir); err != nil {
		return err
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(r.password), bcrypt.MinCost)
	if err != nil {
		return err
	}
	var config bytes.Buffer
	if err := registryConfig.Execute(&config, struct{ Dir, Address string }{dir, r.Address}); err != nil {
		return err
	}
	for file, text := range map[string][]byte{"htpasswd": fmt.Appendf(nil, "%s:%s\n", r.user, hash), "config.yml": config.Bytes()} {
		if err := os.WriteFile(filepath.Join(dir, file), text, 0o600); err != nil {
			return err
		}
	}
	r.cmd = exec.CommandContext(ctx, "docker-registry", "serve", filepath.Join(dir, "config.yml"))
	r.cmd.Stdout, r.cmd.Stderr = &r.log, &r.log
	if err := r.cmd.Start(); err != nil {
		return err
	}
	return r.wait(ctx)
}

// wait waits until the registry answers.
func (r *Registry) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+r.Address+"/v2/", http.NoBody)
		if err != nil {
			return err
		}
		resp, err := r.transport.RoundTrip(req)
		if err == nil {
			return resp.Body.Close()
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, r.Stop(), errors.New(r.log.String()))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Push puts the image into the registry under the name, such as library/nginx:1.
func (r *Registry) Push(ctx context.Context, as string, image v1.Image) error {
	ref, err := name.ParseReference(r.Address + "/" + as)
	if err == nil {
		err = remote.Write(ref, image, remote.WithContext(ctx), remote.WithTransport(r.transport), remote.WithAuth(&authn.Basic{Username: r.user, Password: r.password}))
	}
	if err != nil {
		return fmt.Errorf("push %s: %w", as, err)
	}
	return nil
}

// Stop ends the registry.
func (r *Registry) Stop() error {
	if err := r.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	_ = r.cmd.Wait() // it was killed
	return nil
}

// certificate makes the registry's key and its certificate, which signs itself.
func (r *Registry) certificate(dir string) error {
	host, _, err := net.SplitHostPort(r.Address)
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	const validity = 24 * time.Hour
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, NotBefore: now.Add(-validity), NotAfter: now.Add(validity),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	r.transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	return errors.Join(
		os.WriteFile(r.CA, cert, 0o644),
		os.WriteFile(filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600),
	)
}
