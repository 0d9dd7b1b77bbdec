# Three tiers, each in a network of its own: a public proxy, workers that only the proxy reaches, and a database that only the
# workers reach and that has no connections to the outside. It shows a module for each tier, cells in the stacks of modules,
# count, a template with addresses that the plan chooses, a file of the configuration in a container, egress rules, and a
# database that no plan destroys.
#
#   variables.hcl            the variables
#   tiers.hcl                the networks of the tiers, with modules/tier for each
#   main.hcl                 the cells and containers in them
#   files/                   the proxy's configuration as a template, the database's first schema
#   outputs.hcl              the addresses
#
# Create the data directory of the database, choose a password, and apply. The page is Adminer, which asks for the password.
#
#   sudo mkdir -p /srv/three-tier/db
#   export KUKE_VAR_db_password=$(openssl rand -hex 16)
#   sudo -E kuke apply
#   sudo -E kuke apply --var workers=3   # one worker more, and a proxy that knows it
#
# To destroy it, remove prevent_destroy from this file, apply, and run kuke destroy.
#
# Without a registry (in kuke lab, after kuke image import --realm main --name busybox …), lab.kukevars has a busybox
# stand in for the programs:
#
#   kuke apply --var-file lab.kukevars

kuke {
  project = "three-tier"
}

cell "db" {
  parent = module.tier["data"].stack
  labels = local.labels
  lifecycle {
    prevent_destroy = true
  }

  container "postgres" {
    image          = var.programs.db.image
    command        = var.programs.db.command
    args           = var.programs.db.args
    restart_policy = "unless-stopped"
    env = {
      POSTGRES_DB       = "shop"
      POSTGRES_USER     = "shop"
      POSTGRES_PASSWORD = var.db_password
    }
    volume {
      source = "${var.data_dir}/db"
      target = "/var/lib/postgresql/data"
    }
    volume {
      source    = "${path.module}/files/schema.sql"
      target    = "/docker-entrypoint-initdb.d/schema.sql"
      read_only = true
    }
    healthcheck {
      tcp                  = "localhost:5432"
      interval_seconds     = 1
      start_period_seconds = 300
    }
  }
}

cell "worker" {
  count  = var.workers
  parent = module.tier["app"].stack
  labels = merge(local.labels, { worker = count.index })
  depends_on {
    name      = cell.db.path
    condition = "healthy"
  }

  container "adminer" {
    image          = var.programs.worker.image
    command        = var.programs.worker.command
    args           = var.programs.worker.args
    restart_policy = "always"
    networks       = ["data"]
    env = {
      ADMINER_DEFAULT_SERVER = cell.db.address
      WORKER                 = count.index
    }
    healthcheck {
      tcp                  = "localhost:8080"
      interval_seconds     = 1
      start_period_seconds = 30
    }
  }
}

cell "proxy" {
  parent = module.tier["front"].stack
  labels = local.labels
  dynamic "depends_on" {
    for_each = cell.worker[*].path
    content {
      name      = depends_on.value
      condition = "healthy"
    }
  }

  # The configuration is part of the container: a change of it replaces the container.
  container "nginx" {
    image          = var.programs.proxy.image
    command        = var.programs.proxy.command
    args           = var.programs.proxy.args
    restart_policy = "always"
    networks       = ["app"]
    ports          = ["${var.port}:80"]
    env = {
      PROXY_CONF = templatefile("${path.module}/files/proxy.conf.tftpl", { workers = cell.worker[*].address })
    }
    healthcheck {
      http                 = "http://localhost/"
      interval_seconds     = 1
      start_period_seconds = 30
    }
  }
}
