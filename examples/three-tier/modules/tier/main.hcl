# A tier: a network of its own, and a stack in it for cells.

variable "name" {
  type = string
}

variable "labels" {
  type = map(string)
}

variable "internal" {
  description = "Whether its cells are kept from connecting to the outside."
  type        = bool
}

variable "egress" {
  description = "Destinations outside that its cells may connect to; null allows all."
  type = object({
    default = string
    allow   = optional(list(object({ cidr = string, ports = list(string) })), [])
  })
}

space "tier" {
  name   = var.name
  labels = var.labels

  network {
    internal = var.internal
    dynamic "egress" {
      for_each = var.egress[*]
      content {
        default = egress.value.default
        dynamic "allow" {
          for_each = egress.value.allow
          content {
            cidr  = allow.value.cidr
            ports = allow.value.ports
          }
        }
      }
    }
  }

  stack "app" {
    labels = var.labels
  }
}

output "stack" {
  value = stack.app.path
}

output "subnet" {
  value = space.tier.subnet
}
