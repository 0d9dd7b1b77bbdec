# The smallest complete configuration: one realm, down to one cell with two containers that share its network namespace.
#
#   sudo kuke apply
#   sudo kuke get
#   sudo kuke destroy
#
# Without a registry, import the image first: kuke image import --realm main --name busybox … (see kuke help tutorial).
# demo.sh does all of that, and changes something in between: sudo make demo.

# The resources belong to this project. Without the block the project has the name of the directory.
kuke {
  project = "hello"
}

realm "main" {
  space "default" {
    stack "blog" {
      cell "web" {
        # The root container owns the cell's network namespace, and starts first.
        container "web" {
          root    = true
          image   = "docker.io/library/busybox:latest"
          command = "/bin/sh"
          args    = ["-c", "trap 'exit 0' TERM; echo web is up; while true; do sleep 3600 & wait $!; done"]
        }

        container "side" {
          image   = "docker.io/library/busybox:latest"
          command = "/bin/sh"
          args    = ["-c", "trap 'exit 0' TERM; echo \"$GREETING\"; while true; do sleep 3600 & wait $!; done"]
          env     = { GREETING = "hello from the sidecar" }
        }
      }
    }
  }
}
