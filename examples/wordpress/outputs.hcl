output "urls" {
  description = "Addresses of the sites."
  value       = { for name, site in module.site : name => site.url }
}

output "databases" {
  description = "Addresses of the databases within this host."
  value       = { for name, site in module.site : name => site.database }
}
