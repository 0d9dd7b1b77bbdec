# A reverse proxy with TLS in front of two applications that are not published. It shows secrets from files with an owner and a
# mode, a configuration made from the applications, ports for IPv4 and IPv6, a read-only root file system with the directories that
# nginx writes to in memory, and a proxy that reaches the applications' networks and nothing else.
#
#   main.hcl                 the applications and the proxy
#   nginx.conf.tmpl          the configuration of the proxy
#   variables.hcl            the variables
#
# Make a certificate, or copy yours to tls/, and apply:
#
#   openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj /CN=example.org -keyout tls/key.pem -out tls/cert.pem
#   sudo kuke apply
#   curl --cacert tls/cert.pem --resolve example.org:8443:127.0.0.1 https://example.org:8443/blog/
#
# Without a registry (in kuke lab, after kuke image import --realm main --name busybox …), lab.kukevars has a busybox stand in
# for the programs:
#
#   kuke apply --var-file lab.kukevars

kuke {
  project = "reverse-proxy"
}

locals {
  nginx_conf = templatefile("${path.module}/nginx.conf.tmpl", { domain = var.domain, apps = var.apps })
}

realm "main" {
  space "apps" {
    network {
      internal = true
    }

    stack "apps" {
      cell "app" {
        for_each = var.apps
        container "app" {
          image    = var.programs.app.image
          command  = var.programs.app.command
          args     = var.programs.app.args
          hostname = each.key
        }
      }
    }
  }

  space "edge" {
    stack "edge" {
      cell "proxy" {
        depends_on = [for name, port in var.apps : "apps/apps/app-${name}"]
        container "nginx" {
          image                     = var.programs.proxy.image
          command                   = var.programs.proxy.command
          args                      = var.programs.proxy.args
          networks                  = ["apps"]
          ports                     = ["8443:8443"]
          restart_policy            = "unless-stopped"
          read_only_root_filesystem = true
          tmpfs {
            path = "/var/cache/nginx"
          }
          tmpfs {
            path = "/var/lib/nginx"
          }
          tmpfs {
            path = "/run"
          }
          config {
            name       = "nginx"
            content    = local.nginx_conf
            mount_path = "/etc/nginx/nginx.conf"
          }
          secret {
            name       = "tls-cert"
            from_file  = "tls/cert.pem"
            mount_path = "/etc/nginx/tls/cert.pem"
          }
          secret {
            name       = "tls-key"
            from_file  = "tls/key.pem"
            mount_path = "/etc/nginx/tls/key.pem"
            mode       = "0400"
          }
          healthcheck {
            tcp                  = "localhost:8443"
            start_period_seconds = 120
          }
        }
      }
    }
  }
}
