#!/bin/sh
# The steps of a pipeline, for any CI system, cron or a person:
#
#   pipeline.sh plan    plans and writes kuke.plan, and comment.md for the review
#   pipeline.sh apply   carries out kuke.plan, as it was reviewed
#   pipeline.sh drift   compares the host with the record: exit status 2 for differences
#
# KUKE_DIR is the directory of the configuration (default: the current one). KUKE_APPLY_FLAGS are flags for apply: a plan that
# needs sensitive values takes them from the configuration, with "-f .". Variables come from KUKE_VAR_name or *.auto.kukevars.
set -eu

dir=${KUKE_DIR:-.}
plan=$PWD/kuke.plan
comment=$PWD/comment.md

# kuke needs root, and sudo -E hands down the variables.
kuke() {
  if [ "$(id -u)" = 0 ]; then
    command kuke "$@"
  else
    sudo -E kuke "$@"
  fi
}

plan_changes() {
  kuke -chdir="$dir" fmt --check --recursive
  kuke -chdir="$dir" validate
  kuke -chdir="$dir" plan --input=false --compact-warnings --out "$plan"
  [ "$(id -u)" = 0 ] || sudo chown "$(id -u)" "$plan"
  {
    # The first line finds the comment again, to update it in place.
    echo '<!-- kuke plan -->'
    kuke show --markdown "$plan"
  } >"$comment"
}

apply_plan() {
  # A plan is refused if the state or the host changed since the review. Then plan again, and review again.
  # shellcheck disable=SC2086 # they are flags
  kuke -chdir="$dir" apply --input=false --lock-timeout 10m "$plan" ${KUKE_APPLY_FLAGS:-}
}

check_drift() {
  kuke -chdir="$dir" plan --input=false --refresh-only --detailed-exitcode
}

case ${1:-} in
  plan) plan_changes ;;
  apply) apply_plan ;;
  drift) check_drift ;;
  *)
    echo "usage: $0 plan|apply|drift" >&2
    exit 1
    ;;
esac
