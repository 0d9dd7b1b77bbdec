# A container that takes more memory than it may have.
realm "main" {
  space "s" {
    stack "t" {
      cell "hog" {
        container "hog" {
          image   = "busybox"
          command = "/bin/sh"
          args    = ["-c", "x=0123456789; while true; do x=$x$x; done"]
          resources {
            memory      = "16MiB"
            memory_swap = "16MiB"
          }
        }
      }
    }
  }
}
