variable "name" {
  type = string
}

variable "title" {
  description = "What the site is called by those who run it."
  type        = string
}

variable "port" {
  description = "Port of the host."
  type        = number
}

variable "memory_mib" {
  description = "Most memory of the web server and the database together, in MiB."
  type        = number
  default     = null
}

variable "debug" {
  description = "Whether WordPress shows what goes wrong in it."
  type        = bool
  default     = false
}

variable "data_dir" {
  description = "Directory of the host with the directories web and db."
  type        = string
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
