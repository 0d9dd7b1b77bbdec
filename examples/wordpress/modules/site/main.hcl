# One site, in the space that the module's block names as its parent.

locals {
  database = replace("wp_${var.name}", "-", "_")
  user     = "wordpress"
}

stack "site" {
  name   = var.name
  labels = { title = var.title }
  dynamic "resources" {
    for_each = var.memory_mib[*] # none where it is null
    content {
      memory = "${resources.value}MiB"
      pids   = 400
    }
  }

  # They outlive containers, cells and the stack, and are mounted again under their names.
  volume "db" {}
  volume "html" {}

  cell "db" {
    container "mariadb" {
      image          = var.programs.db.image
      command        = var.programs.db.command
      args           = var.programs.db.args
      restart_policy = "unless-stopped"
      env = {
        MARIADB_DATABASE             = local.database
        MARIADB_USER                 = local.user
        MARIADB_PASSWORD             = var.db_password
        MARIADB_RANDOM_ROOT_PASSWORD = "yes"
      }
      volume {
        volume = "db"
        target = "/var/lib/mysql"
      }
      healthcheck {
        tcp                  = "localhost:3306"
        interval_seconds     = 1
        start_period_seconds = 300
      }
    }
  }

  cell "web" {
    depends_on {
      name      = "db"
      condition = "healthy"
    }

    container "wordpress" {
      image          = var.programs.web.image
      command        = var.programs.web.command
      args           = var.programs.web.args
      restart_policy = "always"
      ports          = ["${var.port}:80"]
      env = {
        WORDPRESS_DB_HOST     = "${cell.db.address}:3306"
        WORDPRESS_DB_NAME     = local.database
        WORDPRESS_DB_USER     = local.user
        WORDPRESS_DB_PASSWORD = var.db_password
        WORDPRESS_DEBUG       = var.debug ? 1 : 0
      }
      volume {
        volume = "html"
        target = "/var/www/html"
      }
      healthcheck {
        http                 = "http://localhost/wp-login.php"
        interval_seconds     = 1
        start_period_seconds = 300
      }
    }
  }
}
