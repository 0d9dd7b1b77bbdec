# Limits of each kind, on each level.
variable "memory" {
  default = "256MiB"
}

variable "pids" {
  default = 200
}

realm "main" {
  resources {
    memory     = var.memory
    cpus       = 1.5
    cpu_weight = 200
    pids       = var.pids
    io_weight  = 300
  }
  space "s" {
    resources {
      memory = var.memory
      cpus   = 1.25
      pids   = var.pids
    }
    stack "t" {
      resources {
        memory     = var.memory
        cpu_weight = 50
        pids       = var.pids
      }
      cell "c" {
        resources {
          memory    = var.memory
          cpus      = 1
          pids      = var.pids
          io_weight = 50
        }
        container "web" {
          image       = "busybox"
          command     = "/bin/sh"
          args        = ["-c", "sleep 100000"]
          stop_signal = "KILL"
          resources {
            memory     = "64MiB"
            cpus       = 0.5
            cpu_weight = 80
            pids       = var.pids
            io_weight  = 70
          }
        }
      }
    }
  }
}
