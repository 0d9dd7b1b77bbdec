variable "sites" {
  description = "The sites by name, which is also the name of the stack."
  type = map(object({
    title      = string
    port       = number
    memory_mib = optional(number, 512)
    debug      = optional(bool, false)
  }))

  validation {
    condition     = alltrue([for s in values(var.sites) : s.port >= 1024 && s.port <= 65535])
    error_message = "The port of a site must be between 1024 and 65535."
  }
  validation {
    condition     = length(distinct([for s in values(var.sites) : s.port])) == length(var.sites)
    error_message = "Each site needs a unique port."
  }
}

variable "db_password" {
  description = "Password of the databases."
  type        = string
  sensitive   = true

  validation {
    condition     = length(var.db_password) >= 8
    error_message = "The password must have at least 8 characters."
  }
}

variable "limits" {
  description = "Whether to limit the memory of sites, which this host's cgroups must support (see kuke doctor)."
  type        = bool
  default     = true
}

variable "memory_mib" {
  description = "Maximum memory of all sites together, in MiB."
  type        = number
  default     = 2048
}

variable "programs" {
  description = "The images, and the commands to run in place of the images' own."
  type = object({
    web = object({ image = string, command = optional(string), args = optional(list(string)) })
    db  = object({ image = string, command = optional(string), args = optional(list(string)) })
  })
  default = {
    web = { image = "docker.io/library/wordpress:6-apache" }
    db  = { image = "docker.io/library/mariadb:11" }
  }
}
