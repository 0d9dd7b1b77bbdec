# Two cells, one of which depends on the other.
variable "color" {
  default = "red"
}

realm "main" {
  space "s" {
    stack "t" {
      cell "db" {
        container "db" {
          image       = "busybox"
          command     = "/bin/sh"
          args        = ["-c", "test -e /data/db || echo kept > /data/db; exec httpd -f -p 5432 -h /tmp"]
          stop_signal = "KILL"
          volume {
            source = "/srv/data"
            target = "/data"
          }
        }
      }
      cell "web" {
        depends_on = ["db"]
        container "app" {
          root        = true
          image       = "busybox"
          command     = "/bin/sh"
          args        = ["-c", "echo hello > /tmp/index.html; exec httpd -f -p 80 -h /tmp"]
          env         = { COLOR = var.color }
          ports       = ["8080:80"]
          stop_signal = "KILL"
        }
        container "side" {
          image          = "busybox"
          command        = "/bin/sh"
          args           = ["-c", "sleep 100000"]
          env            = { COLOR = var.color }
          restart_policy = "always"
          stop_signal    = "KILL"
          depends_on     = ["app"]
          resources {
            memory = "32MiB"
          }
        }
      }
    }
  }
}
