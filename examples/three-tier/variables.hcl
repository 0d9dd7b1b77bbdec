variable "environment" {
  description = "Label on all resources."
  type        = string
  default     = "production"

  validation {
    condition     = contains(["production", "staging"], var.environment)
    error_message = "The environment is production or staging, but not ${var.environment}."
  }
}

variable "port" {
  description = "Port of this host for the proxy."
  type        = number
  default     = 8080
}

variable "workers" {
  type    = number
  default = 2

  validation {
    condition     = var.workers >= 1
    error_message = "The proxy needs at least one worker."
  }
}

variable "partners" {
  description = "Destinations outside of this host that the workers may connect to."
  type        = list(object({ cidr = string, ports = list(string) }))
  default     = [{ cidr = "203.0.113.0/24", ports = ["443"] }]
}

variable "db_password" {
  type      = string
  sensitive = true
}

variable "data_dir" {
  description = "Directory of this host with a directory db for the database."
  type        = string
  default     = "/srv/three-tier"
}

variable "programs" {
  description = "The images, and the commands to run in place of the images' own."
  type = map(object({
    image   = string
    command = optional(string)
    args    = optional(list(string))
  }))
  default = {
    db     = { image = "docker.io/library/postgres:17-alpine" }
    worker = { image = "docker.io/library/adminer:5" }
    proxy = {
      image   = "docker.io/library/nginx:1.28-alpine"
      command = "/bin/sh"
      args    = ["-c", "echo \"$PROXY_CONF\" >/etc/nginx/conf.d/default.conf; exec nginx -g 'daemon off;'"]
    }
  }
}
