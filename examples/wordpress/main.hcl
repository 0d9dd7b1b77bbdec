# Any number of WordPress sites: each site is a stack of a web server and a database of its own, published on a port of this
# host. Its data is in volumes, which survive the replacement of containers, the destruction of a site and reboots. The example
# shows variables with validation, a module for each of a map of sites, values that only the plan knows (the address of a
# database), volumes, dependencies with conditions, limits, outputs and a check.
#
#   variables.hcl            the variables, with their validation
#   sites.auto.kukevars      the sites; a file of this name is read automatically
#   main.hcl                 the network, and a module for each site
#   modules/site/            one site
#   outputs.hcl              the addresses of the sites
#
# Choose a password, and apply:
#
#   export KUKE_VAR_db_password=$(openssl rand -hex 16)
#   sudo -E kuke apply
#   sudo kuke output urls
#   sudo kuke get volumes                  # where the data is
#   sudo -E kuke destroy                   # keeps the volumes; destroy --volumes deletes them, too
#
# Without a registry (in kuke lab, after kuke image import --realm main --name busybox …), lab.kukevars has a busybox
# stand in for both programs:
#
#   kuke apply --var-file lab.kukevars [--var limits=false]

kuke {
  project = "wordpress"
}

locals {
  memory_mib = sum(concat([0], values(var.sites)[*].memory_mib))
}

realm "main" {
  space "wordpress" {
    labels = { app = "wordpress" }
  }
}

module "site" {
  source   = "./modules/site"
  for_each = var.sites
  parent   = space.wordpress.path

  name        = each.key
  title       = each.value.title
  port        = each.value.port
  memory_mib  = var.limits ? each.value.memory_mib : null
  debug       = each.value.debug
  programs    = var.programs
  db_password = var.db_password
}

# A failed check is a warning: the sites are changed nevertheless.
check "memory" {
  assert {
    condition     = local.memory_mib <= var.memory_mib
    error_message = "The sites may use ${local.memory_mib} MiB together, but are meant to stay within ${var.memory_mib} MiB."
  }
}
