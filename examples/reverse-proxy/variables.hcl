variable "domain" {
  description = "Name that the certificate is for."
  type        = string
  default     = "example.org"
}

variable "apps" {
  description = "The port of each application by its name, which is also its path below the domain."
  type        = map(number)
  default = {
    blog  = 8080
    notes = 8080
  }
}

variable "programs" {
  description = "The images, and the commands to run in place of the images' own."
  type = object({
    proxy = object({ image = string, command = optional(string), args = optional(list(string)) })
    app   = object({ image = string, command = optional(string), args = optional(list(string)) })
  })
  default = {
    proxy = { image = "docker.io/library/nginx:1.28" }
    app   = { image = "docker.io/library/busybox:1.37", command = "/bin/sh", args = ["-c", "mkdir -p /tmp/www; hostname >/tmp/www/index.html; exec busybox httpd -f -p 8080 -h /tmp/www"] }
  }
}
