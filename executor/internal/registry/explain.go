package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	remoteerrors "github.com/containerd/containerd/v2/core/remotes/errors"
	"github.com/containerd/errdefs"

	"github.com/kukeon/kuke/planner/plan"
)

// Error is a failure of a registry with its cause.
type Error struct {
	plan.RegistryFailure
	err error
}

// Unwrap returns the error that the failure was read from.
func (e *Error) Unwrap() error { return e.err }

// Explain returns an error about the registry as an [*Error], which tells the cause and the remedy. Nil, an interruption and errors of
// this host stay as they are: a pull also writes to containerd. It may ask the registry for the tags that it has, or for the platforms of the image.
func (c *Client) Explain(ctx context.Context, err error) error {
	if err == nil || errors.As(err, new(*Error)) || errors.Is(err, context.Canceled) {
		return err
	}
	f := c.connection(err)
	if f == nil {
		f = c.status(ctx, err)
	}
	if f == nil {
		return err
	}
	f.Text, f.Remedy = c.redact(f.Text), c.redact(f.Remedy)
	return &Error{RegistryFailure: *f, err: err}
}

func failure(cause plan.RegistryCause, text, remedy string) *plan.RegistryFailure {
	return &plan.RegistryFailure{Cause: cause, Text: text, Remedy: remedy}
}

// connection explains the errors that keep the registry from answering; nil for others.
func (c *Client) connection(err error) *plan.RegistryFailure {
	if f := certificate(err); f != nil {
		return f
	}
	var dns *net.DNSError
	switch host := c.peer(err); {
	case errors.As(err, new(givenError)):
		return failure(plan.RegistryCredentials, err.Error(), "")
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, new(tls.RecordHeaderError)):
		return failure(plan.RegistryPlainHTTP, fmt.Sprintf("%s speaks plain HTTP, and kuke asks by HTTPS", host),
			fmt.Sprintf("Give the registry a certificate, or, in a network that you trust, allow HTTP in %s (kuke help registries)", c.hostsFile()))
	case errors.As(err, &dns):
		text := fmt.Sprintf("the name %s has no address", dns.Name)
		if dns.IsTimeout || dns.IsTemporary {
			text = fmt.Sprintf("the name server gives no address for %s: %s", dns.Name, dns.Err)
		}
		return failure(plan.RegistryDNS, text, "Check the name of the registry, and the name servers in /etc/resolv.conf")
	case errors.Is(err, syscall.ECONNREFUSED):
		return failure(plan.RegistryRefused, fmt.Sprintf("nothing listens at %s", host), "Check the name and the port, and that the registry runs")
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.ECONNRESET):
		return failure(plan.RegistryUnreachable, fmt.Sprintf("%s can't be reached: %s", host, lastOf(err)), "Check the network and the firewall between this host and the registry")
	case errors.Is(err, context.DeadlineExceeded) && c.late(), ofRequest(err) && timedOut(err):
		return failure(plan.RegistryTimeout, fmt.Sprintf("%s has not answered in time", host), "Check the network, the proxy (HTTPS_PROXY) and the registry, and try again")
	}
	return nil
}

