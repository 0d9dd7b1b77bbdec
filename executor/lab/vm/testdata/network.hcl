# A space that publishes a port, and one whose cells may connect to nothing outside of it.
realm "main" {
  space "front" {
    stack "t" {
      cell "web" {
        container "app" {
          image          = "busybox"
          command        = "/bin/sh"
          args           = ["-c", "echo hello > /tmp/index.html; exec httpd -f -p 80 -h /tmp"]
          ports          = ["8080:80"]
          restart_policy = "always"
          stop_signal    = "KILL"
        }
      }
      cell "peer" {
        container "app" {
          image       = "busybox"
          command     = "/bin/sh"
          args        = ["-c", "sleep 100000"]
          stop_signal = "KILL"
        }
      }
    }
  }
  space "back" {
    network {
      egress {
        default = "deny"
      }
    }
    stack "t" {
      cell "db" {
        container "app" {
          image       = "busybox"
          command     = "/bin/sh"
          args        = ["-c", "exec httpd -f -p 5432 -h /tmp"]
          stop_signal = "KILL"
        }
      }
    }
  }
}
