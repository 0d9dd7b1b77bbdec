output "urls" {
  description = "Where the sites are."
  value       = { for name, site in module.site : name => site.url }
}

output "databases" {
  description = "Where the databases are, within this host."
  value       = { for name, site in module.site : name => site.database }
}
