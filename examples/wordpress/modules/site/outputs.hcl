output "url" {
  value = "http://localhost:${var.port}/"
}

output "database" {
  value = "${cell.db.address}:3306"
}
