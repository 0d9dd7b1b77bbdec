# Two spaces: the shop's cells reach each other by name, and only one destination outside; a cell in both spaces collects the
# metrics.
#
#   sudo kuke apply
#   wget -q -O - http://127.0.0.1:8080/               # the web server's page, with the answer of the database
#   sudo kuke logs main/metrics/metrics/collector     # the same page, fetched by the collector
#   sudo kuke destroy
#
# Without a registry, import the image first: kuke image import --realm main --name busybox … (see kuke help tutorial).

kuke {
  project = "network"
}

realm "main" {
  space "shop" {
    network {
      egress {
        default = "deny"
        allow {
          cidr  = "203.0.113.0/24" # the payment provider
          ports = ["443"]
        }
      }
    }

    stack "shop" {
      cell "web" {
        depends_on {
          name      = "db"
          condition = "healthy"
        }
        container "web" {
          image            = "docker.io/library/busybox:latest"
          command          = "/bin/sh"
          args             = ["-c", "mkdir -p /www; wget -q -O /www/index.html http://db:5432/; exec httpd -f -h /www"]
          ports            = ["8080:80"]
          networks_aliases = ["www"]
          networks         = ["metrics"]
          restart_policy   = "always"
          stop_signal      = "SIGKILL"
          healthcheck {
            http                 = "http://localhost/"
            interval_seconds     = 1
            start_period_seconds = 10
          }
        }
      }

      cell "db" {
        container "db" {
          image          = "docker.io/library/busybox:latest"
          command        = "/bin/sh"
          args           = ["-c", "mkdir -p /db; echo 'from the database' >/db/index.html; exec httpd -f -p 5432 -h /db"]
          restart_policy = "unless-stopped"
          stop_signal    = "SIGKILL"
          healthcheck {
            tcp                  = "localhost:5432"
            interval_seconds     = 1
            start_period_seconds = 10
          }
        }
      }
    }
  }

  space "metrics" {
    network {
      internal = true
    }

    stack "metrics" {
      cell "collector" {
        address = "10.88.0.10"
        depends_on {
          name      = "shop/shop/web"
          condition = "healthy"
        }
        container "collector" {
          image   = "docker.io/library/busybox:latest"
          command = "/bin/sh"
          args    = ["-c", "trap 'exit 0' TERM; wget -q -O - http://web/; while true; do sleep 3600 & wait $!; done"]
        }
      }
    }
  }
}