func timedOut(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// lastOf returns the innermost error of a chain.
func lastOf(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// peer returns the host that a connection failed to, that of the reference where the error doesn't tell.
func (c *Client) peer(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Addr != nil && !strings.HasPrefix(c.host, "localhost") && c.host != op.Addr.String() {
		return fmt.Sprintf("%s (%s)", c.host, op.Addr)
	}
	return c.host
}

// hostsFile returns the file that can hold the settings of the registry.
func (c *Client) hostsFile() string { return fmt.Sprintf("%s/%s/hosts.toml", HostsDir, c.host) }

// certificate explains errors about the certificate of the registry; nil for others.
func certificate(err error) *plan.RegistryFailure {
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var verification *tls.CertificateVerificationError
	issuer := func() string {
		if errors.As(err, &verification) && len(verification.UnverifiedCertificates) > 0 {
			certs := verification.UnverifiedCertificates
			return certs[len(certs)-1].Issuer.String()
		}
		return ""
	}
	const reason = "the certificate of the registry "
	switch {
	case errors.As(err, &host):
		names := append(slices.Clone(host.Certificate.DNSNames), ipsOf(host.Certificate)...)
		if len(names) == 0 {
			names = []string{"no name"}
		}
		return failure(plan.RegistryCertificate, fmt.Sprintf("%sis for %s, and not for %s", reason, strings.Join(names, ", "), host.Host), "Use one of these names in the image, or give the registry a certificate for its name")
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return failure(plan.RegistryCertificate, fmt.Sprintf("%sis valid from %s to %s", reason, invalid.Cert.NotBefore.Format(time.DateTime), invalid.Cert.NotAfter.Format(time.DateTime)), "Renew it, or correct the clock of this host")
	case errors.As(err, new(x509.UnknownAuthorityError)):
		text := reason + "is signed by an authority that this host doesn't know"
		if name := issuer(); name != "" {
			text += ": " + name
		}
		return failure(plan.RegistryCertificate, text, fmt.Sprintf("Add the certificate of the authority to this host, or name its file as ca in hosts.toml below %s (kuke help registries)", HostsDir))
	case errors.As(err, &invalid), errors.As(err, &verification):
		return failure(plan.RegistryCertificate, fmt.Sprintf("%sis not valid: %s", reason, lastOf(err)), "Give the registry a valid certificate")
	}
	return nil
}

func ipsOf(c *x509.Certificate) []string {
	var all []string
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	return all
}

// status explains an answer of the registry, and other errors of requests to it; nil for all others.
func (c *Client) status(ctx context.Context, err error) *plan.RegistryFailure {
	var unexpected remoteerrors.ErrUnexpectedStatus
	var busy *busyError
	a, answered := c.lastAnswer(err)
	switch {
	case errors.As(err, &busy):
		return c.busy(busy.answer)
	case errors.Is(err, docker.ErrInvalidAuthorization):
		return c.unauthorized(a)
	case strings.Contains(err.Error(), "no match for platform"), strings.Contains(err.Error(), "none for this platform"):
		return c.platform(ctx)
	case errors.Is(err, errdefs.ErrNotImplemented) && strings.Contains(err.Error(), "media type"), strings.Contains(err.Error(), images.MediaTypeDockerSchema1Manifest):
		return failure(plan.RegistryMediaType, fmt.Sprintf("%s/%s is in a format that containerd can't read: %s", c.host, c.repository, lastOf(err)), "Build the image again with a current tool, which writes OCI images or Docker's schema 2")
	case errors.As(err, &unexpected):
		switch code := unexpected.StatusCode; {
		case code == http.StatusUnauthorized:
			return c.unauthorized(a)
		case code == http.StatusForbidden, a.token && code == http.StatusBadRequest && answered:
			return c.forbidden(a)
		case code >= http.StatusInternalServerError:
			return c.broken(a, code)
		case code == http.StatusNotFound:
			return c.notFound(ctx, a)
		}
	case errdefs.IsNotFound(err) && answered && a.status == http.StatusNotFound:
		return c.notFound(ctx, a)
	}
	if !ofRequest(err) {
		return nil
	}
	return failure(plan.RegistryOther, err.Error(), "Check the name of the image and the registry")
}

// ofRequest reports whether the error is of a request to a registry.
func ofRequest(err error) bool {
	return errors.As(err, new(*url.Error)) || errors.As(err, new(remoteerrors.ErrUnexpectedStatus))
}

// lastAnswer returns the last failure that the error can be about: with mirrors, several hosts fail.
func (c *Client) lastAnswer(err error) (answer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var unexpected remoteerrors.ErrUnexpectedStatus
	wanted := func(answer) bool { return true }
	switch {
	case errors.As(err, &unexpected):
		wanted = func(a answer) bool { return a.status == unexpected.StatusCode }
	case errors.Is(err, docker.ErrInvalidAuthorization):
		wanted = func(a answer) bool { return a.status == http.StatusUnauthorized }
	case errdefs.IsNotFound(err):
		wanted = func(a answer) bool { return a.status == http.StatusNotFound }
	}
	for _, a := range slices.Backward(c.failed) {
		if wanted(a) {
			return a, true
		}
	}
	return answer{host: c.host}, false
}

// says returns the words of the registry as the end of a sentence.
func (a answer) says() string {
	if a.message == "" {
		return ""
	}
	return fmt.Sprintf(" (it says: %s)", a.message)
}

func (c *Client) unauthorized(a answer) *plan.RegistryFailure {
	used := c.offered(a.host)
	login := "kuke login " + c.host
	switch {
	case used != nil && (a.token || a.basic):
		return failure(plan.RegistryRejected, fmt.Sprintf("%s rejects the credentials of %s from %s%s", a.host, used.who(), used.Source, a.says()), c.relogin(used))
	case used != nil:
		return failure(plan.RegistryDenied, fmt.Sprintf("%s denies %s from %s access to %s, or does not have this repository%s", a.host, used.who(), used.Source, c.repository, a.says()), "Check the name of the image, and the permissions of this user")
	case c.findErr != nil:
		return failure(plan.RegistryCredentials, fmt.Sprintf("%s asks for credentials, and %s", a.host, c.findErr), "")
	}
	where := "No file holds credentials for it"
	if places := c.keys.Places(); len(places) > 0 {
		where = "No credentials for it are in " + strings.Join(places, ", ")
	}
	return failure(plan.RegistryUnauthorized, fmt.Sprintf("%s gives %s to nobody without credentials, or does not have this repository%s", a.host, c.repository, a.says()),
		fmt.Sprintf("%s. Check the name of the image, or log in: %s (kuke help registries)", where, login))
}

// relogin is the remedy for rejected credentials.
func (c *Client) relogin(used *Credentials) string {
	if strings.Contains(used.Source, "registryCredentials") {
		return "Correct the user name or the password there"
	}
	return "Log in again: kuke login " + c.host
}

func (c *Client) forbidden(a answer) *plan.RegistryFailure {
	used := c.offered(a.host)
	if used == nil {
		return failure(plan.RegistryDenied, fmt.Sprintf("%s denies access to %s without credentials%s", a.host, c.repository, a.says()), "Check the name of the image, or log in: kuke login "+c.host)
	}
	if a.token {
		return failure(plan.RegistryRejected, fmt.Sprintf("%s rejects the credentials of %s from %s%s", a.host, used.who(), used.Source, a.says()), c.relogin(used))
	}
	return failure(plan.RegistryDenied, fmt.Sprintf("%s denies %s from %s access to %s%s", a.host, used.who(), used.Source, c.repository, a.says()), "Check the name of the image, and the permissions of this user")
}

func (c *Client) busy(a answer) *plan.RegistryFailure {
	remedy := "Try again later"
	if a.retryAfter > 0 {
		remedy = fmt.Sprintf("Try again in %s, as the registry asks for", a.retryAfter.Round(time.Second))
	}
	if used := c.offered(a.host); used == nil {
		remedy += ", or log in, which raises the limit of many registries: kuke login " + c.host
	}
	return failure(plan.RegistryTooManyRequests, fmt.Sprintf("%s is asked too often%s", a.host, a.says()), remedy)
}

func (c *Client) broken(a answer, code int) *plan.RegistryFailure {
	return failure(plan.RegistryServer, fmt.Sprintf("%s answers %s%s", a.host, statusText(code), a.says()), "Try again later, or look into the log of the registry")
}
