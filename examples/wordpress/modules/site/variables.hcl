variable "name" {
  type = string
}

variable "title" {
  description = "Name of the site."
  type        = string
}

variable "port" {
  description = "Port of the host."
  type        = number
}

variable "memory_mib" {
  description = "Maximum memory of the web server and the database together, in MiB."
  type        = number
  default     = null
}

variable "debug" {
  description = "Whether WordPress shows its errors."
  type        = bool
  default     = false
}

variable "programs" {
  type = object({
    web = object({ image = string, command = optional(string), args = optional(list(string)) })
    db  = object({ image = string, command = optional(string), args = optional(list(string)) })
  })
}

variable "db_password" {
  type      = string
  sensitive = true
}
