# Prometheus, which collects metrics of this host and of itself, and keeps them in a volume. It shows a file of the
# configuration in a container, the namespaces of the host, a mount that sees later mounts of the host, the healthcheck of an
# image replaced by another, and limits.
#
#   sudo kuke apply
#   curl http://localhost:9090/metrics     # or open it in a browser
#
# Without a registry (in kuke lab, after kuke image import --realm main --name busybox …), lab.kukevars has a busybox stand in
# for the programs:
#
#   kuke apply --var-file lab.kukevars

kuke {
  project = "monitoring"
}

variable "retention" {
  description = "How long metrics are kept."
  type        = string
  default     = "30d"
}

variable "propagation" {
  description = "How the exporter sees file systems that are mounted on the host later: rslave, where / is a shared mount, as systemd makes it."
  type        = string
  default     = "rslave"
}

variable "programs" {
  description = "The images, and the commands to run in place of the images' own."
  type = object({
    prometheus    = object({ image = string, command = optional(string), args = optional(list(string)) })
    node_exporter = object({ image = string, command = optional(string), args = optional(list(string)) })
  })
  default = {
    prometheus    = { image = "docker.io/prom/prometheus:v3.5.0" }
    node_exporter = { image = "docker.io/prom/node-exporter:v1.9.1" }
  }
}

realm "main" {
  space "monitoring" {
    stack "metrics" {
      volume "prometheus" {}

      # In the network of the host, whose interfaces it counts: port 9100 is open on the host.
      cell "node" {
        container "exporter" {
          image          = var.programs.node_exporter.image
          command        = var.programs.node_exporter.command
          args           = coalesce(var.programs.node_exporter.args, ["--path.rootfs=/host", "--web.listen-address=:9100"])
          network        = "host"
          pid            = "host"
          restart_policy = "unless-stopped"
          volume {
            source      = "/"
            target      = "/host"
            read_only   = true
            propagation = var.propagation
          }
          healthcheck {
            http                 = "http://localhost:9100/metrics"
            start_period_seconds = 120
          }
        }
      }

      cell "prometheus" {
        container "prometheus" {
          image   = var.programs.prometheus.image
          command = var.programs.prometheus.command
          args = coalesce(var.programs.prometheus.args, [
            "--config.file=/etc/prometheus/prometheus.yml",
            "--storage.tsdb.path=/prometheus",
            "--storage.tsdb.retention.time=${var.retention}",
          ])
          ports          = ["127.0.0.1:9090:9090"]
          extra_hosts    = ["host.docker.internal:host-gateway"]
          restart_policy = "unless-stopped"
          config {
            name       = "prometheus"
            mount_path = "/etc/prometheus/prometheus.yml"
            content = yamlencode({
              global = { scrape_interval = "10s" }
              scrape_configs = [
                { job_name = "prometheus", static_configs = [{ targets = ["localhost:9090"] }] },
                { job_name = "node", static_configs = [{ targets = ["host.docker.internal:9100"] }] },
              ]
            })
          }
          volume {
            volume = "prometheus"
            target = "/prometheus"
          }
          healthcheck {
            http                 = "http://localhost:9090/-/healthy"
            start_period_seconds = 120
          }
        }
      }
    }
  }
}
