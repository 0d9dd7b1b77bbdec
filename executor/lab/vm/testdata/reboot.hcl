# What a reboot must bring back, and what it must not.
realm "main" {
  space "s" {
    stack "t" {
      volume "data" {}

      cell "db" {
        container "db" {
          image   = "busybox"
          command = "/bin/sh"
          args    = ["-c", "trap 'sleep 2; echo db ended >> /data/log; exit 0' TERM; echo db began >> /data/log; while true; do sleep 1; done"]
          volume {
            volume = "data"
            target = "/data"
          }
          restart_policy       = "always"
          stop_timeout_seconds = 120
        }
        container "migrate" {
          image          = "busybox"
          command        = "/bin/sh"
          args           = ["-c", "echo migrated >> /data/log"]
          restart_policy = "no"
          volume {
            volume = "data"
            target = "/data"
          }
        }
      }
      cell "web" {
        depends_on = ["db"]
        container "app" {
          image                = "busybox"
          command              = "/bin/sh"
          args                 = ["-c", "trap 'echo web ended >> /data/log; exit 0' TERM; echo web began >> /data/log; echo hello > /tmp/index.html; httpd -p 80 -h /tmp; while true; do sleep 1; done"]
          ports                = ["8080:80"]
          restart_policy       = "unless-stopped"
          stop_timeout_seconds = 120
          volume {
            volume = "data"
            target = "/data"
          }
        }
        container "held" {
          image       = "busybox"
          command     = "/bin/sh"
          args        = ["-c", "sleep 100000"]
          stop_signal = "KILL"
        }
        container "frozen" {
          image       = "busybox"
          command     = "/bin/sh"
          args        = ["-c", "sleep 100000"]
          stop_signal = "KILL"
        }
      }
    }
  }
}
