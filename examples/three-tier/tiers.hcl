locals {
  labels = { app = "shop", environment = var.environment }

  tiers = {
    front = { egress = { default = "deny" } }
    app   = { egress = { default = "deny", allow = var.partners } }
    data  = { internal = true }
  }
}

realm "main" {
  labels = local.labels
}

module "tier" {
  source   = "./modules/tier"
  for_each = local.tiers
  parent   = realm.main.path

  name     = each.key
  labels   = merge(local.labels, { tier = each.key })
  internal = lookup(each.value, "internal", false)
  egress   = lookup(each.value, "egress", null)
}
