output "url" {
  value = "http://localhost:${var.port}/"
}

output "workers" {
  description = "Addresses of the workers by name."
  value       = { for w in cell.worker : w.name => w.address }
}

output "database" {
  value = cell.db.address
}

output "subnets" {
  value = { for name, tier in module.tier : name => tier.subnet }
}
